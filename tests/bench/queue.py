"""What a long backlog costs: opening, committing, asking, delivering and memory, with many entries owed against none.

    python -m tests.bench.queue [--rows 1000000] [--directory DIR]

Makes a journal of so many unsettled entries in a scratch directory (about 6 GB for a million), and prints a table.
What is delivered from "none" are the entries that were committed to it to be timed.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from dockvoice_protocol.hash_chain import CHAIN, GENESIS, KEYID, PREVIOUS, SIGNATURE, Signer, compute_link
from edge.keep import device_key
from edge.keep.database import JOURNAL, JournalDatabase
from edge.keep.entry_log import EntryLog, Rows, entry_rows, insert_missing
from edge.keep.journal import Journal
from tests.bench.draining import as_said, drained
from tests.sayings import ACCEPT, entry, utterance

COMMITS = 500  # So many are timed.

AGENT = """
import resource, sys, time
from pathlib import Path
began = time.perf_counter()
from edge.keep.journal import Journal
with Journal.open(Path(sys.argv[1])) as journal:
    journal.outbox.count_unsettled(), list(journal.queries.unread_utterances()), journal.outbox.load_due(16)
    print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
"""What an agent does with its journal until it is ready, in a process of its own."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, default=None)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="dockvoice-bench-", dir=given.directory) as scratch:
        empty, long = Path(scratch, "empty"), Path(scratch, "long")
        Journal.open(empty).close()
        filled_s = timed(partial(fill, long, given.rows))
        figures = [ready(empty), ready(long)]
        with Journal.open(empty) as none, Journal.open(long) as many:
            for figure, worked in zip(figures, working(none, many), strict=True):
                figure.update(worked)
        for figure, journal in zip(figures, (empty, long), strict=True):
            figure.update(drained(journal))
        report(given.rows, filled_s, *figures)


def fill(directory: Path, rows: int) -> None:
    """Make a journal that owes so many entries, without recordings."""
    Journal.open(directory).close()
    key = device_key.load(directory)
    with closing(sqlite3.connect(directory / JOURNAL)) as db, closing(EntryLog(directory)) as log:
        db.execute("PRAGMA synchronous=OFF")
        with db:
            insert_missing(JournalDatabase(db, directory / JOURNAL), made(rows, key))
        log.extend(made(rows, key))


def made(rows: int, key: Signer) -> Iterator[Rows]:
    """Entries as a real one is kept, but for their identities, and signed: the inventory takes no other."""
    with TemporaryDirectory() as scratch, Journal.open(Path(scratch)) as journal:
        said = utterance()
        meant = entry(said, journal.store_utterance(said))
        journal.commit(meant, ACCEPT, as_said(meant))
        pattern = json.dumps(entry_rows(journal._db, 1))
    event_id = json.loads(pattern)["entries"]["event_id"]
    previous = GENESIS
    for number in range(1, rows + 1):
        # Ids grow with time, as UUIDv7 do.
        text = pattern.replace(said.utterance_id, _id(0xA, number)).replace(event_id, _id(0xB, number))
        entered: Rows = json.loads(text.replace(_NUMBERED.format(1), _NUMBERED.format(number)))
        for table in ("entries", "audit", "outbox"):
            entered[table]["sequence"] = number
        previous = seal(entered, previous, key)
        yield entered


def seal(entered: Rows, previous: str, key: Signer) -> str:
    """Let the device sign the entry's event as the next of its chain; the link that the one after it continues."""
    event = json.loads(entered["outbox"]["body"])
    tied = {**event, PREVIOUS: previous, KEYID: key.public.keyid}
    own = compute_link(previous, tied, event["data"]["utterance"]["audio_sha256"])
    sealed = {**tied, CHAIN: own, SIGNATURE: key.sign(own)}
    entered["outbox"]["body"] = json.dumps(sealed, ensure_ascii=False, separators=(",", ":"))
    entered["audit"].update(link=own, previous=previous, public_key=key.public.raw.hex(), signature=sealed[SIGNATURE])
    return own


_NUMBERED = r"\"sequence\":\"{}\""  # The number of an event as it stands in its body, which is JSON within JSON here.


def _id(kind: int, number: int) -> str:
    return f"{number >> 16:08x}-{number & 0xFFFF:04x}-7000-800{kind:x}-{0:012x}"


def ready(directory: Path) -> dict[str, float]:
    """What it takes until an agent could begin."""
    command = [sys.executable, "-c", AGENT, str(directory)]
    seconds, rss_kb = map(float, subprocess.check_output(command, text=True).split())
    return {"start to ready, s": seconds, "RSS, MB": rss_kb / 1024}


def working(*journals: Journal) -> list[dict[str, float]]:
    """What the work costs in each of the journals: in turns, so that a busy machine is as busy for all of them."""
    commits: list[list[float]] = [[] for _ in journals]
    for number in range(COMMITS):
        for journal, took in zip(journals, commits, strict=True):
            said = utterance(number)
            meant = entry(said, journal.store_utterance(said))
            took.append(timed(partial(journal.commit, meant, ACCEPT, as_said(meant))))
    return [
        {"commit p50, ms": median(took) * 1000, "commit p95, ms": quantiles(took, n=20)[-1] * 1000, **asking(journal)}
        for journal, took in zip(journals, commits, strict=True)
    ]


def asking(journal: Journal) -> dict[str, float]:
    """What the questions cost that are asked all the time."""
    questions: dict[str, Callable[[], object]] = {
        "unsettled": journal.outbox.count_unsettled,
        "due(16)": partial(journal.outbox.load_due, 16),
        "entries(20)": partial(journal.queries.entries, 20),
        "counts": journal.queries.counts,
    }
    return {f"{name}, ms": timed(question) * 1000 for name, question in questions.items()}


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(rows: int, filled_s: float, none: Mapping[str, float], many: Mapping[str, float]) -> None:
    """Print the table."""
    print(f"{rows:,} unsettled entries (made in {filled_s:.0f} s) against none\n")
    print(f"{'':24}{'none':>10}{'many':>10}{'ratio':>8}")
    for name, figure in none.items():
        print(f"{name:24}{figure:10.2f}{many[name]:10.2f}{many[name] / figure:8.2f}")


if __name__ == "__main__":
    main()
