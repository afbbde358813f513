from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import SCANNER, ScanFault
from edge.agent.dialogue_driver import StepResult
from edge.agent.dictation import INTERRUPTED
from edge.agent.typed_input import scanned_utterance
from edge.agree.decide import Rules
from edge.agree.dialogue.session import DialogueSettings
from edge.agree.dialogue.table import State
from edge.deliver.device_events import entry_event
from edge.keep import evidence
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say
from edge.speak.wording import Phrasing, words_by_code
from lab.typed_conversation import TypedConversation
from tests import shipped
from tests.reading.gs1_labels import Label, broken, keyed, valid
from tests.unit.test_dictation import Bench, nobody_is_there
from tests.unit.test_typed_input import on_record

SSCC, OTHER, GTIN = keyed("37613032110910342"), keyed("00614141123456789"), keyed("0400638133393")
PALLET, ANOTHER = f"]C100{SSCC}", f"]C100{OTHER}"
LABELS = shipped.form_in(Path(__file__).parent / "tables" / "labels.schema.json")


class Desk:
    """A conversation at the desk, in a time that only the test lets pass."""

    def __init__(self, journal: Journal, form: Form, manner: DialogueSettings | None = None) -> None:
        self.now = 0.0
        self.journal = journal
        self._phrasing = Phrasing(form)
        catalogue = Catalogue({}) if form is LABELS else shipped.catalogue()
        rules = Rules(form, catalogue)
        self.talk = TypedConversation(
            rules, journal, partial(entry_event, site="s", device="d"), lambda: self.now, manner
        )
        self.orders: list[object] = []
        self.events: list[tuple[str, dict[str, object]]] = []
        self._took(self.talk.start())

    def scan(self, sent: str) -> list[str]:
        """What the device says to a label."""
        return self._took(self.talk.scan(f"{sent}\n"))

    def say(self, text: str) -> list[str]:
        self.now += 5
        return self._took(self.talk.say(text))

    def silence(self) -> list[str]:
        return self._took(self.talk.expire_deadline())

    def _took(self, stepped: StepResult) -> list[str]:
        self.orders = list(stepped.orders)
        if stepped.row is not None:
            event = json.loads(stepped.row.body)
            self.events.append((event["type"].split(".")[2], event["data"].get("fields", {})))
        return [self._phrasing.text(one) for one in stepped.orders if isinstance(one, Say)]

    @property
    def parked(self) -> int:
        return self.journal.review.count_under_review()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def desk(journal: Journal) -> Desk:
    return Desk(journal, shipped.form())


@pytest.fixture
def labels(journal: Journal) -> Desk:
    return Desk(journal, LABELS)


def test_a_label_says_which_and_the_voice_the_rest(desk: Desk) -> None:
    assert desk.scan(PALLET) == ["How many units?"]
    assert desk.say("twelve units, dock B") == ["end 3 4 2 0, 12 units, dock bravo."]
    desk.silence()
    assert desk.events == [("recorded", {"pallet_id": SSCC, "quantity": 12, "dock": "B"})]


def test_a_trigger_that_is_pulled_twice_scans_once(desk: Desk) -> None:
    desk.scan(PALLET)
    for _ in range(3):
        assert desk.scan(PALLET) == []
    desk.say("twelve units, dock B")
    assert desk.scan(PALLET) == [], "the same again says nothing new, however late"
    assert desk.talk.state is State.HELD
    desk.silence()
    assert len(desk.events) == 1
    assert desk.parked == 0


def test_a_label_and_a_voice_that_differ_are_asked_about(desk: Desk) -> None:
    desk.say("pallet 724, dock B")
    assert desk.scan(PALLET) == ["pallet 3 4 2 0 scanned, pallet 7 2 4 said. Which?"]
    assert desk.talk.state is State.CHOOSING
    assert desk.say("the second one") == ["How many units?"]
    desk.say("twelve")
    desk.silence()
    assert desk.events == [("recorded", {"pallet_id": "724", "quantity": 12, "dock": "B"})]


def test_the_label_once_more_settles_which_was_meant(desk: Desk) -> None:
    desk.say("pallet 724, dock B")
    desk.scan(PALLET)
    desk.now += 4
    assert desk.scan(PALLET) == ["How many units?"]


