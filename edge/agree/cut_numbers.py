"""Cut numbers: a pause may cut a number into two utterances, of which neither half counts by itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dockvoice_protocol.forms.spoken import are_one_number, number_head, number_tail, read
from dockvoice_protocol.forms.spoken.folding import Phrase, fold
from dockvoice_protocol.records import FieldReading, NotUnderstood, Reading, Word
from edge.agree.decide import Rules
from edge.agree.readings import with_unconfirmed
from edge.records import Draft

BREATH_S = 4.0  # After a longer pause in the middle of a sentence, people begin it anew.


@dataclass(slots=True)
class PreviousUtterance:
    """The words of the previous utterance, whose last number a pause may have cut."""

    words: tuple[Word, ...] = ()
    ended: float | None = None  # In seconds of one clock; None: unknown.

    def is_just_before(self, began: float) -> bool:
        """Whether an utterance beginning at `began` surely continues this one."""
        return self.ended is not None and 0 <= began - self.ended <= BREATH_S

    def is_long_ago(self, began: float | None) -> bool:
        """Whether an utterance beginning at `began` surely does not continue this one."""
        return began is not None and self.ended is not None and began > self.ended + BREATH_S

    def remember_unless_wordless(self, said: Reading, ended: float | None, *, goes_on: bool = False) -> bool:
        """Remember an utterance; False, and unchanged, for one without known words, such as a cough.

        One with fields has no open end, unless it `goes_on` with an entry that is asked about.
        """
        if not said.words or said.not_understood is NotUnderstood.NO_WORDS:
            return False
        self.words, self.ended = () if said.fields and not goes_on else said.words, ended
        return True

    def doubt_continued_count(self, said: Reading, rules: Rules) -> Reading:
        """The reading, with a count unconfirmed that may have begun in the previous utterance."""
        if not are_one_number(self.words, said.words, rules.language):
            return said
        return with_unconfirmed(said, _fields_of_first_number(said, rules))


def begins_with_unclear_number(said: Reading, rules: Rules) -> bool:
    """Whether its first number gives its field no value, "eight five two twelve units", or belongs to no field.

    "Oh, dock A": the zero may continue the last utterance.
    """
    counted = _fields_of_first_number(said, rules)
    return not counted or any(said.fields[name].value is None for name in counted)


def _fields_of_first_number(said: Reading, rules: Rules) -> tuple[str, ...]:
    """The fields that the first number may count."""
    number = number_head(said.words, rules.language)
    return tuple(name for name, one in said.fields.items() if number and _starts_with_number(one, number))


def _starts_with_number(said: FieldReading, number: Phrase) -> bool:
    """Whether the field begins with the number as it was written: "ninety-three", "dreiundneunzig", "a dozen"."""
    first = [fold(word) for word in said.words[:2]]
    return first[:1] != [] and (first[0] in number or any(number[0] in word for word in first))


def find_cut_fields(reading: Reading, before: Sequence[Word], rules: Rules) -> tuple[str, ...]:
    """The fields whose value is the number at the end of `before`, which a pause may have cut."""
    last = tuple(word for word in number_tail(before, rules.language) if rules.language.in_id(word))[-1:]
    return tuple(name for name, one in reading.fields.items() if last and tuple(map(fold, one.words[-1:])) == last)


def complete_cut_number(draft: Draft, before: Sequence[Word], said: Reading, rules: Rules) -> Draft | None:
    """The draft with the whole of a number that a pause cut, unconfirmed: "two hundred" | "and fifty"; or None."""
    if said.fields or not are_one_number(before, said.words, rules.language):
        return None
    whole = _join_utterance_words(before, said.words)
    for name in find_cut_fields(draft.reading, before, rules):
        heard = read(whole, rules.form, rules.catalogue, rules.language, asked=name).get(name)
        if heard is not None and heard.value is not None and not heard.rivals:
            fields = {**draft.reading.fields, name: replace(heard, confirmed=False)}
            return replace(draft, reading=replace(draft.reading, fields=fields))
    return None


def _join_utterance_words(before: Sequence[Word], after: Sequence[Word]) -> tuple[Word, ...]:
    """The words of two utterances, timed without the pause between them."""
    end, start = before[-1].end, after[0].start
    moved = (replace(word, start=word.start - start + end, end=word.end - start + end) for word in after)
    return (*before, *moved)
