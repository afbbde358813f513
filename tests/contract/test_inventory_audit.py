"""The inventory's copy under attack, on SQLite and on PostgreSQL alike: the audit names the first event it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Table, delete, insert, text, true, update

from dockvoice_protocol import hash_chain
from dockvoice_protocol.events import WITHHELD, Topics, make_status
from dockvoice_protocol.hash_chain import Acknowledgement, BadEvent, DefectKind, KeySpan, KnownFaults, PublicKey, Signer
from dockvoice_protocol.records import ExpectedLine, PlaceKind, ReceivingPlace
from edge.deliver.device_events import withheld_event
from inventory.audit import audit
from inventory.clips.listening import request_clip
from inventory.forms import Forms, load_forms
from inventory.ingest.validation import InvalidMessage, ValidMessage, validate
from inventory.repository import Store
from inventory.reviews.reviews import read_review
from inventory.store.statuses import StatusMessage
from inventory.store.stock import ADDS, TAKES_BACK
from inventory.store.tables import (
    devices,
    dossiers,
    dossiers_looked,
    entries,
    events,
    flags,
    kafka_outbox,
    metadata,
    outbox,
    pallets,
    postings,
    refused,
    stock_moves,
    waiting,
)
from inventory.store.tables import said as said_texts
from tests.dictated import amended, cancelled, identity, payload, recorded, reviewed, signed
from tests.doc_pages import audit_page
from tests.store import KINDS, Lists, publish
from tests.tiers import sized

KEY = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
KNOWN = {KEY.public.keyid: KEY.public}

SAID = [recorded(1), recorded(2), recorded(3, quantity=100_000), amended(4, 2, quantity=15), cancelled(5, 1)]
"""The third breaks its form, and is refused."""

Attack = Callable[[Connection], object]

on_one_kind = pytest.mark.parametrize("url", sized(test=KINDS[:1], nightly=KINDS), indirect=True)
"""By day the other kind is shown what is altered in any column, and the rest of this file."""

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""PostgreSQL keeps in a column only what it is for."""


@pytest.fixture
def store(url: str, forms: Forms) -> Iterator[Store]:
    with closing(Store.open(url)) as opened:
        deliver(opened, forms, sealed(SAID))
        yield opened


@pytest.fixture(scope="session")
def forms(repository: Path) -> Forms:
    return load_forms(repository / "schemas" / "forms")


def sealed(said: list[dict[str, Any]], signer: Signer | None = KEY) -> list[dict[str, Any]]:
    """As a device chains and signs them; without a signer, as somebody links them who has no key."""
    made: list[dict[str, Any]] = []
    for event in said:
        previous = made[-1][hash_chain.CHAIN] if made else hash_chain.GENESIS
        audio = event["data"]["utterance"]["audio_sha256"]
        if signer is None:
            linked = {**event, hash_chain.PREVIOUS: previous}
            del linked[hash_chain.SIGNATURE]
            made.append({**linked, hash_chain.CHAIN: hash_chain.compute_link(previous, linked, audio)})
        else:
            made.append(hash_chain.seal_event(event, previous, audio, "{}", signer))
    return made


def deliver(store: Store, forms: Forms, said: list[dict[str, Any]]) -> None:
    for event in said:
        site, device = event["source"].split("/")[2::2]
        judged = validate(payload(event), Topics("dockvoice", site, device).entries, "dockvoice", forms)
        assert isinstance(judged, ValidMessage | InvalidMessage)
        store.apply(judged.event)


def verify(store: Store, keys: dict[str, PublicKey] | None = KNOWN, device: int = 0) -> audit.AuditReport:
    return audit.audit_device(store, store.progress()[device], keys)


