"""The state directory: restored from an older copy, removed, locked; and a site that puts faulty triggers beside us."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edge.agent.review import DeviceIdentity, Reviewer, commit_reviewed
from edge.agree.decide import Rules
from edge.keep.journal import Journal
from tests import shipped
from tests.faults.oracle.device import Device
from tests.faults.oracle.ledger import Noted, Tally, count, fields
from tests.faults.oracle.run import Run
from tests.faults.oracle.speaker import number_in
from tests.faults.oracle.stage import Stage
from tests.waiting import until

PACE_S = 0.02

FEW = 6  # Utterances in a life.

DRAINED_S = 120.0
"""How long a life of few utterances may take to deliver them, on a machine that is busy with something else."""

LOCKED_S = 3.0
"""How long somebody's SQLite shell holds the journal locked: longer than a write waits before it is told."""

REST_S = 3.0  # Between two utterances: long enough for all to be delivered in between.

MENDED_S = 1.0
"""The same where a fault ends: the inventory looks again after a few seconds, and what came meanwhile follows."""

GONE_S = 20.0  # An agent whose state directory is gone ends within a second; this is for a machine that is busy.

_GONE_WORDS = ("was removed, moved or replaced", "it was moved or deleted")
"""What it says then: who looks whether the directory is in place says the one, who wants a file of it the other."""

ELSEWHERE = b"handed 100000\n"  # The ledger of a copy: whoever speaks there goes on from another number.

BY_HAND = Reviewer("oracle", "re-entered under the new name")


def restored(run: Run) -> Tally:
    """An older copy of the state directory is put back, and goes on offline; what it says gets in under a new name."""
    return sum((_restored(replace(run, directory=run.directory / str(number))) for number in run.rounds()), Tally())


def _restored(run: Run) -> Tally:
    copy = run.directory / "copy"
    with Stage(run.directory) as stage:
        link = stage.link()
        device = stage.device("old", link=link)
        _life(device)
        _copy(device, copy)
        _life(device)
        before = device.noted
        shutil.rmtree(device.state)
        copy.rename(device.state)
        link.down()
        device.speak(2 * FEW, settle_s=0.1)
        device.wait()
        link.up()
        device.speak(0, settle_s=DRAINED_S)
        assert device.wait() != 0, "it took its numbers for its own"
        after = _since(device.noted, before)
        state = run.directory / "new" / "state"
        _inherit(device, stage.device("new", state=state), state)
        rows = stage.inventory.rows()
    return _counted(rows, {"old": before, "new": after})


def cloned(run: Run) -> Tally:
    """The state directory is copied, and both go on at once; the one that is late gets in under a new name."""
    return sum((_cloned(replace(run, directory=run.directory / str(number))) for number in run.rounds()), Tally())


def _cloned(run: Run) -> Tally:
    with Stage(run.directory) as stage:
        device = stage.device("old")
        _life(device)
        before = device.noted
        _copy(device, run.directory / "copy")
        clone = stage.device("copy of old", state=run.directory / "copy", settings={"device": "old"})
        clone.remember(ELSEWHERE)  # so that it says other numbers
        both = (device, clone)
        for each in both:
            each.speak(2 * FEW, pace_s=run.chance.uniform(0, 0.3), settle_s=DRAINED_S)
        winner, late = sorted(both, key=lambda each: each.wait(2 * DRAINED_S) != 0)
        assert "or stands beside a copy" in late.log, late.log
        assert "or stands beside a copy" not in winner.log, winner.log
        if _unsettled(late):
            late.reconcile()
        said = {device: _since(device.noted, before), clone: Noted(clone.noted.handed_in[1:], clone.noted.kept)}
        state = run.directory / "new" / "state"
        _inherit(late, stage.device("new", state=state), state)
        rows = stage.inventory.rows()
    first = Noted(before.handed_in + said[winner].handed_in, before.kept + said[winner].kept)
    return _counted(rows, {"old": first, "new": said[late]})


def _copy(device: Device, to: Path) -> None:
    """What a copy of the disk holds: an agent that was killed may have left its socket, which is nothing to copy."""
    shutil.copytree(device.state, to, ignore=shutil.ignore_patterns("agent.sock"))


