"""Expected receipts in the dialogue: what a list makes the device ask, and that no figure of a list is ever spoken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockvoice_protocol.events import parse_event, to_json_bytes
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.records import (
    ExpectedLine,
    ExpectedList,
    FieldReading,
    FieldValue,
    PlaceKind,
    Reading,
    ReceivingPlace,
    Transcript,
    Word,
)
from edge.agree.decide import Circumstances, Rules, decide
from edge.agree.dialogue.interface import DeviceStarted, DialogueInput, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.questions import next_question
from edge.agree.expectations import Expectations, find_contradicted_fields
from edge.deliver.device_events import entry_event
from edge.keep.codec import draft_json, parse_draft
from edge.records import ClosedBy, Commit, Draft, Entry, EventIds, Reason
from edge.records.speech import Prompt, Say
from edge.speak.wording import Phrasing
from edge.understand.stt.transcript_reader import TranscriptParser
from tests.dictated import INSTANCE, seal
from tests.rows import each_of, rows_of
from tests.sayings import NOON

REPOSITORY = Path(__file__).parents[2]
FORM = load_form(REPOSITORY / "tests" / "data" / "forms" / "receive.schema.json")
CATALOGUE = Catalogue.load(REPOSITORY / "tests" / "playbook" / "catalogue")
TRAILER, ANOTHER, DOOR = (
    *(ReceivingPlace(PlaceKind.TRAILER, "5501"), ReceivingPlace(PlaceKind.TRAILER, "5502")),
    ReceivingPlace(PlaceKind.DOOR, "12"),
)
LINE = ExpectedLine("4550012", "742", "A100", 24, "CS", lot_needed=False)
HERE = (
    *(LINE, replace(LINE, pallet="743", received=True)),
    *(replace(LINE, pallet="746"), replace(LINE, pallet="746", item="A200", quantity=6)),
    replace(LINE, pallet="747", quantity=288, uom="EA"),
    replace(LINE, pallet="748", item="A200", quantity=288, uom="EA"),
    *(replace(LINE, pallet="749", lot_needed=True), replace(LINE, pallet="749", item="A200")),
    replace(LINE, pallet="750", lot_needed=True),
)


def expecting(*lists: tuple[ReceivingPlace, tuple[ExpectedLine, ...]]) -> Expectations:
    return Expectations([ExpectedList("north", place, 1, lines) for place, lines in lists])


KNOWN = expecting((TRAILER, HERE), (ANOTHER, (replace(LINE, pallet="744"),)), (DOOR, (replace(LINE, pallet="745"),)))


@each_of(("said", "wanted"), rows_of("expectations", "asked"))
def test_what_is_asked_because_of_a_list(said: Mapping[str, FieldValue], wanted: Mapping[str, str]) -> None:
    assert find_contradicted_fields(said, FORM, CATALOGUE, KNOWN) == {name: Reason[why] for name, why in wanted.items()}


@each_of(("said", "wanted"), rows_of("expectations", "damaged"))
def test_what_came_damaged_came(said: Mapping[str, FieldValue], wanted: Mapping[str, str]) -> None:
    form = load_form(REPOSITORY / "schemas" / "forms" / "receive-notice.schema.json")
    assert find_contradicted_fields({"pallet_id": "742", "uom": "CS", **said}, form, CATALOGUE, KNOWN) == {
        name: Reason[why] for name, why in wanted.items()
    }


def test_where_nothing_is_announced_nothing_is_asked() -> None:
    said: Mapping[str, FieldValue] = {"pallet_id": "999", "quantity": 1, "uom": "CS", "trailer": "5501"}
    for nothing in (Expectations(), expecting((TRAILER, ()))):
        assert find_contradicted_fields(said, FORM, CATALOGUE, nothing) == {}
    other = load_form(REPOSITORY / "schemas" / "forms" / "pallet-move.schema.json")  # holds nothing against lists
    assert find_contradicted_fields({"pallet_id": "999"}, other, CATALOGUE, KNOWN) == {}


class Shift:
    """A dialogue that knows what is announced, and all that it says and records."""

    def __init__(self) -> None:
        self.dialogue = Dialogue(Rules(FORM, CATALOGUE))
        self.said: list[str] = []
        self.commits: list[Commit] = []
        self.take(DeviceStarted())

    def say(self, text: str, confidence: float = 0.99) -> None:
        reading = TranscriptParser(FORM, CATALOGUE, "en").read(Transcript("test", text, confidence), confidence, 3.0)
        self.take(UtteranceHeard(f"u {text}", reading, known=Circumstances(expected=KNOWN)))

    def take(self, happening: DialogueInput) -> None:
        orders = self.dialogue.handle(happening)
        self.said += [Phrasing(FORM, "en").text(order) for order in orders if isinstance(order, Say)]
        self.commits += [order for order in orders if isinstance(order, Commit)]


def test_both_counts_are_in_the_event() -> None:
    shift = Shift()
    shift.say("pallet 742, 22 cases")
    shift.say("23 cases")
    shift.take(TimerExpired())
    (commit,) = shift.commits
    draft, fields = commit.draft, commit.verdict.fields
    moment: dict[str, Any] = {"recorded_at": NOON, "audio_sha256": "ab" * 32, "audio_seconds": 1.0}
    utterance = "01919f3e-7b00-7f10-8aa0-5c4d3e2f1a0b"
    entry = Entry(utterance, FORM.name, fields, None, reading=draft.reading, counted=draft.counted, **moment)
    minted = EventIds("01919f3e-7c1a-7d42-9b1f-2f6a0c5d8e11", 1, "0" * 64, INSTANCE)
    data = parse_event(to_json_bytes(entry_event(entry, minted, site="north", device="dock-3") | seal(1)))["data"]
    assert (data["counted_first"], data["fields"]["quantity"]) == ({"quantity": 22}, 23)


def test_a_count_is_asked_for_again_also_where_the_pallet_is_in_doubt_and_comes_behind_it() -> None:
    counted_first = replace(FORM, fields=tuple(sorted(FORM.fields, key=lambda field: field.name != "quantity")))
    rules = Rules(counted_first, CATALOGUE)
    said = {
        "quantity": FieldReading(22, ("twenty-two",), 0.99),
        "uom": FieldReading("CS", ("cases",), 0.99),
        "pallet_id": FieldReading("742", ("seven", "four", "two"), 0.2),
    }
    reading = Reading("test", FORM.name, (Word("seven", 0.0, 0.3, 0.2),), said)
    verdict = decide(reading, ClosedBy.PAUSE, rules, Circumstances(expected=KNOWN))
    assert [str(one) for one in verdict.reasons] == ["count_differs:quantity", "field_unsure:pallet_id"]
    question = next_question(Draft("u1", FORM.name, reading), verdict, rules, 0, ended=True)
    assert question is not None
    assert (question.prompt, question.fields) == (Prompt.COUNT_AGAIN, {"pallet_id": "742"})


@each_of("confidence", [0.99, 1.0])
def test_a_second_count_that_comes_to_the_same_is_taken_wherever_the_first_was_said(confidence: float) -> None:
    shift = Shift()
    shift.say("22 cases, trailer 5501", confidence)
    shift.say("pallet 742", confidence)
    assert shift.said[-1] == "Count pallet 7 4 2 again."
    shift.say("22 cases", confidence)
    assert shift.commits == [], "named by an answer alone: silence is no consent"
    shift.say("yes", confidence)
    (commit,) = shift.commits
    assert (commit.verdict.fields["quantity"], commit.draft.counted) == (22, (("quantity", 22),))


def test_a_lot_that_is_needed_is_asked_for() -> None:
    shift = Shift()
    shift.say("pallet 750, 24 cases")
    assert (shift.said, shift.commits) == (["Which lot?"], [])
    shift.say("lot L 1 2 3 4")
    shift.take(TimerExpired())
    assert [one.verdict.fields.get("lot") for one in shift.commits] == ["L1234"]


def test_a_second_count_survives_a_power_cut() -> None:
    shift = Shift()
    shift.say("pallet 742, 22 cases")
    shift.say("23 cases")
    kept = parse_draft(draft_json(shift.dialogue.draft))
    assert kept is not None
    assert kept.counted == (("quantity", 22),)
