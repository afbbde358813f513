"""How fast the console's pages open and the API answers over many entries, and what the live view takes of a core.

    python -m tests.bench.console [--entries 100000] [--database sqlite|postgresql] [--live 30]

Fills a database of its own, asks for each page again and again, and prints how long the server took: the median, with
the times between which 90 of 100 lie, and how long this process was at work in it: on SQLite all of it, on PostgreSQL
without the database's part. Then a console in a process of its own has one browser on its entries and one on
its devices, while devices report; it prints what share of one core that process took. PostgreSQL is started for it,
with Debian's programs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from sqlalchemy import Table, insert, text
from starlette.testclient import TestClient

from dockvoice_protocol.events import Topics, make_status, to_json_bytes
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from inventory.api.app import create_app
from inventory.api.parameters import encode_cursor
from inventory.api.tokens import Scope
from inventory.audit import audit_log
from inventory.console.accounts import Role
from inventory.console.app import PAGES
from inventory.console.context import COOKIE
from inventory.site.catalogue import SiteCatalogue
from inventory.site.roster import COLUMNS, ROSTER, roster_kind
from inventory.store.statuses import StatusMessage
from inventory.store.tables import devices, entries, events, refused, said
from tests.console import Console, console, served
from tests.console.api import token
from tests.console.story import put_aside
from tests.dictated import KEY, recorded
from tests.servers.postgresql import PostgreSQL
from tests.store import Lists, reader

DEVICES = 200
OPERATORS = 60
PALLETS = 40  # Of one trailer.
REVIEWS = 200  # Open ones: those of a bad week.
DEEDS = 20_000  # Of people, on the console: two hundred a day for some months.
DAYS = 30  # Over which the entries were said.
AT_ONCE = 1000  # Rows of one INSERT.

LOOKS = (("/entries/part", "entries", 0.0), ("/devices/part", "devices", 5.0))
"""What the browsers of the live view ask for, when they hear of what, and how often at most."""

PATHS = (
    *(page.path for page in PAGES if page.tab),
    "/entries?form=receive-notice",
    "/entries?form=damage",
    "/entries?device=north/dock-7",
    "/entries?operator=op-7",
    "/entries?operator=nobody",
    "/entries?trailer=TR100",
    "/entries?before=50000&event=x",
    "/search?pallet=104242",
    "/search?pallet=nothing",
    "/search?since=2026-11-01T08:00&until=2026-11-01T09:00",
    "/search?since=2026-10-25",
    "/search?operator=op-7&until=2026-10-25",
    "/trailers?before=50000&event=north/x",
    "/trailers/north/TR100",
    "/figures?span=week",
    "/entries/01919f3e-0001-7000-8000-00000000c350",
    "/roster/north",
    "/words/one?site=north&form=receive-notice&language=en&word=bundles&meaning=unit/quantity/CS",
    "/audit?before=5000",
)
"""Each page as somebody asks for it, and as it is hardest."""

ASKED = (
    "/v1/entries",
    "/v1/entries?limit=1000",
    "/v1/entries?site=north",
    "/v1/entries?form=damage",
    "/v1/entries?device=north/dock-7",
    "/v1/entries?operator=nobody",
    "/v1/entries?pallet=104242",
    "/v1/entries?since=2026-11-01&until=2026-11-01",
    f"/v1/entries?cursor={encode_cursor([50_000, 'x'])}",
    "/v1/events",
    f"/v1/events?cursor={encode_cursor([50_000, 'x'])}",
    "/v1/entries/01919f3e-0001-7000-8000-00000000c350",
    "/v1/trailers",
    "/v1/sites/north/trailers/TR100",
    "/v1/devices",
    "/v1/refusals",
    "/v1/sites/north/expected",
)
"""What programs ask of `dockvoice api`: pages of 100 where no limit is named."""


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--live", type=int, default=30, metavar="SECONDS")
    given = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="dockvoice-bench-")))
        url = None
        if given.database == "postgresql":
            url = stack.enter_context(stack.enter_context(PostgreSQL()).database())
        site = stack.enter_context(console(directory, url))
        began = time.perf_counter()
        fill(site, given.entries)
        print(f"{given.entries:,} entries on {given.database}, filled in {time.perf_counter() - began:.0f} s\n")
        print("| page | median ms | 90 of 100 within ms | of it processor ms |\n|---|--:|--:|--:|")
        for page, took, processor in opened(site, given.times):
            cuts = quantiles(took, n=20, method="inclusive")
            print(f"| `{page}` | {median(took):.0f} | {cuts[0]:.0f}-{cuts[18]:.0f} | {median(processor):.0f} |")
        for page, took, processor in asked(site, given.times):
            cuts = quantiles(took, n=20, method="inclusive")
            print(f"| `{page}` | {median(took):.0f} | {cuts[0]:.0f}-{cuts[18]:.0f} | {median(processor):.0f} |")
        share = live(site, given.live)
        print(f"\nlive: {DEVICES} devices report, two browsers look: {100 * share:.1f} % of a core over {given.live} s")


def fill(site: Console, number: int) -> None:
    """Write so many entries as the consumer would have."""
    with site.place.transaction() as transaction:
        for rows in _batches(site.place.now(), number):
            for table, some in rows.items():
                transaction.execute(insert(table), some)
        names = [{"site": "north", "device": f"dock-{n}", "handled": 1, "highest": 1 + (not n)} for n in range(DEVICES)]
        heard = {"heard_at": site.place.now(), "instance": None}
        transaction.execute(insert(devices), [one | heard for one in names])
        if transaction.dialect.name == "postgresql":
            transaction.execute(text(f"SELECT setval('event_arrivals', {number + 1})"))
    lines = [ExpectedLine("4550012", str(100_000 + n), "A100", 24, "CS", lot_needed=False) for n in range(PALLETS)]
    Lists(site.store).replace("north", {ReceivingPlace(PlaceKind.TRAILER, f"TR{n}"): lines for n in range(100, 300)})
    with site.place.transaction() as transaction:
        transaction.execute(text("ANALYZE"))
    for n in range(DEVICES):
        site.store.statuses.record([_status(n, site.place.now())])
    for n in range(REVIEWS):
        readings = [{"interpreter": "vosk/small-en-us", "heard": f"pallet {n} twelve bundles", "fields": {}}]
        put_aside(site, n + 1, form="receive-notice", readings=readings)
    crew = [
        (f"line {n}", dict(zip(COLUMNS, (f"op-{n}", str(100 + n), "", "", ""), strict=True))) for n in range(OPERATORS)
    ]
    crew_of = SiteCatalogue("north", site.place.transaction, site.place.now, of=lambda _: roster_kind(site.place.forms))
    crew_of.put(ROSTER, crew, "ana", "the early shift", "roster.csv")
    for first in range(0, DEEDS, AT_ONCE):
        with site.place.transaction() as transaction:
            for n in range(first, first + AT_ONCE):
                deed = audit_log.UserAction(
                    f"person-{n % 9}", "10.0.0.9", "listened", f"entry-{n}", {"reason": "a claim"}
                )
                audit_log.record_action(transaction, deed, site.place.now(), site.place.signer)


def _status(number: int, now: datetime) -> StatusMessage:
    microphone = {"mode": "open", "muted": False, "faults": ["clipping"] if number % 9 == 0 else []}
    work = {"form": "receive-notice", "language": "en"}
    count = {"form": "receive-notice", "language": "en", "times": 9, "recorded": 4, "lacking": [], "last": f"{now:%F}"}
    unknown = [{"said": f"{word} #", **count} for word in ("bundles", "doorway", f"gate{number}")]
    told: dict[str, Any] = {
        "microphone": microphone, "work": work, "under_review": number % 3, "unknown_words": unknown
    }  # fmt: skip
    at = Topics("dockvoice", "north", f"dock-{number}")
    said = make_status("online", site=at.site, device=at.device, key=KEY.public, time=now, program="0.1.0", **told)
    return StatusMessage.read(to_json_bytes(said), at)


def _batches(now: datetime, number: int) -> Iterator[Mapping[Table, list[dict[str, Any]]]]:
    chance = random.Random(17)
    step = timedelta(days=DAYS) / number
    for first in range(1, number + 1, AT_ONCE):
        rows: dict[Table, list[dict[str, Any]]] = {events: [], entries: [], said: [], refused: []}
        for n in range(first, min(first + AT_ONCE, number + 1)):
            _add(rows, n, now - timedelta(days=DAYS) + n * step, chance)
        yield {table: some for table, some in rows.items() if some}


def _add(rows: Mapping[Table, list[dict[str, Any]]], n: int, at: datetime, chance: random.Random) -> None:
    event_id, device = f"01919f3e-0001-7000-8000-{n:012x}", f"dock-{n % DEVICES}"
    fields = {
        "pallet_id": str(100_000 + n), "item": f"A{100 + n % 50}", "quantity": chance.randint(1, 48), "uom": "CS",
        "trailer": f"TR{100 + n // PALLETS}",
    }  # fmt: skip
    form = "damage" if n % 1000 == 0 else "receive-notice"
    operator = f"op-{chance.randrange(OPERATORS)}"
    named = {"event_id": event_id, "site": "north", "device": device}
    kind = "amended" if n % 33 == 0 and n > DEVICES else "recorded"
    before = f"01919f3e-0001-7000-8000-{n - DEVICES:012x}" if kind == "amended" else None
    body = recorded(1, at=("north", device))
    body |= {"id": event_id, "sequence": str(n), "chain": "0" * 64, "signature": "0" * 128, "previous": "0" * 64}
    body["data"] |= {"form": form, "fields": fields, "operator": operator}
    body["data"]["reading"] |= {
        "confidence": {"quantity": round(chance.uniform(0.85, 1), 4)},
        "heard": {"pallet_id": " ".join(str(100_000 + n)), "quantity": "twelve", "uom": "cases"},
    }
    if before is not None:
        body["data"]["amends"] = before
    came = {"received_at": at + timedelta(seconds=chance.random() * 3), "arrival": n}
    kept = {"sequence": n, "type": f"dockvoice.entry.{kind}.v1", "body": json.dumps(body), **came}
    rows[events].append({**named, **kept})
    stands = "amended" if (n + DEVICES) % 33 == 0 else "cancelled" if n % 97 == 0 else "current"
    told = {"form": form, "fields": fields, "operator": operator, "utterance_id": event_id, "recorded_at": at}
    answers = chance.choice((0, 0, 0, 1, 2))
    rows[entries].append({**named, **told, "state": stands, "replaces": before, "arrival": n, "answers": answers})
    texts = {name: one for name, one in fields.items() if isinstance(one, str)}
    rows[said].extend(
        {"event_id": event_id, "field": name, "value": one, "site": "north", "arrival": n}
        for name, one in texts.items()
    )
    if n % 50 == 0:
        turned_down = {**named, "event_id": f"01919f3e-0002-7000-8000-{n:012x}", "sequence": n, "received_at": at}
        rows[refused].append({**turned_down, "reasons": ["invalid:/quantity: breaks maximum 9"], "body": b"{}"})


def opened(site: Console, times: int) -> Iterator[tuple[str, list[float], list[float]]]:
    """How long the server took for each page, in milliseconds, and how much of it it was at work itself."""
    with site.client("ana", Role.ADMIN) as browser:
        for page in PATHS:
            yield page, *_timed(browser, page, times)


def asked(site: Console, times: int) -> Iterator[tuple[str, list[float], list[float]]]:
    """The same of what programs ask; of tokens no limit holds here."""
    clock = iter(range(0, 10**9, 60))
    secret = token(site, "bench", north=Scope.READ)
    app = create_app(site.place, lambda: float(next(clock)))
    with TestClient(app, headers={"authorization": f"Bearer {secret}"}) as asking:
        for page in ASKED:
            yield page, *_timed(asking, page, times)


def _timed(client: TestClient, page: str, times: int) -> tuple[list[float], list[float]]:
    took, processor = [], []
    for _ in range(times + 1):
        began, at_work = time.perf_counter(), time.process_time()
        answer = client.get(page)
        processor.append(1000 * (time.process_time() - at_work))
        took.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise SystemExit(f"{page}: {answer.status_code}: {answer.text[:300]}")
    return took[1:], processor[1:]  # the first one compiles templates and statements


def live(site: Console, seconds: int) -> float:
    """The share of one core that the console takes while devices report and browsers look."""
    read, ending = reader(Path.cwd()), threading.Event()
    cookie = site.signed_in("ana")
    with _apart(site) as (address, process), ThreadPoolExecutor() as threads:
        looking = [threads.submit(_look, address, cookie, *of, ending) for of in LOOKS]
        time.sleep(3)
        before, began = _processor_s(process.pid), time.perf_counter()
        n = 0
        while time.perf_counter() - began < seconds:
            # Each says something of itself twice a minute, and one in three enters something.
            n += 1
            device = f"live-{n % DEVICES}"
            if n % 3 == 0:
                number = n // DEVICES + 1
                site.store.apply(read(recorded(number, at=("north", device), pallet_id=str(700_000 + n))))
            site.store.statuses.record([_status(n % DEVICES, datetime.now(UTC))])
            time.sleep(30 / DEVICES)
        share = (_processor_s(process.pid) - before) / (time.perf_counter() - began)
        ending.set()
        for one in looking:
            one.result()
    return share


def _look(address: str, cookie: str, part: str, event: str, pause_s: float, ending: threading.Event) -> None:
    """What htmx does: hear what changes, and ask for the part anew."""
    with httpx.Client(base_url=address, cookies={COOKIE: cookie}, timeout=30) as browser:
        browser.get(part).raise_for_status()
        with browser.stream("GET", "/live") as heard:
            asked = 0.0
            for line in heard.iter_lines():
                if ending.is_set():
                    return
                if line == f"event: {event}" and time.monotonic() - asked >= pause_s:
                    asked = time.monotonic()
                    httpx.get(f"{address}{part}", cookies={COOKIE: cookie}, timeout=30).raise_for_status()


def _processor_s(pid: int) -> float:
    parts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _apart(site: Console) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The console in a process of its own, on the same database."""
    code = "import sys; from tests.bench import console; console.serve(sys.argv[1], sys.argv[2])"
    url = site.place.settings.database_url
    command = [sys.executable, "-c", code, url, str(Path(site.place.keys.path).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield (process.stdout or sys.stdin).readline().strip(), process
        finally:
            process.terminate()


def serve(url: str, directory: str) -> None:
    """Serve until told to end; says where."""
    with console(Path(directory), url) as site, served(site) as address:
        print(address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