def _inherit(former: Device, heir: Device, state: Path) -> None:
    """A person enters under a new name what an overtaken journal holds, and what its agent stored but did not read."""
    assert _unsettled(former) == 0, f"nobody knows what became of some of it:\n{former.log}"
    with Journal.open(former.state) as origin, Journal.open(state) as journal:
        named = DeviceIdentity("site", "new", None, clock_believed=True)
        for held in origin.review.held_entries():
            commit_reviewed(journal, str(held.sequence), {}, _rules(), BY_HAND, named, origin=origin)
        for unread in origin.review.list_under_review():  # Stored just before the agent ended: a person listens to it.
            recording = origin.copies.copy_of_entry(origin.queries.history(unread.utterance_id)).segment.pcm
            heard = fields(number_in(recording))
            commit_reviewed(journal, unread.utterance_id, heard, _rules(), BY_HAND, named, origin=origin)
    heir.speak(0, settle_s=DRAINED_S)
    assert heir.wait() == 0, heir.log


def _unsettled(device: Device) -> int:
    with Journal.inspect(device.state) as journal:
        return journal.outbox.count_unsettled()


def removed(run: Run) -> Tally:
    """The state directory is removed under the running agent when all is delivered: it ends, and keeps nothing more."""
    with Stage(run.directory) as stage:
        noted: dict[str, Noted] = {}
        for number in run.rounds():
            device = stage.device(f"device-{number}")
            device.speak(pace_s=REST_S)
            device.has_kept(2)
            until(partial(_owes_nothing, device), "it does not deliver")
            shutil.rmtree(device.state)
            assert device.wait(GONE_S) != 0, "it does not notice"
            assert any(word in device.log for word in _GONE_WORDS), device.log
            noted[device.name] = device.noted
        rows = stage.inventory.rows()
    return _counted(rows, noted)


def locked(run: Run) -> Tally:
    """Somebody holds the journal locked again and again while the agent hears."""
    with Stage(run.directory) as stage:
        device = stage.device()
        device.speak(pace_s=0.2)
        for _ in run.rounds():
            device.has_kept(3)
            with _locked(device.state / "journal.db"):
                time.sleep(LOCKED_S)
        return stage.conclude()


def triggers(run: Run) -> Tally:
    """A trigger of the site's own fails again and again for one of two devices; once it is mended, all gets there."""
    database = run.directory / "inventory" / "inventory.db"
    with Stage(run.directory) as stage:
        troubled, other = stage.device("one"), stage.device("two")
        troubled.speak(pace_s=MENDED_S)
        other.speak(pace_s=PACE_S)
        for _ in run.rounds():
            _execute(database, _FAULTY)
            troubled.has_kept(FEW)
            other.has_kept(FEW)
            run.pause(1.0, 2.0)
            _execute(database, "DROP TRIGGER sites")
            until(partial(_owes_nothing, troubled), "it does not go on where the trigger is mended")
        return stage.conclude()


_FAULTY = """
    CREATE TRIGGER sites AFTER INSERT ON entries WHEN NEW.device = 'one' BEGIN
        SELECT RAISE(ABORT, 'not on my watch');
    END
"""


def _life(device: Device) -> None:
    device.speak(FEW, settle_s=DRAINED_S)
    code = device.wait()
    assert code == 0, f"{code}:\n{device.log}"


def _owes_nothing(device: Device) -> bool:
    with Journal.inspect(device.state) as journal:
        return journal.outbox.count_unsettled() == 0 and journal.queries.counts().applied >= len(device.noted.kept)


def _counted(rows: list[dict[str, Any]], devices: Mapping[str, Noted]) -> Tally:
    tallies = (count(noted, [row for row in rows if row["device"] == name]) for name, noted in devices.items())
    return sum(tallies, Tally())


def _since(noted: Noted, before: Noted) -> Noted:
    return Noted(noted.handed_in[len(before.handed_in) :], noted.kept[len(before.kept) :])


def _rules() -> Rules:
    return Rules(shipped.form(), shipped.catalogue())


def _execute(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        connection.execute(statement)


@contextmanager
def _locked(journal: Path) -> Iterator[None]:
    with closing(sqlite3.connect(journal, timeout=60, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        yield
        shell.execute("ROLLBACK")
