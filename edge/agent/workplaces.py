"""Workplaces: the readers and rules that depend on form and language, one workplace for each pair.

The dialogue changes both at run time; all other parts look up the workplace of an utterance here. Recognisers, whose
grammars are slow to compile, are created at first use, or before that in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import NotUnderstoodReason, Reading
from edge.agent.typed_input import ReaderBySource
from edge.agree.decide import Rules
from edge.ports import Interpreter, UtteranceListener, WholeUtteranceListener
from edge.records import StoreFormOrLanguageChange, Utterance
from edge.understand.panel import Panel


@dataclass(frozen=True, slots=True, eq=False)
class Workplace:
    """One form in one language."""

    work: StoreFormOrLanguageChange  # The form, and the language as requested; None: the device's own.
    readers: ReaderBySource  # For speech, typed text and scans, with the rules.
    panel: Panel | None = None  # The interpreter, where it asks remote models; else None.

    @property
    def rules(self) -> Rules:
        """The rules of this form in this language."""
        return self.readers.rules


class LazyReader(Interpreter):
    """A recogniser created at first use. Thread-safe: other threads wait for the first."""

    def __init__(self, name: str, make: Callable[[], Interpreter]) -> None:
        """`name` is the name of the recogniser that `make` returns."""
        self.name = name
        self._make = make
        self._making = Lock()
        self._made: Interpreter | None = None

    def get_or_create(self) -> Interpreter:
        """The recogniser, created at the first call. Raises Misconfigured where a word of the form is unknown to it."""
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    def listen(self) -> UtteranceListener:
        """Begin to listen to an utterance with the recogniser, which is created at first use."""
        return self.get_or_create().listen()


class NullReader(Interpreter):
    """The interpreter of a language without a recogniser: it reads nothing, rather than invent words."""

    name = "none"

    def __init__(self, form: Form) -> None:
        self._form = form

    def listen(self) -> UtteranceListener:
        """Read no sound; each utterance is answered with UNHEARD_LANGUAGE."""
        return WholeUtteranceListener(self._read)

    async def _read(self, _: Utterance) -> Reading:
        """A reading that says UNHEARD_LANGUAGE."""
        return Reading(self.name, self._form.name, (), {}, NotUnderstoodReason.UNHEARD_LANGUAGE)


class Workplaces:
    """The workplaces of one agent. Reading is thread-safe; only the loop changes `current`."""

    def __init__(
        self, start: Workplace, make: Callable[[Form, str | None], Workplace] | None = None, forms: Iterable[Form] = ()
    ) -> None:
        """`start` is the first one; `make` makes one for another form of `forms`, or language; None: no other."""
        self.current = start  # The current workplace.
        self._make = make
        own = start.rules.form
        self.forms: Mapping[str, Form] = {form.name: form for form in (*forms, own)}  # The loaded forms, by name.
        self._made = {start.work: start}
        self._making = Lock()

    def get(self, form: str, language: str | None = None) -> Workplace:
        """The workplace of a loaded form in a language; None: the device's own. Raises LookupError for another form."""
        work = StoreFormOrLanguageChange(form, language)
        with self._making:
            if (made := self._made.get(work)) is not None:
                return made
            if form not in self.forms or self._make is None:
                raise LookupError(f"form {form!r}, language {language!r}: not at hand on this device")
            return self._made.setdefault(work, self._make(self.forms[form], language))

    def for_utterance(self, utterance: Utterance) -> Workplace:
        """The workplace of an utterance. Raises LookupError if its form is not loaded."""
        return self.get(utterance.form, utterance.language)

    def make_attention(self, utterance: Utterance) -> UtteranceListener:
        """A fresh listener for the utterance, by the readers of its workplace."""
        return self.for_utterance(utterance).readers.listen(utterance)

    def rules_for_second_recogniser(self, utterance: Utterance) -> Rules | None:
        """The rules of an utterance in the device's own language, the second recogniser's; None for another."""
        return self.for_utterance(utterance).rules if utterance.language is None else None

    def find_rules(self, form: str) -> Rules | None:
        """The rules of a loaded form; None for another."""
        return self.get(form).rules if form in self.forms else None

    def make_current(self, work: StoreFormOrLanguageChange) -> Workplace:
        """Make this the current workplace; without a form in `work`, the current form stays."""
        self.current = self.get(work.form or self.current.rules.form.name, work.language)
        return self.current

    def prepare_same_workplaces(self, other: Workplaces) -> Workplaces:
        """Create in `other` the recognisers of all workplaces that exist here, and return it. Thread-safe.

        Takes seconds. Raises Misconfigured where a word is not in the vocabulary.
        """
        for work in tuple(self._made):
            if work.form is not None and isinstance(
                reader := other.get(work.form, work.language).readers.recogniser, LazyReader
            ):
                reader.get_or_create()
        return other

    def replace_with(self, other: Workplaces) -> None:
        """Take over the other's workplaces, between two utterances."""
        work = self.current.work
        with self._making:
            self._made, self._make, self.forms = other._made, other._make, other.forms
        self.current = self.get(work.form or self.current.rules.form.name, work.language)

    async def prepare_recognisers(self) -> None:
        """Create the missing recognisers of the loaded forms in the background, one after the other.

        A form with a cached grammar takes a quarter of a second, a new one a second of a processor. Raises
        Misconfigured where a word of a form is not in the vocabulary.
        """
        for form in self.forms:
            if isinstance(reader := self.get(form).readers.recogniser, LazyReader):
                await asyncio.to_thread(reader.get_or_create)

    def panels(self, languages: Iterable[str] = ()) -> Iterator[Panel]:
        """The panels of all loaded forms, in the device's own language and these further ones."""
        for form in self.forms:
            for language in (None, *languages):
                if (panel := self.get(form, language).panel) is not None:
                    yield panel