def test_a_count_on_the_label_that_differs_is_asked_about(desk: Desk) -> None:
    desk.say("pallet 742, twelve units, dock B")
    assert desk.scan(f"]C102{GTIN}3724") == ["24 units scanned, 12 units said. Which?"]
    assert desk.silence() == ["24 units scanned, 12 units said. Which?"], "silence is no consent"
    assert desk.say("twelve") == ["7 4 2, 12 units, dock bravo."]


def test_a_label_of_another_thing_over_a_held_entry_is_the_next_entry(desk: Desk) -> None:
    desk.scan(PALLET)
    desk.say("twelve units, dock B")
    assert desk.scan(ANOTHER) == ["How many units?"]
    assert desk.events == [("recorded", {"pallet_id": SSCC, "quantity": 12, "dock": "B"})]
    desk.say("nine units, dock C")
    desk.silence()
    assert desk.events[1:] == [("recorded", {"pallet_id": OTHER, "quantity": 9, "dock": "C"})]


TWO = f"pallet {SSCC}, 12 units, dock B, pallet {OTHER}, 10 units, dock C"


@pytest.mark.parametrize("second", [False, True], ids=["the first", "the second"])
def test_the_label_of_one_of_two_in_one_breath_says_which_and_the_other_waits(desk: Desk, *, second: bool) -> None:
    wanted = [
        ("recorded", {"pallet_id": SSCC, "quantity": 12, "dock": "B"}),
        ("recorded", {"pallet_id": OTHER, "quantity": 10, "dock": "C"}),
    ]
    desk.say(TWO)
    desk.scan(ANOTHER if second else PALLET)
    assert desk.talk.state is State.HELD
    [told] = desk.silence()
    assert told.endswith("Correct?")
    desk.say("yes")
    assert desk.events == (wanted[::-1] if second else wanted)
    assert desk.parked == 0


def test_a_label_of_neither_of_two_in_one_breath_is_put_aside_and_told(desk: Desk) -> None:
    [asked] = desk.say("pallet 742, 12 units, dock B, pallet 743, 10 units, dock C")
    told = desk.scan(PALLET)
    assert told[0].endswith("put aside for review.")
    assert told[1:] == [asked]
    desk.say("742")
    desk.silence()
    desk.say("yes")
    assert [fields["quantity"] for _, fields in desk.events] == [12, 10]
    assert desk.parked == 1


def test_the_label_of_the_second_of_two_over_the_first_takes_up_what_was_said_of_it(desk: Desk) -> None:
    desk.say(TWO)
    desk.say(f"pallet {SSCC}")
    [told] = desk.scan(ANOTHER)
    assert told.endswith("10 units, dock charlie. Correct?")
    desk.say("yes")
    assert [fields["quantity"] for _, fields in desk.events] == [12, 10]
    assert desk.parked == 0


def test_a_label_of_another_thing_over_a_doubtful_entry_is_asked_about(desk: Desk) -> None:
    desk.say("pallet 742, twelve units, dock B")
    desk.say("grmpf hmpf")
    assert desk.scan(PALLET) == ["pallet 3 4 2 0 instead of pallet 7 4 2?"]
    told = desk.scan(ANOTHER)
    assert told[0].endswith("put aside for review.")
    assert told[1:] == ["pallet 3 4 2 0 instead of pallet 7 4 2?"]
    assert (desk.parked, desk.events) == (2, [])


def test_more_of_another_label_is_never_mixed_into_an_open_entry(labels: Desk) -> None:
    labels.scan(f"]C100{SSCC}10ABC")
    [told] = labels.scan(f"]C100{OTHER}10XYZ")
    assert "instead of pallet" in told
    assert (labels.talk.state, labels.events) == (State.CONFIRMING, [])


def test_a_label_adds_to_a_held_entry_which_is_read_back_again(labels: Desk) -> None:
    labels.scan(f"]C100{SSCC}02{GTIN}3724")
    assert labels.talk.state is State.HELD
    told = labels.scan("]C1173012003102005250")
    assert "best before" in told[0]
    labels.silence()
    [(_, fields)] = labels.events
    assert fields == {
        "pallet": SSCC,
        "item": GTIN,
        "quantity": 24,
        "best": "2030-12-31",
        "weight": 52.5,
        "weight_unit": "KGM",
    }


