"""A disk that is really full: what was said is brought to its end, nothing is half written, and it goes on by itself.

Run as a program, this file is a life on such a disk. The ledger is what the life was told, not what the journal says.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.plain_file import PARTIAL
from edge.agent.app import Agent
from edge.agent.events import CaptureResumed, CaptureStopped, DictationEvent, UtteranceDecided
from edge.agent.parts import Parts
from edge.config import Keep, Settings, Speak
from edge.hear.recording import RecordedSource
from edge.keep import audit, evidence
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.storage import DiskFull, free_bytes
from edge.records import Frame, OutboxRow, Outcome
from tests.fakes import SILENCE, ScriptedInterpreter, reading
from tests.sayings import ACCEPT, entry, render, utterance
from tests.servers.small_disk import Ballast, live_on_small_disk
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
SPOKEN = ROOT / "tests" / "data" / "speech" / "demo" / "01-pallet-5451-four-cases-dock-alpha.flac"

KEEP = Keep(stop_free_mb=1, alarm_free_mb=2, reserve_mb=1)
DISK_KB = 8000

UTTERANCE_SAMPLES = 16_000  # One second: a recording of about 30 kB of noise.


def test_the_reserve_brings_what_was_said_to_its_end(tmp_path: Path) -> None:
    live_on_small_disk(__file__, "reserve", tmp_path, DISK_KB)


def test_nothing_is_half_written_and_space_that_returns_is_used(tmp_path: Path) -> None:
    print(live_on_small_disk(__file__, "fill", tmp_path, DISK_KB))


def test_settled_recordings_make_room_and_owed_ones_never(tmp_path: Path) -> None:
    live_on_small_disk(__file__, "prune", tmp_path, DISK_KB)


def test_an_agent_opens_its_journal_on_a_full_disk_with_the_reserve(tmp_path: Path) -> None:
    live_on_small_disk(__file__, "restart", tmp_path, DISK_KB)


def test_the_agent_stops_recording_tells_it_and_goes_on_by_itself(tmp_path: Path) -> None:
    live_on_small_disk(__file__, "agent", tmp_path, DISK_KB)


def test_a_disk_full_at_once_is_met_without_a_word_lost_or_doubled(tmp_path: Path) -> None:
    live_on_small_disk(__file__, "sudden", tmp_path, DISK_KB)


# ---- lives ----


def dictated(executor: JournalThread, number: int) -> OutboxRow:
    said = utterance(number, samples=UTTERANCE_SAMPLES)
    recording = executor.run(lambda journal: journal.store_utterance(said))
    return executor.run(lambda journal: journal.commit(entry(said, recording), ACCEPT, render))


def demand_sound(directory: Path, rows: list[OutboxRow]) -> None:
    """The journal has exactly these rows, and exactly the recordings that its rows name."""
    with Journal.inspect(directory) as journal:
        assert journal.outbox.load_due(1000) == rows
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        assert audit.verify(journal.trail).broken is None
        named = {journal.directory / one.audio_path for one in journal.queries.histories()}
    assert set(evidence.list_recordings(directory)) == named
    assert not list(directory.rglob(f"*{PARTIAL}"))


def reserve(directory: Path) -> None:
    ballast = Ballast(directory)
    with JournalThread(directory, KEEP) as executor:
        asyncio.run(tidy(executor))
        rows = [dictated(executor, 0)]
        ballast.take()
        assert free_bytes(directory) < 4096
        rows.append(dictated(executor, 1))
        assert not (directory / "journal.reserve").exists()
    demand_sound(directory, rows)


def fill(directory: Path) -> None:
    ballast = Ballast(directory)
    rows: list[OutboxRow] = []
    refused = 0
    with JournalThread(directory, KEEP) as executor:
        asyncio.run(tidy(executor))
        ballast.take(leave=500_000)
        for number in range(100):
            if (row := offered(executor, number)) is None:
                refused += 1
            else:
                rows.append(row)
        assert rows
        assert refused
        finished = len(rows)
        ballast.give()
        rows.extend(executor.run(concluded))
        rows.append(dictated(executor, 1000))
    demand_sound(directory, rows)
    print(f"kept {finished}, refused {refused}, with room again kept {len(rows) - finished}; lost 0")


def offered(executor: JournalThread, number: int) -> OutboxRow | None:
    try:
        return dictated(executor, number)
    except DiskFull:
        return None


def concluded(journal: Journal) -> list[OutboxRow]:
    """What was begun on the full disk and refused at its commit."""
    return [
        journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render)
        for said in journal.queries.unread_utterances()
    ]


def settle(journal: Journal, row: OutboxRow) -> None:
    journal.outbox.settle(row.event_id, None)


def prune(directory: Path) -> None:
    with JournalThread(directory, KEEP) as executor:
        rows = [dictated(executor, number) for number in range(60)]
        for row in rows[:50]:
            executor.run(partial(settle, row=row))
        Ballast(directory).take(leave=1_500_000)
        before = free_bytes(directory)
        free = asyncio.run(tidy(executor))
        assert before < 2_000_000 <= free
    with Journal.inspect(directory) as journal:
        removed = [one.sequence for one in journal.queries.histories() if one.audio_removed_at]
        assert removed == list(range(1, len(removed) + 1))
        assert 0 < len(removed) <= 50
        assert audit.verify(journal.trail).broken is None


def restart(directory: Path) -> None:
    with JournalThread(directory, KEEP) as executor:
        asyncio.run(tidy(executor))
        rows = [dictated(executor, 0)]
    Ballast(directory).take()
    with JournalThread(directory, KEEP):
        demand_sound(directory, rows)


async def tidy(executor: JournalThread) -> int:
    return await executor.free_disk_space(believed=True)


@dataclass
class Operator:
    """A live microphone: he speaks, and in between does what the test wants and waits for what it says."""

    acts: list[Callable[[], bool]]  # Done after each utterance, again and again, until true.
    name: str = "microphone"
    live: bool = True

    def frames(self) -> Iterator[Frame]:
        for number, piece in enumerate(self._sound()):
            yield Frame(number * 320, piece)

    def _sound(self) -> Iterator[bytes]:
        recorded = [frame.pcm for frame in RecordedSource(SPOKEN).frames() if frame.samples == 320]
        for act in self.acts:
            yield from recorded + [SILENCE] * 50
            deadline = time.monotonic() + PATIENCE_S
            while not act():
                assert time.monotonic() < deadline, act
                time.sleep(0.02)
                yield SILENCE

    def close(self) -> None:
        pass


@dataclass
class Witness:
    """All that an agent told."""

    told: list[DictationEvent] = field(default_factory=list)

    def hear(self, told: object) -> None:
        self.told.append(cast("DictationEvent", told))

    def count(self, kind: type) -> int:
        return sum(isinstance(one, kind) for one in self.told)

    @property
    def rows(self) -> list[OutboxRow]:
        return [one.row for one in self.told if isinstance(one, UtteranceDecided) and one.row is not None]


def run_agent(directory: Path, witness: Witness, operator: Operator) -> None:
    """An agent without a broker, over `directory`."""
    settings = Settings(state_directory=directory, keep=KEEP, speak=Speak(enabled=False))
    # A pallet each: one recorded twice within minutes would be asked about.
    wholes = [reading({"pallet_id": f"74{at}", "quantity": 12, "dock": "B"}) for at in range(len(operator.acts))]
    parts = Parts(
        settings,
        load_form(ROOT / "schemas" / "forms" / "pallet-move.schema.json"),
        Catalogue.load(ROOT / "config" / "catalogue"),
        ScriptedInterpreter(*wholes),
    )
    with JournalThread(directory, KEEP) as executor:
        agent = Agent(parts, executor, witness.hear, live=True)
        asyncio.run(agent.run([operator], settle_within_s=0))


def agent(directory: Path) -> None:
    ballast, witness = Ballast(directory), Witness()

    def fill_up() -> bool:
        if witness.count(UtteranceDecided) == 1 and witness.count(CaptureStopped) == 0:
            ballast.take(leave=600_000)
        return witness.count(CaptureStopped) == 1

    def told_in_vain() -> bool:
        if witness.count(CaptureStopped) == 2:
            ballast.give()
        return witness.count(CaptureResumed) == 1

    def said_again() -> bool:
        return witness.count(UtteranceDecided) == 2

    run_agent(directory, witness, Operator([fill_up, told_in_vain, said_again]))
    kinds = [type(one) for one in witness.told if type(one) in {UtteranceDecided, CaptureStopped, CaptureResumed}]
    assert kinds == [UtteranceDecided, CaptureStopped, CaptureStopped, CaptureResumed, UtteranceDecided]
    assert "keep.stop_free_mb" in next(one.reason for one in witness.told if isinstance(one, CaptureStopped))
    demand_sound(directory, witness.rows)


def sudden(directory: Path) -> None:
    """The reserve is used up as well, while the operator speaks."""
    ballast, witness = Ballast(directory), Witness()

    def fill_up() -> bool:
        if witness.count(UtteranceDecided) == 1:
            (directory / "journal.reserve").unlink(missing_ok=True)
            ballast.take()
        return witness.count(UtteranceDecided) == 1

    def give() -> bool:
        if witness.count(CaptureStopped):
            ballast.give()
        return witness.count(CaptureResumed) >= 1

    run_agent(directory, witness, Operator([fill_up, give, lambda: witness.count(UtteranceDecided) >= 2]))
    assert all(one.verdict.outcome is Outcome.ACCEPT for one in witness.told if isinstance(one, UtteranceDecided))
    with Journal.inspect(directory) as journal:
        assert list(journal.queries.unread_utterances()) == []
    demand_sound(directory, witness.rows)


LIVES = {"reserve": reserve, "fill": fill, "prune": prune, "restart": restart, "agent": agent, "sudden": sudden}

if __name__ == "__main__":
    LIVES[sys.argv[1]](Path(sys.argv[2]))
