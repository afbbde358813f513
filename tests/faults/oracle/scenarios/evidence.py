"""What proves: recordings under a wrong clock, while they are removed, on a full disk; forgeries in the inventory."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockvoice_protocol import hash_chain
from dockvoice_protocol.hash_chain import DefectKind
from edge.keep import audit as device_audit
from edge.keep import device_key
from edge.keep.journal import Journal
from inventory.audit import audit as inventory_audit
from inventory.repository import Store
from tests.faults.oracle.faults import Clock, killed_at, small_disk
from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage
from tests.servers.small_disk import Ballast

WRONG = ("+3650d", "-20000d", "+0")  # Ten years ahead; 1972; right again.

FEW = 10  # Utterances in a life whose clock is wrong.

ENOUGH, PACE_S = 40, 0.15  # Utterances of a life in which recordings are removed: six seconds, three looks at the disk.

UNLINKS = range(1, 9)  # At which of its unlinks a life is killed.

MEGABYTES = 32  # Of the small disk. Rows stay when recordings go: a disk of a few megabytes would fill for good.


def clock_wrong(run: Run) -> Tally:
    """Lives ten years ahead, in 1972, and right again, while nobody vouches for the clock: nothing goes for its age."""
    clock = Clock(run.directory / "clock")
    with Stage(run.directory) as stage:
        device = stage.device(settings={"keep.retention_days": 1})
        for number in run.rounds():
            clock.step(WRONG[number % len(WRONG)])
            device.speak(
                FEW, pace_s=PACE_S, settle_s=60, under=clock.under
            )  # the first is settled as the disk is looked at
            assert device.wait() == 0, device.log
            device.speak(1, pace_s=3.0, settle_s=60, under=clock.under)
            device.wait()
        tally = stage.conclude()
    with Journal.inspect(device.state) as journal:
        removed = journal._db.rows("SELECT count(*) AS n FROM utterances WHERE evidence = 'removed'")[0]["n"]
    return replace(tally, unproven=unproven(device.state) + removed)


def killed_removing(run: Run) -> Tally:
    """SIGKILL at the nth unlink of a life in which each recording goes with its receipt; the record tells the truth."""
    found = 0
    with Stage(run.directory) as stage:
        device = stage.device(settings={"keep.audio_after_receipt": False})
        device.speak(1, settle_s=60)  # the journal is made, and what that unlinks is done
        device.wait()
        for nth in run.sample(UNLINKS):
            device.speak(ENOUGH, pace_s=PACE_S, settle_s=10, under=killed_at("unlink", nth))
            assert device.wait() == -signal.SIGKILL, f"it came to its end before unlink number {nth}:\n{device.log}"
            found += unproven(device.state)
        tally = stage.conclude()
        return replace(tally, unproven=found + unproven(device.state))


def full_removing(run: Run) -> Tally:
    """Somebody fills the disk to its last bytes while recordings are removed to make room."""
    found = 0
    with small_disk(run.directory / "disk", MEGABYTES) as disk, Stage(run.directory) as stage:
        device = stage.device(state=disk.path / "state", settings={"keep.alarm_free_mb": 4})
        ballast = Ballast(disk.path)
        for _ in run.rounds():
            device.speak(pace_s=0.01)
            device.has_kept(30)
            ballast.take(leave=run.chance.randrange(1_500_000))
            run.pause(4, 5)
            found += unproven(device.state, besides=DefectKind.UNCOMMITTED)
            device.kill()
            found += unproven(device.state, besides=DefectKind.UNCOMMITTED)
            ballast.give()
        tally = stage.conclude()
        return replace(tally, unproven=found + unproven(device.state))


def forged(run: Run) -> Tally:
    """Whoever owns the inventory's database forges; the audit, which has the device's public key, finds each time."""
    with Stage(run.directory) as stage:
        device = stage.device()
        device.speak(FEW, settle_s=60)
        assert device.wait() == 0, device.log
        tally = stage.conclude()
        key = device_key.load(device.state).public
    database = run.directory / "inventory" / "inventory.db"
    assert _whole(database, {key.keyid: key})
    missed = 0
    for number in run.rounds():
        copy = run.directory / f"forged-{number}.db"
        shutil.copy(database, copy)
        with closing(sqlite3.connect(copy)) as db, db:
            FORGERIES[number % len(FORGERIES)](db, run.chance.randint(1, FEW))
        missed += _whole(copy, {key.keyid: key})
    return replace(tally, unproven=missed)


def unproven(state: Path, besides: DefectKind | None = None) -> int:
    """Recordings that are gone and not said to be removed, and 1 more where the journal's audit does not hold.

    `besides`: what may be told of the newest event, because its commit has just failed on the full disk.
    """
    with Journal.inspect(state) as journal:
        kept = "SELECT audio_path FROM utterances WHERE evidence <> 'removed'"
        rows = journal._db.rows(kept)
        new = {path.name for path in (state / "evidence" / "new").glob("*.flac")}
        gone = {row["audio_path"] for row in rows if not (state / row["audio_path"]).exists()}
        # An agent at work may have said so, and done it, since the rows were read.
        gone &= {row["audio_path"] for row in journal._db.rows(kept)} if gone else set()
        lost = sorted(path for path in gone if Path(path).name not in new)
        broken = device_audit.verify(journal.trail).broken
    wrong = broken is not None and broken.wrong is not besides
    if lost or wrong:
        print(f"{state}: gone without a word: {lost}; the audit: {broken}", file=sys.stderr)
    return len(lost) + wrong


def _whole(database: Path, keys: dict[str, hash_chain.PublicKey]) -> bool:
    with closing(Store.open(f"sqlite:///{database}", create=False)) as store:
        return all(
            inventory_audit.audit_device(store, of, keys).is_whole for of in inventory_audit.find_devices(store, None)
        )


def _ghost(db: sqlite3.Connection, count: int) -> None:
    """Events of a device that there is not: well chained, and signed by nobody."""
    link = hash_chain.GENESIS
    for number in range(1, count + 1):
        event: dict[str, Any] = {
            "id": f"ghost-{number}",
            "source": "/sites/site/devices/ghost",
            "sequence": str(number),
        }
        event |= {"type": "none", "previous": link, "data": {"utterance": {"audio_sha256": "0" * 64}}}
        link = hash_chain.compute_link(link, event, "0" * 64)
        body = json.dumps({**event, "chain": link})
        row = (event["id"], "site", "ghost", number, "none", body, "2026-11-21 00:00:00.000000", 0)
        db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    device = "INSERT INTO devices (site, device, handled, highest, heard_at) VALUES ('site', 'ghost', ?, ?, ?)"
    db.execute(device, (count, count, "2026-11-21 00:00:00.000000"))


def _stripped(db: sqlite3.Connection, number: int) -> None:
    """One quantity altered, in event and entry, every signature stripped, every link made anew."""
    link = hash_chain.GENESIS
    for event_id, sequence, body in db.execute(
        "SELECT event_id, sequence, body FROM events ORDER BY sequence"
    ).fetchall():
        event = {name: value for name, value in json.loads(body).items() if name not in {"signature", "keyid", "chain"}}
        event["previous"] = link
        if sequence == number:
            event["data"]["fields"]["quantity"] = 1
            fields = json.dumps(event["data"]["fields"])
            db.execute("UPDATE entries SET fields = ? WHERE event_id = ?", (fields, event_id))
        link = hash_chain.compute_link(link, event, event["data"]["utterance"]["audio_sha256"])
        db.execute("UPDATE events SET body = ? WHERE event_id = ?", (json.dumps({**event, "chain": link}), event_id))


def _cancelled(db: sqlite3.Connection, number: int) -> None:
    """The stock forgets one entry."""
    named = "(SELECT event_id FROM events WHERE sequence = ?)"
    db.execute(f"UPDATE entries SET state = 'cancelled' WHERE event_id = {named}", (number,))  # noqa: S608 - a forger's


def _doubled(db: sqlite3.Connection, number: int) -> None:
    """One event names its quantity twice."""
    change = """replace(body, '"quantity":', '"quantity":1,"quantity":')"""
    db.execute(f"UPDATE events SET body = {change} WHERE sequence = ?", (number,))  # noqa: S608 - a forger's


FORGERIES: tuple[Callable[[sqlite3.Connection, int], None], ...] = (_ghost, _stripped, _cancelled, _doubled)
