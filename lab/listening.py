"""`dockvoice record-truth --listen`: a person hears the recordings of a set, and says what is true of each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.forms.spoken.reader import make_timed_words
from dockvoice_protocol.records import FieldValue, as_text
from dockvoice_protocol.terminal import print_lines
from edge.agree.decide import Rules
from edge.cli.speak import play
from edge.config import Speak
from lab.scoring import Truth
from lab.truth import TruthSet

NOTHING_SAID, INCOMPLETE = "nothing said", "incomplete"  # Conditions of clips of which nothing may be recorded.

_KEYS = "Enter: so it was said; n: nobody dictated; p: again; d: remove; q: end; or what was said, in words"


def listen_to_set(truth_set: TruthSet, rules: Rules, speaker: Speak, who: str) -> None:
    """Play each recording that nobody has listened to, and put what the person answers into its line."""
    waiting = [line for line in truth_set.settled_lines() if line.get("truth") != Truth.LISTENED]
    for number, line in enumerate(waiting, 1):
        print_lines(f"\n{number} of {len(waiting)}, {line['condition']}: {line['audio']}")
        print_lines(f"   read:   {_as_words(line.get('read'))}\n   agreed: {_as_words(line['fields'])}")
        if not _ask(truth_set, line, rules, speaker, who):
            break
    left = sum(line.get("truth") != Truth.LISTENED for line in truth_set.settled_lines())
    print_lines(f"{left} left to listen to; dockvoice evaluate {truth_set.manifest}")


def _ask(truth_set: TruthSet, line: Mapping[str, Any], rules: Rules, speaker: Speak, who: str) -> bool:
    """Play one recording until the person has said what is true of it; False where he ends."""
    key = "p"
    while True:
        if key == "p":
            _play(truth_set, line, speaker)
        key = read_answer(_KEYS)
        if key in {"q", "d"}:
            if key == "d":
                truth_set.settle(line["audio"], None)
            return key == "d"
        if key == "p":
            continue
        truth = _as_it_stands(line) if not key else _nothing() if key == "n" else _parse_words(key, rules)
        if truth is not None:
            truth_set.settle(line["audio"], {**truth, "truth": Truth.LISTENED, "by": who})
            return True


def read_answer(question: str) -> str:
    """Ask on the terminal; the answer in small letters, `q` at the end of the input, where none can follow."""
    sys.stdout.write(f"   {question} > ")
    sys.stdout.flush()
    answer = sys.stdin.readline()
    return answer.strip().lower() if answer else "q"


def _play(truth_set: TruthSet, line: Mapping[str, Any], speaker: Speak) -> None:
    try:
        asyncio.run(play((truth_set.read_sound(line) * np.iinfo(np.int16).max).astype(np.int16), speaker))
    except Unavailable as fault:
        print_lines(f"   not played: {fault}\n   play it elsewhere: {truth_set.manifest.parent / line['audio']}")


def _as_it_stands(line: Mapping[str, Any]) -> dict[str, Any]:
    return {"condition": line["condition"]} if line["fields"] is not None else _nothing()


def _nothing() -> dict[str, Any]:
    return {"fields": None, "condition": NOTHING_SAID}


def _parse_words(text: str, rules: Rules) -> dict[str, Any] | None:
    """The truth in a typed sentence; None, with the fault, where a value in it is not plain."""
    form, known = rules.form, (rules.form, rules.catalogue, rules.language)
    read = read_fields(make_timed_words(text, *known), *known)
    unclear = [
        name for name, one in read.items() if one.value is None or one.rivals or not form[name].allows(one.value)
    ]
    if unclear or not read:
        found = f"no one value of {', '.join(unclear)}" if unclear else "no field of the form"
        print_lines(f"   {text!r}: {found}; allowed is a sentence as `dockvoice forms read` reads it")
        return None
    said = {name: one.value for name, one in read.items() if one.value is not None}
    print_lines(f"   kept:   {_as_words(said)}")
    if any(one.required and one.name not in said for one in form.fields):
        return {"fields": None, "heard": said, "condition": INCOMPLETE, "text": text}
    return {"fields": said, "condition": "listened to", "text": text}


def _as_words(fields: Mapping[str, FieldValue] | None) -> str:
    return ", ".join(f"{name} {as_text(value)}" for name, value in (fields or {}).items()) or "nothing"
