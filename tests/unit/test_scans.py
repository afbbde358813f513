from __future__ import annotations

import json
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
from edge.agree.dialogue.table import State
from edge.deliver.device_events import entry_event
from edge.keep import evidence
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.records.speech import Prompt, Say
from edge.speak.wording import Phrasing, words_by_code
from lab.typed_conversation import TypedConversation
from tests import shipped
from tests.reading.gs1_labels import broken, keyed
from tests.unit.test_dictation import Bench, nobody_is_there
from tests.unit.test_typed_input import on_record

SSCC, OTHER, GTIN = keyed("37613032110910342"), keyed("00614141123456789"), keyed("0400638133393")
PALLET, ANOTHER = f"]C100{SSCC}", f"]C100{OTHER}"
LABELS = shipped.form_in(Path(__file__).parent / "tables" / "labels.schema.json")


class Desk:
    """A conversation at the desk, in a time that only the test lets pass."""

    def __init__(self, journal: Journal, form: Form) -> None:
        self.now = 0.0
        self.journal = journal
        self._phrasing = Phrasing(form)
        catalogue = Catalogue({}) if form is LABELS else shipped.catalogue()
        rules = Rules(form, catalogue)
        self.talk = TypedConversation(rules, journal, partial(entry_event, site="s", device="d"), lambda: self.now)
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
def desk(journal: Journal) -> Desk:
    return Desk(journal, shipped.form())


@pytest.fixture
def labels(journal: Journal) -> Desk:
    return Desk(journal, LABELS)


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
    with JournalThread(bench.directory) as executor:
        executor.store_utterance(scanned_utterance("pallet-move", f"{PALLET}\n", "Tester 1900"))
    assert [bench.resume(converse=nobody_is_there) for _ in range(2)] == [1, 0]
    [one] = on_record(bench)
    assert (one.review, one.event_id) == (INTERRUPTED, None)
    assert bench.decided[0].reading.fields["pallet_id"].value == SSCC


def test_a_desk_that_was_killed_takes_up_what_was_scanned(journal: Journal) -> None:
    journal.store_utterance(scanned_utterance("pallet-move", f"{PALLET}\n", "Tester 1900"))
    desk = Desk(journal, shipped.form())
    assert (desk.parked, desk.events) == (1, [])
    assert Prompt.SCAN_FAULT not in {one.prompt for one in desk.orders if isinstance(one, Say)}