def attack(store: Store, change: Attack) -> None:
    if store.engine.dialect.name == "sqlite":  # whoever owns the file is held up by no foreign key
        with closing(store.engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA foreign_keys = OFF")
    with store.engine.begin() as transaction:
        change(transaction)


def at(sequence: int) -> Any:
    return events.c.sequence == sequence


def made_of(sequence: int) -> Any:
    return entries.c.event_id == identity(1, sequence)


def moved_by(sequence: int) -> Any:
    return stock_moves.c.event_id == identity(1, sequence)


def moves(sequence: int, line: int, **values: Any) -> Attack:
    its = moved_by(sequence), stock_moves.c.line == line
    return lambda transaction: transaction.execute(update(stock_moves).where(*its).values(**values))


def moved_besides(of: int, **values: Any) -> Attack:
    """A row more, like that of an event."""

    def put_in(transaction: Connection) -> None:
        found = transaction.execute(stock_moves.select().where(moved_by(of), stock_moves.c.line == ADDS))
        transaction.execute(insert(stock_moves).values({**found.mappings().one(), **values}))

    return put_in


def body(change: Callable[[str], str]) -> Attack:
    def altered(transaction: Connection) -> None:
        found = transaction.execute(events.select().where(at(2))).one().body
        transaction.execute(update(events).where(at(2)).values(body=change(found)))

    return altered


def both(*attacks: Attack) -> Attack:
    return lambda transaction: [each(transaction) for each in attacks]


def deleted(sequence: int) -> Attack:
    return both(
        lambda transaction: transaction.execute(delete(stock_moves).where(moved_by(sequence))),
        lambda transaction: transaction.execute(delete(entries).where(made_of(sequence))),
        lambda transaction: transaction.execute(delete(events).where(at(sequence))),
    )


def entry(sequence: int, **values: Any) -> Attack:
    return lambda transaction: transaction.execute(update(entries).where(made_of(sequence)).values(**values))


def row(number: int, **values: Any) -> Attack:
    return lambda transaction: transaction.execute(update(events).where(at(number)).values(**values))


def invented(transaction: Connection) -> None:
    """An entry of which no event tells."""
    if transaction.dialect.name == "postgresql":
        transaction.execute(text("ALTER TABLE entries DROP CONSTRAINT entries_event_id_fkey"))
    found = dict(transaction.execute(entries.select().where(made_of(4))).mappings().one())
    transaction.execute(insert(entries).values({**found, "event_id": identity(1, 8), "replaces": None}))


ATTACKS: dict[str, tuple[Attack, BadEvent]] = {
    "a quantity in the event": (body(lambda body: body.replace(":12,", ":21,")), BadEvent(2, DefectKind.ALTERED)),
    "the signature": (
        body(lambda body: body.replace('"signature":"', '"signature":"0')),
        BadEvent(2, DefectKind.FORGED),
    ),
    "the event of another number": (
        lambda transaction: transaction.execute(
            update(events).where(at(2)).values(body=payload(sealed(SAID)[0]).decode())
        ),
        BadEvent(2, DefectKind.MISPLACED),
    ),
    "a quantity in the entry": (
        lambda transaction: transaction.execute(
            update(entries).where(made_of(2)).values(fields={"pallet_id": "0742", "quantity": 21, "dock": "B"})
        ),
        BadEvent(2, DefectKind.ENTRY_ALTERED),
    ),
    "the entry deleted": (
        lambda transaction: transaction.execute(delete(entries).where(made_of(4))),
        BadEvent(4, DefectKind.ENTRY_ALTERED),
    ),
    "the entry put to a cancellation": (
        lambda transaction: transaction.execute(update(entries).where(made_of(4)).values(event_id=identity(1, 5))),
        BadEvent(4, DefectKind.ENTRY_ALTERED),
    ),
    "an event deleted": (deleted(4), BadEvent(4, DefectKind.MISSING)),
    "the refused event deleted": (
        lambda transaction: transaction.execute(delete(refused)),
        BadEvent(3, DefectKind.MISSING),
    ),
    "the refused event altered": (
        lambda transaction: transaction.execute(
            update(refused).values(body=payload(sealed(SAID)[2]).replace(b"0742", b"0743"))
        ),
        BadEvent(3, DefectKind.ALTERED),
    ),
    "all deleted": (both(*map(deleted, (4, 5, 2, 1))), BadEvent(1, DefectKind.MISSING)),
    "a member named twice, of which most readers take one": (
        body(lambda body: body.replace('"quantity":', '"quantity":99,"quantity":')),
        BadEvent(2, DefectKind.ALTERED),
    ),
    "a number of the entry made true": (
        entry(2, fields={"pallet_id": "0742", "quantity": True, "dock": "B"}),
        BadEvent(2, DefectKind.ENTRY_ALTERED),
    ),
    "an entry said to replace another": (entry(2, replaces=identity(1, 1)), BadEvent(2, DefectKind.ENTRY_ALTERED)),
    "an amendment said to replace nothing": (entry(4, replaces=None), BadEvent(4, DefectKind.ENTRY_ALTERED)),
    "an entry that stands said to be cancelled": (entry(4, state="cancelled"), BadEvent(4, DefectKind.STATE_ALTERED)),
    "an amended entry made to stand": (entry(2, state="current"), BadEvent(4, DefectKind.STATE_ALTERED)),
    "a cancelled entry made to stand": (entry(1, state="current"), BadEvent(5, DefectKind.STATE_ALTERED)),
    "the id in the event's row": (row(5, event_id=identity(1, 9)), BadEvent(5, DefectKind.ROW_ALTERED)),
    "the number in the event's row": (row(5, sequence=6), BadEvent(5, DefectKind.MISSING)),
    "a thousand more in stock": (moves(4, ADDS, quantity=1015), BadEvent(4, DefectKind.STOCK_ALTERED)),
    "less taken back than was there": (moves(4, TAKES_BACK, quantity=-2), BadEvent(4, DefectKind.STOCK_ALTERED)),
    "what was cancelled not taken back": (
        lambda transaction: transaction.execute(delete(stock_moves).where(moved_by(5))),
        BadEvent(5, DefectKind.STOCK_ALTERED),
    ),
    "a stock move put to a cancellation": (
        moved_besides(4, event_id=identity(1, 5)),
        BadEvent(5, DefectKind.STOCK_ALTERED),
    ),
    "the device given another name": (
        lambda transaction: [
            transaction.execute(update(table).values(device="dock-4"))
            for table in (devices, events, refused, entries, stock_moves)
        ],
        BadEvent(1, DefectKind.ROW_ALTERED),
    ),
}
"""Each by plain SQL, without the device's key."""

COUNTED: dict[str, tuple[Attack, dict[str, Any]]] = {
    "how far the device has come, set back": (
        lambda transaction: transaction.execute(update(devices).values(handled=4)),
        {"out_of_turn": 1},
    ),
    "how far the device has come, set to nothing": (
        lambda transaction: transaction.execute(update(devices).values(handled=0)),
        {"out_of_turn": 5, "events": 0},
    ),
    "the device deleted": (
        lambda transaction: transaction.execute(delete(devices)),
        {"known": False, "out_of_turn": 5, "events": 0},
    ),
    "an entry without an event": (invented, {"stray_entries": 1}),
    "a stock move of an event that nobody sent": (moved_besides(4, event_id=identity(1, 8)), {"stray_moves": 1}),
    "a third stock move of an event": (moved_besides(4, line=2), {"stray_moves": 1}),
    "a stock move of the refused event": (moved_besides(4, event_id=identity(1, 3)), {"stray_moves": 1}),
    "an event before the first": (
        lambda transaction: transaction.execute(
            insert(events).values(
                event_id="none",
                site="north",
                device="dock-3",
                sequence=0,
                type="none",
                body="{}",
                arrival=0,
                received_at=datetime.now(UTC),
            )
        ),
        {"out_of_turn": 1},
    ),
    "an event turned into one that was withheld": (
        both(
            lambda transaction: transaction.execute(delete(stock_moves).where(moved_by(4))),
            lambda transaction: transaction.execute(delete(entries).where(made_of(4))),
            lambda transaction: transaction.execute(update(entries).where(made_of(2)).values(state="current")),
            lambda transaction: transaction.execute(
                update(events)
                .where(at(4))
                .values(type=WITHHELD, body=payload(withheld_event(sealed(SAID)[3], "too large")).decode())
            ),
        ),
        {"withheld": (4,)},
    ),
}
"""What breaks no chain, and is counted and shown: exit code 1."""


@on_one_kind
@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_is_found_where_it_was_made(store: Store, what: str) -> None:
    change, broken = ATTACKS[what]
    attack(store, change)
    (of,) = [of for of in audit.find_devices(store, None) if of.handled]
    report = audit.audit_device(store, of, KNOWN)
    assert report.broken == broken
    assert not report.is_whole
    assert broken.wrong is DefectKind.STATE_ALTERED or report.events == broken.sequence - 1


@on_one_kind
@pytest.mark.parametrize("what", COUNTED)
def test_what_breaks_no_chain_is_counted(store: Store, what: str) -> None:
    change, counted = COUNTED[what]
    attack(store, change)
    report = audit.audit_device(store, audit.find_devices(store, None)[0], KNOWN)
    assert {name: getattr(report, name) for name in counted} == counted
    assert not report.is_whole


@on_sqlite
@pytest.mark.parametrize("quantity", ["1_5", "\u0661\u0665", "+15x", "NaN"])
def test_a_quantity_that_sql_adds_up_as_another_one_is_found(store: Store, quantity: str) -> None:
    """SQLite keeps any text where a number should be, and Python takes some of these for 15."""
    its = {"quantity": quantity, "event": identity(1, 4), "line": ADDS}
    put = text("UPDATE stock_moves SET quantity = :quantity WHERE event_id = :event AND line = :line")
    attack(store, lambda transaction: transaction.execute(put, its))
    assert verify(store).broken == BadEvent(4, DefectKind.STOCK_ALTERED)


@on_sqlite
@pytest.mark.parametrize("column", ["stock_moves.quantity", "stock_moves.pallet", "stock_moves.site", "entries.site"])
def test_what_stands_there_as_bytes_is_found(store: Store, column: str) -> None:
    """SQLite keeps bytes in any column: nobody who asks for that text finds them, and no sum is made of them."""
    table, _, name = column.partition(".")
    put = text(f"UPDATE {table} SET {name} = CAST({name} AS BLOB) WHERE event_id = :event")  # noqa: S608 - ours
    attack(store, lambda transaction: transaction.execute(put, {"event": identity(1, 4)}))
    wrong = DefectKind.ENTRY_ALTERED if table == "entries" else DefectKind.STOCK_ALTERED
    assert verify(store).broken == BadEvent(4, wrong)


def written_dossier(transaction: Connection) -> None:
    """A dossier of which the inventory has written the first version."""
    of = {"event_id": identity(1, 1), "site": "north", "trailer": "5501"}
    file = {"file": "5501.zip", "sha256": "0" * 64, "written_at": datetime(2026, 11, 20, tzinfo=UTC)}
    transaction.execute(insert(dossiers).values(**of, **file, version=1, filed=1, waits=0, kept={}))


def test_whatever_is_altered_in_any_column_is_found_but_for_what_the_page_lists(store: Store, repository: Path) -> None:
    """One column of one row after the other, and back."""
    store.keep_rejected(b"rubbish", "a topic", "a reason")
    for _ in range(2):  # it is told again at each connection
        store.review(read_review(signed(reviewed(1)), Topics("dockvoice", "north", "dock-3")))
    line = ExpectedLine("4550012", "742", "A1", 2, "CS", lot_needed=False)
    Lists(store).replace("north", {ReceivingPlace(PlaceKind.DOOR, "12"): [line]})
    at_dock_3 = Topics("dockvoice", "north", "dock-3")
    online = make_status(
        "online", site="north", device="dock-3", key=KEY.public, time=datetime(2026, 11, 20, tzinfo=UTC)
    )
    store.statuses.record([StatusMessage.read(payload(online), at_dock_3)])
    attack(store, written_dossier)
    north = store.catalogue("north")
    publish(north, north.put("docks", [("line 2", {"value": "A"})], "ben", "begun", "docks.csv"))
    attack(store, lambda transaction: transaction.execute(update(outbox).values(published_at=datetime.now(UTC))))
    attack(store, flagged)
    (sound,) = store.clips.find_sounds(identity(1, 1))
    request_clip(store.clips, None, KEY, "dockvoice", sound, "ana", "pallet 742")
    store.clips.mark_request_noted("north", "dock-3", store.clips.load_requests(sound)[0].request)
    attack(store, without_constraints)
    overlooked: dict[str, set[str]] = {}
    chosen = {"events": at(2), "entries": made_of(2), "refused": refused.c.sequence == 3}
    chosen["dockvoice_said"] = (said_texts.c.event_id == identity(1, 2)) & (said_texts.c.field == "dock")
    chosen[pallets.name] = pallets.c.event_id == identity(1, 2)
    chosen[stock_moves.name] = stock_moves.c.event_id == identity(1, 2)
    held_row(store)
    attack(store, posted)
    attack(store, lambda transaction: transaction.execute(insert(dossiers_looked).values(what="visits", arrival=1)))
    attack(store, lambda transaction: transaction.execute(insert(kafka_outbox).values(event_id=identity(1, 2))))
    for table in metadata.sorted_tables:
        where = chosen.get(table.name, true())
        with store.engine.begin() as transaction:
            (found,) = transaction.execute(table.select().where(where)).mappings()
        for column in table.c:
            other = _other(found[column.name])
            keys = [part == found[part.name] for part in table.primary_key]
            there = [part == (other if part.name == column.name else found[part.name]) for part in table.primary_key]
            attack(store, _set(table, keys, {column.name: other}))
            if all(audit.audit_device(store, of, KNOWN).is_whole for of in audit.find_devices(store, None)):
                overlooked.setdefault(table.name, set()).add(column.name)
            attack(store, _set(table, there, {column.name: found[column.name]}))
    assert verify(store).is_whole
    assert overlooked == audit_page(repository, "In the inventory")


def held_row(store: Store) -> None:
    """An event that waits for what comes before it; nothing is kept of its device but how far it has come."""
    now = datetime.now(UTC)
    row = {"site": "north", "device": "dock-3", "sequence": 99, "event_id": identity(1, 99), "came_at": now}
    attack(store, lambda transaction: transaction.execute(insert(waiting).values(**row, said={}, body=b"{}")))


def posted(transaction: Connection) -> None:
    """An entry that a connector has posted."""
    now = datetime.now(UTC)
    its = {"connector": "tryton", "event_id": identity(1, 2), "site": "north", "device": "dock-3", "sequence": 2}
    how = {"arrival": 2, "state": "posted", "stands": True, "begun_at": now}
    transaction.execute(insert(postings).values(**its, **how, changed_at=now))


def flagged(transaction: Connection) -> None:
    """An entry that a rule speaks against."""
    now = datetime.now(UTC)
    its: dict[str, Any] = {"event_id": identity(1, 1), "site": "north", "device": "dock-3"}
    of = {"rule": "duplicate", "reason": "already_received:dock-4", "state": "stands"}
    transaction.execute(insert(flags).values(**its, **of, flagged_at=now, decided_at=now))


def _set(table: Table, where: list[Any], values: dict[str, Any]) -> Attack:
    return lambda transaction: transaction.execute(update(table).where(*where).values(values))


def _other(value: Any) -> Any:
    match value:
        case int() | Decimal():
            return not value if isinstance(value, bool) else value + 100
        case datetime():
            return value + timedelta(days=1)
        case bytes():
            return value + b" x"
        case dict():
            return {**value, "quantity": 99}
        case list():
            return [*value, "x"]
        case _:
            return f"{value or ''}x"


def without_constraints(transaction: Connection) -> None:
    """Whoever owns the database is held up by none."""
    if transaction.dialect.name == "postgresql":
        for name in ("entries_event_id_fkey", "entries_replaces_fkey", "known_state"):
            transaction.execute(text(f"ALTER TABLE entries DROP CONSTRAINT {name}"))
    else:
        transaction.execute(text("PRAGMA ignore_check_constraints = ON"))


def test_an_end_cut_off_on_the_device_is_found_when_it_goes_on(store: Store, forms: Forms) -> None:
    shorter = sealed([*SAID[:4], recorded(6)])  # as if the fifth had never been
    deliver(store, forms, [{**shorter[-1], "sequence": "6"}])
    assert verify(store).broken == BadEvent(6, DefectKind.MISPLACED)


def acknowledged(store: Store, sequence: int, wrong: DefectKind) -> audit.AuditReport:
    """The audit again, after somebody has signed that this is known."""
    of = store.progress()[0]
    found = str(audit.audit_device(store, of, KNOWN).found)
    word = Acknowledgement("north/dock-3", sequence, wrong, found, "a clerk", "restored on Monday", "2026-11-21")
    trusted = {STRANGER.public.keyid: STRANGER.public}
    return audit.audit_device(
        store, of, KNOWN, known_faults=KnownFaults([word.signed(STRANGER)], trusted, "north/dock-3")
    )


def test_the_chain_goes_on_behind_a_known_break_and_the_next_one_is_found(store: Store, forms: Forms) -> None:
    """A device that was put back to before its fifth event, and went on: both lives are whole."""
    again = sealed([*SAID[:4], recorded(6), recorded(7)])
    deliver(store, forms, again[4:])
    assert verify(store).broken == BadEvent(6, DefectKind.MISPLACED)
    report = acknowledged(store, 6, DefectKind.MISPLACED)
    assert (report.broken, report.events, report.is_whole) == (None, 7, True)
    attack(store, lambda transaction: transaction.execute(delete(entries).where(made_of(7))))
    assert acknowledged(store, 6, DefectKind.MISPLACED).broken is not None


def test_a_gap_is_acknowledged(store: Store) -> None:
    attack(store, deleted(4))
    attack(store, entry(2, state="current"))
    report = acknowledged(store, 4, DefectKind.MISSING)
    assert (report.broken, report.events, report.is_whole) == (None, 4, True)


def test_a_withheld_event_is_acknowledged(url: str, forms: Forms) -> None:
    said = sealed([recorded(1), recorded(2), recorded(3)])
    with closing(Store.open(url)) as store:
        deliver(store, forms, [said[0], withheld_event(said[1], "payload format invalid"), said[2]])
        report = acknowledged(store, 2, DefectKind.WITHHELD)
        assert (report.withheld, report.is_whole, report.events) == ((), True, 3)


def test_a_whole_copy(store: Store) -> None:
    told: list[int] = []
    report = audit.audit_device(store, store.progress()[0], KNOWN, told.append)
    spans = (KeySpan(KEY.public.keyid, 1, 5),)
    assert report == audit.AuditReport("north", "dock-3", 5, None, spans, checked=True, refused=(3,))
    assert report.is_whole
    assert told == [1, 2, 3, 4, 5]


def test_a_long_copy_is_read_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.queries.trail.PAGE_ROWS", 2)
    assert verify(store).events == 5


def test_each_device_has_its_own_chain(store: Store, forms: Forms) -> None:
    other = ("south", "dock-1")
    deliver(store, forms, sealed([recorded(1, at=other), recorded(2, at=other)], STRANGER))
    attack(store, lambda transaction: transaction.execute(delete(events).where(at(5))))
    both_known = {**KNOWN, STRANGER.public.keyid: STRANGER.public}
    assert verify(store, both_known).broken == BadEvent(5, DefectKind.MISSING)
    assert verify(store, both_known, device=1).broken is None


def test_a_withheld_event_is_held_to_its_seal(url: str, forms: Forms) -> None:
    said = sealed([recorded(1), recorded(2), recorded(3)])
    with closing(Store.open(url)) as store:
        deliver(store, forms, [said[0], withheld_event(said[1], "payload format invalid"), said[2]])
        assert verify(store).broken is None
        assert verify(store).withheld == (2,)
        assert not verify(store).is_whole
        attack(store, body(lambda body: body.replace('"signature":"', '"signature":"0')))
        assert verify(store).broken == BadEvent(2, DefectKind.FORGED)


def test_a_copy_of_which_all_signatures_were_stripped(url: str, forms: Forms) -> None:
    said = [recorded(1), recorded(2)]

    def strip(transaction: Connection) -> None:
        for number, one in enumerate(sealed(said, None), 1):
            transaction.execute(update(events).where(at(number)).values(body=payload(one).decode()))

    with closing(Store.open(url)) as store:
        deliver(store, forms, sealed(said))
        attack(store, strip)
        assert verify(store).broken == verify(store, None).broken == BadEvent(1, DefectKind.UNSIGNED)
