"""Plays: conversations as lines of JSON, each held afresh, and answered by what came of it.

For a site that tries its own way of talking before anybody speaks it, and for whoever counts how such conversations
end: `dockvoice talk --plays FILE`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from edge.agent.dialogue_steps import Render, Stepped
from edge.agree.decide import Rules
from edge.agree.dialogue.orders import Say
from edge.agree.dialogue.session import Manner
from edge.forms.model import Form
from edge.forms.scanned import AS_DELIVERED, Sending
from edge.forms.spoken.language import language_named
from edge.keep.journal import Journal
from edge.records import Work
from edge.records.strict_json import NotStrict, strict
from edge.speak.wording import LANGUAGES, Phrasing
from lab.desk import SCANNED, Talk, as_sent

JsonLine = dict[str, Any]

WAIT = "/wait"  # Silence, until the device does something.

KEYS = ("lines", "language", "form")

SWIFT = Path("/dev/shm")  # noqa: S108 - a directory in memory, where there is one: a play's journal is thrown away
"""A journal is flushed at each step; a disk takes some milliseconds for that, and memory none."""

OF = ("amends", "cancels")  # How an event names the one that it is about.


class WrongPlay(ValueError):
    """A line that is no play; its message says what was found, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Play:
    """What an operator says, line by line."""

    lines: tuple[str, ...]
    rules: Rules
    language: str
    sending: Sending | None = None  # What a scanner sends, where one is at hand: a line that begins with ] is a label.
    at_hand: tuple[Form, ...] = ()  # The forms that may be switched between, where the play names none.


@dataclass(slots=True)
class Acted:
    """What came of a play."""

    events: list[JsonLine] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    parked: int = 0  # The utterances that wait for a person at its end.


def acted(
    lines: Iterable[bytes], usual: Play, forms: Mapping[str, Form], render: Render, manner: Manner
) -> Iterator[JsonLine]:
    """What came of each line's play, in order; one that is no play is answered with its `error`.

    `usual` holds for what a line does not say itself.
    """
    with _journals() as fresh:
        for number, line in enumerate(lines, start=1):
            try:
                play = _play(line, usual, forms)
            except WrongPlay as fault:
                yield {"error": f"line {number}: {fault}"}
                continue
            with fresh() as journal:
                came = act(play, journal, render, manner)
            yield {"events": came.events, "parked": came.parked, "said": came.said}


def act(play: Play, journal: Journal, render: Render, manner: Manner) -> Acted:
    """Hold the conversation of one play over a journal in which nothing is."""
    sending = play.sending or AS_DELIVERED
    device = Talk(play.rules, journal, render, time.monotonic, manner, sending=sending, forms=play.at_hand)
    came, filled = Acted(), [play.rules.form]
    ids: dict[str, int] = {}

    def tell(stepped: Stepped) -> None:
        came.said += _said(stepped, play, filled[-1], device.rules.form)
        filled.append(device.rules.form)
        if stepped.row is not None:
            event = json.loads(stepped.row.body)
            ids[event["id"]] = stepped.row.sequence
            data = event["data"]
            told = {"sequence": stepped.row.sequence, "type": event["type"], "fields": data.get("fields", {})}
            came.events.append(told | {name: ids[data[name]] for name in OF if name in data})

    tell(device.start())
    for line in play.lines:
        if play.sending is not None and line.startswith(SCANNED):
            tell(device.scan(as_sent(line)))
        elif line != WAIT:
            tell(device.say(line))
        elif device.due is not None:
            tell(device.expire())
    came.parked = journal.review.how_many()
    return came


def _said(stepped: Stepped, play: Play, before: Form, after: Form) -> Iterator[str]:
    """What the device says in a step; from where it changes the form on, of the form `after`."""
    form = before
    for order in stepped.orders:
        if isinstance(order, Work):
            form = after
        elif isinstance(order, Say):
            yield _phrasing(form, play.language, play.at_hand).text(order)


@contextmanager
def _journals() -> Iterator[Callable[[], Any]]:
    """Makes a journal in which nothing is, as often as it is called: a copy of one, which is quicker than a new one."""
    within = SWIFT if SWIFT.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="dockvoice-plays-", dir=within) as directory:
        empty, copy = Path(directory) / "empty", Path(directory) / "play"
        Journal.open(empty).close()

        @contextmanager
        def fresh() -> Iterator[Journal]:
            shutil.copytree(empty, copy)
            try:
                with Journal.open(copy) as journal:
                    yield journal
            finally:
                shutil.rmtree(copy)

        yield fresh


@cache
def _phrasing(form: Form, language: str, at_hand: tuple[Form, ...]) -> Phrasing:
    return Phrasing(form, language, at_hand)


def _play(line: bytes, usual: Play, forms: Mapping[str, Form]) -> Play:
    try:
        row = strict(line)
    except NotStrict as fault:
        raise WrongPlay(str(fault)) from fault
    if not isinstance(row, dict):
        raise WrongPlay(
            f'found {type(row).__name__}, allowed is an object such as {{"lines": ["pallet 742", "/wait"]}}'
        )
    if unknown := sorted(row.keys() - set(KEYS)):
        raise WrongPlay(f"found the key {unknown[0]!r}, allowed are {', '.join(KEYS)}")
    said = row.get("lines")
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise WrongPlay(f"lines: found {said!r:.60}, allowed is a list of strings")
    language, name = row.get("language", usual.language), row.get("form", usual.rules.form.name)
    if language not in LANGUAGES:
        raise WrongPlay(f"language: found {language!r:.60}, allowed are {', '.join(LANGUAGES)}")
    if name not in forms:
        raise WrongPlay(f"form: found {name!r:.60}, allowed are {', '.join(sorted(forms))}")
    rules = replace(usual.rules, form=forms[name], language=language_named(language))
    at_hand = usual.at_hand if name == usual.rules.form.name else ()
    return Play(tuple(one.strip() for one in said), rules, language, usual.sending, at_hand)
