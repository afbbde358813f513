"""The inventory's copy under attack, on SQLite and on PostgreSQL alike: the audit names the first event it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, delete, update

from edge import hash_chain
from edge.deliver.events import Topics, withheld
from edge.hash_chain import Broken, PublicKey, Span, Wrong
from edge.keep.device_key import DeviceKey
from inventory import audit
from inventory.forms import Forms, load_forms
from inventory.judge import Sound, Unsound, judge
from inventory.store import Store
from inventory.tables import devices, entries, events, refused
from tests.dictated import amended, cancelled, identity, payload, recorded

KEY = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
STRANGER = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
KNOWN = {KEY.public.keyid: KEY.public}

SAID = [recorded(1), recorded(2), recorded(3, quantity=100_000), amended(4, 2, quantity=15), cancelled(5, 1)]
"""The third breaks its form, and is refused."""

Attack = Callable[[Connection], object]


@pytest.fixture
def store(url: str, forms: Forms) -> Iterator[Store]:
    with closing(Store.open(url)) as opened:
        deliver(opened, forms, sealed(SAID))
        yield opened


@pytest.fixture(scope="session")
def forms(repository: Path) -> Forms:
    return load_forms(repository / "schemas" / "forms")


def sealed(said: list[dict[str, Any]], signer: DeviceKey | None = KEY) -> list[dict[str, Any]]:
    """As a device chains and signs them; without a signer, as the first version did."""
    made: list[dict[str, Any]] = []
    for event in said:
        previous = made[-1][hash_chain.CHAIN] if made else hash_chain.GENESIS
        audio = event["data"]["utterance"]["audio_sha256"]
        if signer is None:
            made.append({**event, hash_chain.CHAIN: hash_chain.link(previous, event, audio)})
        else:
            made.append(hash_chain.sealed(event, previous, audio, "{}", signer))
    return made


def deliver(store: Store, forms: Forms, said: list[dict[str, Any]]) -> None:
    for event in said:
        site, device = event["source"].split("/")[2::2]
        judged = judge(payload(event), Topics("dockvoice", site, device).entries, "dockvoice", forms)
        assert isinstance(judged, Sound | Unsound)
        store.apply(judged.event)


def verify(store: Store, keys: dict[str, PublicKey] | None = KNOWN, device: int = 0) -> audit.Report:
    return audit.verify(store, store.progress()[device], keys)


def attack(store: Store, change: Attack) -> None:
    with store._engine.begin() as transaction:
        change(transaction)


def at(sequence: int) -> Any:
    return events.c.sequence == sequence


def made_of(sequence: int) -> Any:
    return entries.c.event_id == identity(1, sequence)


def body(change: Callable[[str], str]) -> Attack:
    def altered(transaction: Connection) -> None:
        found = transaction.execute(events.select().where(at(2))).one().body
        transaction.execute(update(events).where(at(2)).values(body=change(found)))

    return altered


def both(*attacks: Attack) -> Attack:
    return lambda transaction: [each(transaction) for each in attacks]


def deleted(sequence: int) -> Attack:
    return both(
        lambda transaction: transaction.execute(delete(entries).where(made_of(sequence))),
        lambda transaction: transaction.execute(delete(events).where(at(sequence))),
    )


ATTACKS: dict[str, tuple[Attack, Broken]] = {
    "a quantity in the event": (body(lambda body: body.replace(":12,", ":21,")), Broken(2, Wrong.ALTERED)),
    "no event any more": (body(lambda _: "gone"), Broken(2, Wrong.ALTERED)),
    "no utterance any more": (body(lambda body: body.replace('"utterance"', '"saying"')), Broken(2, Wrong.ALTERED)),
    "the signature": (body(lambda body: body.replace('"signature":"', '"signature":"0')), Broken(2, Wrong.FORGED)),
    "the event of another number": (
        lambda transaction: transaction.execute(
            update(events).where(at(2)).values(body=payload(sealed(SAID)[0]).decode())
        ),
        Broken(2, Wrong.MISPLACED),
    ),
    "a quantity in the entry": (
        lambda transaction: transaction.execute(
            update(entries).where(made_of(2)).values(fields={"pallet_id": "0742", "quantity": 21, "dock": "B"})
        ),
        Broken(2, Wrong.ENTRY_ALTERED),
    ),
    "the operator of the entry": (
        lambda transaction: transaction.execute(update(entries).where(made_of(2)).values(operator=None)),
        Broken(2, Wrong.ENTRY_ALTERED),
    ),
    "the entry deleted": (
        lambda transaction: transaction.execute(delete(entries).where(made_of(4))),
        Broken(4, Wrong.ENTRY_ALTERED),
    ),
    "the entry put to a cancellation": (
        lambda transaction: transaction.execute(
            update(entries).where(made_of(4)).values(event_id=identity(1, 5)),
        ),
        Broken(4, Wrong.ENTRY_ALTERED),
    ),
    "an event deleted": (deleted(4), Broken(4, Wrong.MISSING)),
    "the last event deleted": (deleted(5), Broken(5, Wrong.MISSING)),
    "the refused event deleted": (
        lambda transaction: transaction.execute(delete(refused)),
        Broken(3, Wrong.MISSING),
    ),
    "the refused event altered": (
        lambda transaction: transaction.execute(
            update(refused).values(body=payload(sealed(SAID)[2]).replace(b"0742", b"0743"))
        ),
        Broken(3, Wrong.ALTERED),
    ),
    "all deleted": (both(*map(deleted, (4, 5, 2, 1))), Broken(1, Wrong.MISSING)),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_is_found_where_it_was_made(store: Store, what: str) -> None:
    change, broken = ATTACKS[what]
    attack(store, change)
    report = verify(store)
    assert report.broken == broken
    assert report.events == broken.sequence - 1


def test_an_end_cut_off_on_the_device_is_found_when_it_goes_on(store: Store, forms: Forms) -> None:
    shorter = sealed([*SAID[:4], recorded(6)])  # as if the fifth had never been
    deliver(store, forms, [{**shorter[-1], "sequence": "6"}])
    assert verify(store).broken == Broken(6, Wrong.MISPLACED)


def test_another_key_than_the_known_ones(store: Store) -> None:
    assert verify(store, {STRANGER.public.keyid: STRANGER.public}).broken == Broken(1, Wrong.UNKNOWN_KEY)
    assert verify(store, {}).broken == Broken(1, Wrong.UNKNOWN_KEY)


def test_without_keys_the_links_alone_are_followed(store: Store) -> None:
    report = verify(store, None)
    assert (report.events, report.broken, report.spans) == (5, None, (Span(KEY.public.keyid, 1, 5),))


def test_a_whole_copy(store: Store) -> None:
    told: list[int] = []
    report = audit.verify(store, store.progress()[0], KNOWN, told.append)
    assert report == audit.Report("north", "dock-3", 5, None, (Span(KEY.public.keyid, 1, 5),), checked=True)
    assert told == [1, 2, 3, 4, 5]


def test_a_long_copy_is_read_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.trail.PAGE", 2)
    assert verify(store).events == 5


def test_each_device_has_its_own_chain(store: Store, forms: Forms) -> None:
    other = ("south", "dock-1")
    deliver(store, forms, sealed([recorded(1, at=other), recorded(2, at=other)], STRANGER))
    attack(store, lambda transaction: transaction.execute(delete(events).where(at(5))))
    both_known = {**KNOWN, STRANGER.public.keyid: STRANGER.public}
    assert verify(store, both_known).broken == Broken(5, Wrong.MISSING)
    assert verify(store, both_known, device=1).broken is None


def test_a_withheld_event_is_held_to_its_seal(url: str, forms: Forms) -> None:
    said = sealed([recorded(1), recorded(2), recorded(3)])
    with closing(Store.open(url)) as store:
        deliver(store, forms, [said[0], withheld(said[1], "payload format invalid"), said[2]])
        assert verify(store).broken is None
        attack(store, body(lambda body: body.replace('"signature":"', '"signature":"0')))
        assert verify(store).broken == Broken(2, Wrong.FORGED)


def test_events_from_before_they_were_signed(url: str, forms: Forms) -> None:
    with closing(Store.open(url)) as store:
        deliver(store, forms, sealed([recorded(1), recorded(2)], None))
        report = verify(store)
        assert (report.broken, report.spans) == (None, (Span(None, 1, 2),))
        attack(store, body(lambda body: body.replace(":12,", ":21,")))
        assert verify(store).broken == Broken(2, Wrong.ALTERED)


def test_events_whose_turn_has_not_come_are_not_looked_at(store: Store) -> None:
    attack(store, lambda transaction: transaction.execute(update(devices).values(handled=4)))
    assert verify(store).events == 4