@pytest.mark.parametrize(
    "before",
    [
        (),
        ("pallet 742, dock B",),
        ("pallet 742, twelve units, dock B",),
        ("pause",),
        ("pallet 742, 9 units, dock B, dock C",),
    ],
)
def test_a_fault_is_told_and_changes_nothing(desk: Desk, before: tuple[str, ...]) -> None:
    for text in before:
        desk.say(text)
    stands = desk.talk.state, desk.talk.question
    wrong = PALLET[:-1] + str((int(PALLET[-1]) + 1) % 10)
    assert desk.scan(wrong) == ["Not taken: its check digit is wrong."]
    assert PlayEarcon(Earcon.NOT_UNDERSTOOD) in desk.orders
    assert (desk.talk.state, desk.talk.question) == stands
    assert desk.events == []


def test_a_label_with_nothing_for_the_form_is_told_so(desk: Desk) -> None:
    assert desk.scan("]C110ABC") == ["Not taken: nothing on it is for this entry."]
    assert desk.talk.state is State.IDLE


def test_a_label_while_it_is_asked_whether_to_cancel_begins_an_entry_and_cancels_nothing(desk: Desk) -> None:
    desk.say("pallet 742, twelve units, dock B")
    desk.say("yes")
    assert desk.say("cancel") == ["Cancel pallet 7 4 2, 12 units, dock bravo?"]
    assert desk.scan(PALLET) == ["How many units?"]
    assert [kind for kind, _ in desk.events] == ["recorded"]


def test_every_fault_is_told_in_words_by_its_name_and_no_broken_label_fills_anything(labels: Desk) -> None:
    said = words_by_code("scans", "en")
    assert set(said) == {fault.value for fault in ScanFault}
    several = list(broken(seed=5, each=1))
    for label in several:
        labels.now += 4
        assert labels.scan(label.sent) == [f"Not taken: {said[str(label.holds)]}."], label.sent
        assert labels.talk.state is State.IDLE
    assert {label.holds for label in several} >= set(said) - {"cut_short", "unreadable", "empty", "nothing_for_form"}
    assert (labels.events, labels.parked) == ([], 0)


def test_what_a_label_fills_is_what_is_on_it(labels: Desk) -> None:
    whole = [label for label in valid(seed=7, each=4) if {"pallet", "quantity"} <= label.fields.keys()]
    assert whole
    for label in whole:
        labels.now += 4
        labels.scan(label.sent)
        labels.say("yes")
    assert [fields for _, fields in labels.events] == [_with_unit(label) for label in whole]


def _with_unit(label: Label) -> dict[str, object]:
    return label.fields | ({"weight_unit": "KGM"} if "weight" in label.fields else {})


# On disk, and after a crash.


@pytest.fixture
def bench(tmp_path: Path, rules: Rules) -> Bench:
    return Bench(tmp_path, rules)


def test_a_scan_is_on_disk_key_by_key_before_anything_reads_it(journal: Journal, tmp_path: Path) -> None:
    sent = f"{PALLET}37024\x1d"
    journal.store_utterance(scanned_utterance("pallet-move", sent, "Tester 1900"))
    [unread] = journal.queries.unread_utterances()
    assert (unread.source, unread.typed, unread.device) == (SCANNER, sent, "Tester 1900")
    assert sent not in repr(unread)
    [flac] = evidence.list_recordings(tmp_path)
    alone, _ = evidence.read_without_row(flac)
    assert (alone.typed, alone.device) == (sent, "Tester 1900")


def test_a_scan_that_a_crash_overtook_goes_to_a_person_once(bench: Bench) -> None:
    with JournalThread(bench.directory) as desk:
        desk.store_utterance(scanned_utterance("pallet-move", f"{PALLET}\n", "Tester 1900"))
    assert [bench.resume(converse=nobody_is_there) for _ in range(2)] == [1, 0]
    [one] = on_record(bench)
    assert (one.review, one.event_id) == (INTERRUPTED, None)
    assert bench.decided[0].reading.fields["pallet_id"].value == SSCC


def test_a_desk_that_was_killed_takes_up_what_was_scanned(journal: Journal) -> None:
    journal.store_utterance(scanned_utterance("pallet-move", f"{PALLET}\n", "Tester 1900"))
    desk = Desk(journal, shipped.form())
    assert (desk.parked, desk.events) == (1, [])
    assert Prompt.SCAN_FAULT not in {one.prompt for one in desk.orders if isinstance(one, Say)}
