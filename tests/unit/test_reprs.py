"""What operators say is in no repr: a repr ends up in a log, in a traceback, on somebody's screen."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Transcript, Word
from edge.agree.decide import Rules, decide
from edge.agree.dialogue.interface import UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic
from edge.records import ClosedBy, Commit, Draft, Note
from edge.understand.reading_builder import read_recognised_words

PACKAGES = (
    "dockvoice_protocol.records",
    "edge.records",
    "edge.agree",
    "edge.speak",
    "edge.keep",
    "edge.understand",
    "edge.agent.events",
    "edge.agent.dialogue_driver",
)
"""Where what was said is handed on."""

TEXT = (str, bytes, object, Any)  # Types that may hold what was said.

NAMES = """
    utterance_id event_id form field source operator operators who interpreter transcriber client model tool language
    chain turned_down previous link keyid signature sha256 audio_sha256 audio_path path support replaces request_id
    event_sha256 AuditReport.found _Erased.waiting _Erased.left dated_at request
    instance held reentered
    said_in standing stands not_read_back doubted set_over_question
    day came decision outcome review flag fault why reason reasons receipt ask asked pending DialogueTurn.fields
    uom base kind on_break began ended shift zone utc_offset notice pallet item site ReceivingPlace.name
    works elsewhere allowed
    StoredClip.request _Planned.refused DoubtedField.name DoubtedField.reader
    asked_at heard_at recorded_at settled_at decided_at answered_at removed_at audio_removed_at params headers prompt
"""
"""Text that is no speech: names of things, people, places and times, codes, and what services are sent or send beside
it. The `fields` of a `DialogueTurn` are names too."""


def modules() -> Iterator[str]:
    for name in PACKAGES:
        yield name
        path = getattr(import_module(name), "__path__", ())
        yield from (module.name for module in pkgutil.walk_packages(path, f"{name}."))


def values() -> Iterator[type]:
    """Every dataclass of those modules."""
    for name in modules():
        for one in vars(import_module(name)).values():
            if isinstance(one, type) and is_dataclass(one) and one.__module__ == name:
                yield one


def holds_text(kind: Any) -> bool:
    """Whether a value of the type may have text in it that no repr of its own hides."""
    if kind in TEXT:
        return True
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return False
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner = inner[1:]  # the names of fields
    return any(holds_text(one) for one in inner if one is not Ellipsis)


def text_shown(value: type) -> set[str]:
    """The fields that a repr shows, hold text, and are no names."""
    kinds = get_type_hints(value)
    shown = {field.name for field in fields(value) if field.repr and holds_text(kinds[field.name])}
    return {name for name in shown if {name, f"{value.__name__}.{name}"}.isdisjoint(NAMES.split())}


def test_text_is_hidden_unless_it_is_a_name() -> None:
    shown = {f"{value.__module__}.{value.__name__}": text_shown(value) for value in values()}
    assert {name: text for name, text in shown.items() if text} == {}


def test_a_sentence_and_what_became_of_it_tell_nothing_of_what_was_said(form: Form, catalogue: Catalogue) -> None:
    rules = Rules(form, catalogue, 0.9)
    said = "pallet seven four two twelve units dock b"
    words = [Word(word, number * 0.4, number * 0.4 + 0.3, 0.99) for number, word in enumerate(said.split())]
    reading = read_recognised_words("test", words, form, catalogue)
    verdict = decide(reading, ClosedBy.PAUSE, rules)
    draft = Draft("u", form.name, reading, agreed=("pallet_id=742",), proved=("dock=B",))
    handed_on = (
        *(UtteranceHeard("u", reading, verdict=verdict), Note("u", reading, verdict), Commit(draft, verdict)),
        *(Transcript("t", said, None, tuple(words)), Question(Topic.INSTEAD, fields=verdict.fields)),
    )
    assert dict(verdict.fields) == {"pallet_id": "742", "quantity": 12, "dock": "B"}
    for one in handed_on:
        shown = re.sub(r" at 0x[0-9a-f]+", "", repr(one))  # where an object lies in memory is of chance
        for told in (*said.split()[1:6], "742", "12", "'B'", "'b'"):
            assert told not in shown
