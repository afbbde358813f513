"""The chain of events: what breaks it, and where."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol import hash_chain
from dockvoice_protocol.hash_chain import (
    CHAIN,
    GENESIS,
    KEYID,
    PREVIOUS,
    SIGNATURE,
    UNHASHED,
    BadEvent,
    ChainVerifier,
    DefectKind,
    KeySpan,
    PublicKey,
    Signer,
    StoredEvent,
    canonical_bytes,
    compute_link,
    parse_event_or_empty,
    seal_event,
    sha256_hex,
)
from tests.rows import each_of
from tests.tiers import examples

AUDIO = "a" * 64
KEY = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
KNOWN = {KEY.public.keyid: KEY.public}

Rows = list[StoredEvent]
Forge = Callable[[StoredEvent], StoredEvent]


def event(sequence: int) -> dict[str, Any]:
    return {"id": f"event-{sequence}", "data": {"quantity": sequence}}


def row(sequence: int, previous: str, event: dict[str, Any]) -> StoredEvent:
    return StoredEvent(sequence, previous, event[CHAIN], event, AUDIO, withheld=False)


def signed(sequence: int, previous: str, signer: Signer = KEY, **changes: Any) -> StoredEvent:
    return row(sequence, previous, seal_event({**event(sequence), **changes}, previous, AUDIO, "{}", signer))


def unsigned(sequence: int, previous: str) -> StoredEvent:
    """As somebody links it who has no key."""
    said = {**event(sequence), PREVIOUS: previous}
    return row(sequence, previous, {**said, CHAIN: compute_link(previous, said, AUDIO)})


def chained(*made: Callable[[int, str], StoredEvent]) -> Rows:
    rows: Rows = []
    for sequence, make in enumerate(made, start=1):
        rows.append(make(sequence, rows[-1].link if rows else GENESIS))
    return rows


def followed(rows: Rows, keys: dict[str, PublicKey] | None = KNOWN) -> tuple[ChainVerifier, BadEvent | None]:
    links = ChainVerifier(keys)
    for one in rows:
        if wrong := links.next_fault(one):
            return links, BadEvent(links.last + 1, wrong)
        links.advance(one)
    return links, None


def broken(rows: Rows, keys: dict[str, PublicKey] | None = KNOWN) -> BadEvent | None:
    return followed(rows, keys)[1]


def with_members(one: StoredEvent, **changes: Any) -> StoredEvent:
    return replace(one, event={**one.event, **changes})


def without(one: StoredEvent, *names: str) -> StoredEvent:
    return replace(one, event={name: value for name, value in one.event.items() if name not in names})


def relinked(one: StoredEvent) -> StoredEvent:
    """By somebody who has no key, but knows how links are made."""
    altered = {**one.event, "data": {"quantity": 99}}
    own = compute_link(one.previous, altered, AUDIO)
    return replace(one, event={**altered, CHAIN: own}, link=own)


ALTERED: dict[str, Forge] = {
    "a field": lambda one: with_members(one, data={"quantity": 99}),
    "the id": lambda one: with_members(one, id="event-1"),
    "a member more": lambda one: with_members(one, extra=None),
    "a member less": lambda one: without(one, "id"),
    "the key id": lambda one: with_members(one, keyid="0" * 16),
    "no key id": lambda one: without(one, KEYID),
    "the hash of the recording": lambda one: replace(one, audio_sha256="b" * 64),
    "no hash at all": lambda one: replace(one, audio_sha256="ü"),
    "the link beside the event": lambda one: replace(one, link="c" * 64),
    "the link in the event": lambda one: with_members(one, chain="c" * 64),
    "both links": lambda one: replace(with_members(one, chain="c" * 64), link="c" * 64),
    "no link": lambda one: without(one, CHAIN),
    "no spelling": lambda one: with_members(one, data=float("nan")),
    "nothing left": lambda one: replace(one, event={}),
}


@each_of("what", ALTERED)
def test_what_is_altered_is_found_where_it_was(what: str) -> None:
    rows = chained(signed, signed, signed, signed)
    rows[1] = ALTERED[what](rows[1])
    assert broken(rows) == BadEvent(2, DefectKind.ALTERED)
    assert broken(rows, None) == BadEvent(2, DefectKind.ALTERED)


@each_of("previous", [GENESIS, None, [], "c" * 64])
def test_another_previous_link_is_out_of_place(previous: Any) -> None:
    rows = chained(signed, signed, signed)
    assert broken([rows[0], with_members(rows[1], previous=previous), rows[2]]) == BadEvent(2, DefectKind.MISPLACED)
    assert broken([rows[0], replace(rows[1], previous=previous), rows[2]]) == BadEvent(2, DefectKind.MISPLACED)


FORGED: dict[str, tuple[Forge, DefectKind]] = {
    "linked anew": (relinked, DefectKind.FORGED),
    "the signature of another event": (
        lambda one: with_members(one, signature=signed(1, GENESIS).event[SIGNATURE]),
        DefectKind.FORGED,
    ),
    "one digit": (lambda one: with_members(one, signature="0" * 128), DefectKind.FORGED),
    "large digits": (lambda one: with_members(one, signature=one.event[SIGNATURE].upper()), DefectKind.FORGED),
    "no digits": (lambda one: with_members(one, signature="of mine"), DefectKind.FORGED),
    "nothing": (lambda one: with_members(one, signature=None), DefectKind.FORGED),
    "no signature": (lambda one: without(one, SIGNATURE), DefectKind.UNSIGNED),
    "a stranger's": (lambda one: signed(one.sequence, one.previous, STRANGER), DefectKind.UNKNOWN_KEY),
    "a stranger's in the device's name": (
        lambda one: with_members(one, signature=STRANGER.sign(one.link)),
        DefectKind.FORGED,
    ),
    "linked without a key": (lambda one: unsigned(one.sequence, one.previous), DefectKind.UNSIGNED),
}


@each_of("how", FORGED)
def test_who_has_no_key_cannot_write_an_event(how: str) -> None:
    forge, wrong = FORGED[how]
    rows = chained(signed, signed, signed)
    rows[1] = forge(rows[1])
    assert broken(rows) == BadEvent(2, wrong)


def test_without_keys_a_forger_who_links_anew_is_found_at_the_next_event() -> None:
    rows = chained(signed, signed, signed)
    rows[1] = relinked(rows[1])
    assert broken(rows, None) == BadEvent(3, DefectKind.MISPLACED)


def test_removed_exchanged_and_repeated_events() -> None:
    first, second, third = chained(signed, signed, signed)
    assert broken([second, third]) == BadEvent(1, DefectKind.MISSING)
    assert broken([first, third]) == BadEvent(2, DefectKind.MISSING)
    assert broken([first, third, second]) == BadEvent(2, DefectKind.MISSING)
    assert broken([first, first, second]) == BadEvent(2, DefectKind.MISPLACED)
    assert broken([first, replace(third, sequence=2), replace(second, sequence=3)]) == BadEvent(2, DefectKind.MISPLACED)
    exchanged = replace(third, sequence=2, previous=second.previous)
    assert broken([first, exchanged]) == BadEvent(2, DefectKind.MISPLACED)


def test_a_change_of_key_is_told() -> None:
    def by_another(sequence: int, previous: str) -> StoredEvent:
        return signed(sequence, previous, STRANGER)

    rows = chained(signed, signed, by_another)
    links, wrong = followed(rows, {**KNOWN, STRANGER.public.keyid: STRANGER.public})
    assert wrong is None
    assert links.spans == [KeySpan(KEY.public.keyid, 1, 2), KeySpan(STRANGER.public.keyid, 3, 3)]
    assert (links.last, links.link) == (3, rows[2].link)


def test_all_signatures_stripped_and_all_linked_anew_is_found_at_the_first_event() -> None:
    assert broken(chained(unsigned, unsigned)) == BadEvent(1, DefectKind.UNSIGNED)
    assert broken(chained(unsigned, unsigned), None) == BadEvent(1, DefectKind.UNSIGNED)


@each_of(
    "body",
    [
        '{"quantity": 99, "quantity": 12}',
        '{"data": {"quantity": 99, "quantity": 12}}',
        "",
        "[]",
        "1",
        "[1]",
        "{",
        b"\xff",
        "[" * 100_000,
    ],
)
def test_what_two_readers_could_understand_differently_is_no_event(body: str | bytes) -> None:
    assert parse_event_or_empty(body) == {}


def test_of_a_withheld_event_the_seal_is_checked() -> None:
    rows = chained(signed, signed, signed)
    seal = (PREVIOUS, KEYID, CHAIN, SIGNATURE)
    kept_back = {"id": rows[1].event["id"], **{name: rows[1].event[name] for name in seal}, "type": "withheld"}
    rows[1] = replace(rows[1], event=kept_back, withheld=True)
    assert broken(rows) is None
    assert broken([rows[0], with_members(rows[1], signature="0" * 128), rows[2]]) == BadEvent(2, DefectKind.FORGED)
    assert broken([rows[0], with_members(rows[1], previous=GENESIS), rows[2]]) == BadEvent(2, DefectKind.MISPLACED)


def test_the_link_is_written_as_documented() -> None:
    event_sha256 = hashlib.sha256('{"a":"Łódź","b":[1,2]}'.encode()).hexdigest()
    expected = hashlib.sha256(f"{GENESIS}\n{event_sha256}\n{AUDIO}\n".encode()).hexdigest()
    assert compute_link(GENESIS, {"b": (1, 2.0), "a": "Łódź", **dict.fromkeys(UNHASHED, "left out")}, AUDIO) == expected


def test_an_event_is_sealed_as_documented() -> None:
    made = seal_event(event(1), GENESIS, AUDIO, "the reading", KEY)
    assert made == {
        **event(1),
        "previous": GENESIS,
        "readingsha256": hashlib.sha256(b"the reading").hexdigest(),
        "keyid": hashlib.sha256(KEY.public.raw).hexdigest()[:16],
        "chain": compute_link(GENESIS, made, AUDIO),
        "signature": KEY.sign(made["chain"]),
    }
    assert all(name.isalnum() and name.islower() for name in made)  # CloudEvents allows no other names
    KEY._private.public_key().verify(bytes.fromhex(made["signature"]), made["chain"].encode("ascii"))


TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@examples(0.1)
@given(JSON)
def test_canonical_json_is_that_of_the_package(content: Any) -> None:
    assert canonical_bytes({"data": content}) == rfc8785.dumps({"data": content})


@each_of("event", [{"x": float("nan")}, {"x": float("inf")}, {"x": "\ud800"}, {"x": 2**53}])
def test_what_has_no_canonical_spelling_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"representable in JCS|non-UTF-8|safe integer"):
        canonical_bytes(event)


def test_a_public_key_goes_through_pem_with_or_without_words_around_it() -> None:
    pem = KEY.public.pem
    assert PublicKey.from_pem(pem) == KEY.public
    assert PublicKey.from_pem(f"{KEY.public.keyid}\n{pem.decode()}".encode()) == KEY.public


@each_of(
    "pem",
    [
        b"",
        b"no key",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        X25519PrivateKey.from_private_bytes(bytes(32))
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
)
def test_what_is_no_public_key_of_ours(pem: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        PublicKey.from_pem(pem)


def test_a_key_of_the_wrong_size_has_signed_nothing() -> None:
    assert not PublicKey(b"short").verify(GENESIS, KEY.sign(GENESIS))


@each_of("library", ["libsodium", "OpenSSL"])
def test_each_library_gives_the_same_answer(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_chain, "sodium", pytest.importorskip("nacl.bindings") if library == "libsodium" else None)
    made = KEY.sign(GENESIS)
    assert KEY.public.verify(GENESIS, made)
    assert not STRANGER.public.verify(GENESIS, made)
    assert not KEY.public.verify(sha256_hex("another"), made)
    wrong = [made.upper(), made[:-2], made + "00", f"{made[:64]}{'f' * 64}", f"{'0' * 64}{made[64:]}", "é" * 64, ""]
    assert not [one for one in wrong if KEY.public.verify(GENESIS, one)]
    assert not KEY.public.verify("é", made)


@each_of("library", ["libsodium", "OpenSSL"])
def test_the_signature_of_a_longer_text_is_none_of_its_end(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_chain, "sodium", pytest.importorskip("nacl.bindings") if library == "libsodium" else None)
    made = KEY.sign(f"before {GENESIS}")
    assert KEY.public.verify(f"before {GENESIS}", made)
    assert not KEY.public.verify(GENESIS, made + b"before ".hex())


def test_a_stranger_who_writes_the_whole_chain_anew_is_found_by_his_key() -> None:
    def by_stranger(sequence: int, previous: str) -> StoredEvent:
        return signed(sequence, previous, STRANGER, data={"quantity": 99})

    rows = chained(by_stranger, by_stranger)
    assert broken(rows, {STRANGER.public.keyid: STRANGER.public}) is None
    assert broken(rows) == BadEvent(1, DefectKind.UNKNOWN_KEY)


def test_the_order_of_members_does_not_matter_and_their_values_do() -> None:
    assert compute_link(GENESIS, {"a": "1", "b": 2}, AUDIO) == compute_link(GENESIS, {"b": 2, "a": "1"}, AUDIO)
    assert compute_link(GENESIS, {"a": "1", "b": 2}, AUDIO) != compute_link(GENESIS, {"a": 1, "b": 2}, AUDIO)


def test_every_fault_has_its_words() -> None:
    assert all(wrong.message for wrong in DefectKind)


def test_text_is_hashed_as_utf_8() -> None:
    assert sha256_hex("ü") == hashlib.sha256("ü".encode()).hexdigest()
