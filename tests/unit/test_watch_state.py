from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from dockvoice_protocol.records import Act, FieldValue, Reading
from edge.agent.app import AgentEvent
from edge.agent.delivery import LinkChanged
from edge.agent.dialogue_driver import DialogueStatus
from edge.agent.events import CaptureResumed, CaptureStopped, SourceEnded, UtteranceDecided
from edge.agent.headset import MicrophoneFault, MuteChanged
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules, decide
from edge.agree.dialogue.interface import DeviceStarted, DialogueInput, TimerExpired, UtteranceHeard
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.questions import Topic
from edge.agree.dialogue.session import DialogueSettings
from edge.cli.lines import AgentLines, JournalState, wrap_to_print_dialogue_verdicts
from edge.cli.tables import MODES, OUTCOMES, QUESTIONS, REASONS
from edge.cli.watch.layout import Picture
from edge.cli.watch.state import View
from edge.config import Agree, ListeningMode, Settings
from edge.keep.outbox import OutboxState
from edge.keep.queries import Counts, KeptEntry
from edge.records import ClosedBy, Note, OutboxRow, Outcome, Park, Reason
from edge.records.speech import AdjustVoice, PlayEarcon, Say, StopSpeaking
from tests.sayings import NOON, utterance

NOTHING_KEPT = JournalState(Counts(0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0, ())


class Desk:
    """Somebody watches an agent; with a dialogue, what is said goes through the real one."""

    def __init__(self, rules: Rules, settings: Settings | None = None, *, converses: bool = False) -> None:
        self.rules = rules
        self.lines = AgentLines(settings or Settings(agree=Agree(conversation=converses)), rules)
        self.view = View()
        self._tell = wrap_to_print_dialogue_verdicts(lambda told: self.take(*self.lines.event_lines(told)))
        self.take(self.lines.started_line())
        self._dialogue = Dialogue(rules, DialogueSettings()) if converses else None
        if converses:
            self.happen(DeviceStarted())

    def say(self, text: str, *, confidence: float = 1.0, source: str = "microphone") -> None:
        reading = parse_typed(text, self.rules)
        fields = {name: replace(one, confidence=confidence) for name, one in reading.fields.items()}
        words = tuple(replace(word, confidence=confidence) for word in reading.words)
        self.hear(replace(reading, words=words, fields=fields), source)

    def hear(self, reading: Reading, source: str = "microphone") -> None:
        said = utterance(source=source)
        verdict = decide(reading, ClosedBy.PAUSE, self.rules)
        self.happen(UtteranceHeard(said.utterance_id, reading))
        self.tell(UtteranceDecided(said, reading, verdict, None, 0.01))

    def happen(self, happening: DialogueInput, row: OutboxRow | None = None) -> None:
        dialogue = self._dialogue
        if dialogue is None:
            return
        orders = dialogue.handle(happening)
        told = tuple(order for order in orders if isinstance(order, Say | PlayEarcon | StopSpeaking | AdjustVoice))
        noted = tuple(order for order in orders if isinstance(order, Note | Park))
        where = dialogue.state, dialogue.draft, dialogue.question, dialogue.operator
        self.tell(DialogueStatus(*where, told, noted, row, context=dialogue.context))

    def tell(self, *told: AgentEvent) -> None:
        for one in told:
            self._tell(one)

    def take(self, *lines: dict[str, Any]) -> None:
        for line in lines:
            self.view.update(json.dumps(line))

    def log(self, *lines: str) -> None:
        for line in lines:
            self.view.update(line)

    def keep(self, kept: JournalState, trouble: str | None = None) -> None:
        self.take(*self.lines.change_lines(kept, trouble))

    def sees(self, **now: Any) -> Picture:
        self.take({"now": {"sound": {}, "has_keys": True, **now}})
        return self.view.picture()


def test_every_reason_and_outcome_has_words() -> None:
    assert set(REASONS) == set(Reason)
    assert set(OUTCOMES) == set(Outcome)
    assert set(QUESTIONS) == set(Topic)
    assert set(MODES) == set(ListeningMode)


def test_a_fault_is_shown_with_what_to_do_until_it_is_over(rules: Rules) -> None:
    desk = Desk(rules)
    desk.tell(MicrophoneFault("stuck", "gives no sound; plug it in again"), MicrophoneFault("clipping", "is too loud"))
    assert desk.sees().faults == (
        "microphone, stuck: it gives no sound; plug it in again",
        "microphone, clipping: it is too loud",
    )
    desk.tell(MicrophoneFault("stuck", None), MicrophoneFault("clipping", None))
    assert desk.sees().faults == ()


def test_a_broker_that_is_away_is_told_with_why_and_that_nothing_is_lost(rules: Rules) -> None:
    desk = Desk(rules)
    assert desk.sees().up is None
    desk.keep(NOTHING_KEPT, "broker x:1883: Connection refused")
    away = desk.sees()
    assert away.up is False
    assert "Connection refused. Entries are kept" in away.faults[0]
    desk.keep(NOTHING_KEPT)
    desk.tell(LinkChanged(True, "x:1883"))
    assert desk.sees().up is True
    assert desk.sees().faults == ()
    desk.tell(LinkChanged(False, "x:1883"))
    assert desk.sees().up is None


def test_a_full_disk_comes_before_everything_else(rules: Rules) -> None:
    desk = Desk(rules)
    desk.tell(MuteChanged(True), CaptureStopped("/var: 3 MB left; free space on its disk"))
    assert desk.sees().badge.name == "not recording"
    assert "free space on its disk" in desk.sees().faults[0]
    desk.tell(CaptureResumed())
    assert desk.sees().badge.name == "muted"


def test_what_is_lacking_is_asked_for_and_marked(rules: Rules) -> None:
    desk = Desk(rules, converses=True)
    desk.say("pallet 742 12 units")
    seen = desk.sees(left_s=6.12)
    assert (seen.badge.name, seen.badge.detail) == ("asking", "for the dock, 6.1 s to answer")
    assert seen.said == "Which dock?"
    assert [(row.name, row.value, row.doubt) for row in seen.entry] == [
        ("pallet_id", "742", None),
        ("quantity", "12", None),
        ("dock", None, "dock was not said"),
    ]


def test_a_held_entry_tells_how_long_one_may_object(rules: Rules) -> None:
    desk = Desk(rules, converses=True)
    desk.say("pallet 742 12 units dock b")
    seen = desk.sees(left_s=2.44)
    assert (seen.badge.name, seen.badge.detail) == ("held", "2.4 s to object")
    assert seen.utterance is not None
    assert seen.utterance.result.words == "held: complete and sure"
    desk.happen(TimerExpired())
    assert desk.sees().badge.name == "idle"
    assert {row.value for row in desk.sees().entry} == {None}


def test_an_agent_that_starts_again_has_nothing_of_the_run_before(rules: Rules) -> None:
    desk = Desk(rules, converses=True)
    desk.say("pallet 742 12 units")
    desk.tell(MuteChanged(True), CaptureStopped("full"), MicrophoneFault("stuck", "is stuck"))
    desk.keep(NOTHING_KEPT, "gone")
    desk.tell(SourceEnded("microphone", 1, 1.0))
    desk.log("WARNING the log stays")
    desk.take(desk.lines.started_line())
    assert desk.sees() == replace(Desk(rules).sees(), log=("WARNING the log stays",))


def entry(sequence: int, state: OutboxState, *, attempts: int = 0, reasons: tuple[str, ...] = ()) -> KeptEntry:
    fields: dict[str, FieldValue] = {"pallet_id": "742", "quantity": sequence, "dock": "B"}
    return KeptEntry(sequence, f"event-{sequence}", "pallet-move", fields, NOON, state, attempts, reasons)


def test_the_queue_tells_how_far_each_entry_has_come_and_why_not_further(rules: Rules) -> None:
    desk = Desk(rules)
    latest = [
        entry(5, OutboxState.WAITING),
        entry(4, OutboxState.WAITING, attempts=1),
        entry(3, OutboxState.REFUSED, reasons=("not_on_site", "closed")),
        replace(entry(2, OutboxState.SETTLED), act=Act.CANCEL, replaces="event-1", fields={}),
        replace(entry(1, OutboxState.SETTLED), act=Act.AMEND, replaces="long-ago"),
    ]
    counts = Counts(
        utterances=9, accepted=5, asked=1, repeat=1, ignored=1, unsettled=2, applied=2, duplicate=0, refused=1, held=1
    )
    desk.keep(JournalState(counts, sent=1, in_review=3, latest=latest))
    seen = desk.sees()
    assert [told.words for told in seen.counts] == ["2 owed (1 sent)", "3 in review", "1 held", "2 in the inventory"]
    assert [row.state.words for row in seen.queue] == [
        "not sent yet",
        "sent, no receipt yet",
        "refused: not on site, closed",
        "in the inventory",
        "in the inventory",
    ]
    assert seen.queue[3].what == "cancels number 1"
    assert seen.queue[4].what == "pallet 7 4 2, 1 unit, dock B, amends an earlier one"
