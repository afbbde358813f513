"""The audit chain: each event is tied to the one before it and to its recording, and signed by its device.

A link is SHA-256 over three hashes in hex, one per line: the previous link, the event, and the recording. All three
have a fixed length, so no two different triples give the same text.

The event is hashed as canonical JSON: keys sorted, no spaces, UTF-8, as in RFC 8785 (JSON Canonicalization Scheme). Two
things differ from it, and whoever checks the chain must do as here: keys are sorted by code point instead of by UTF-16
unit, and numbers are written as Python does (`1.0`, not `1`; `1e-07`, not `1e-7`).

The signature is Ed25519 (RFC 8032) over the 64 ASCII characters of the link. All of it is written in small hex.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

GENESIS = "0" * 64  # What stands in the place of the previous link before the first event.

PREVIOUS = "previous"
"""The member of an event that names the link it continues: without it, one event could not be checked by itself."""

READING = "readingsha256"
"""The member that ties the event to its reading, as the device keeps it: SHA-256 of that JSON text."""

KEYID = "keyid"  # The member that says whose signature it carries.
CHAIN = "chain"  # The member that carries the event's own link.
SIGNATURE = "signature"  # The member that carries the device's signature of that link.
WITHHELD_SIGNATURE = "withheldsignature"
"""The member of an event in the place of a withheld one that carries the device's word that it withheld it."""

UNHASHED = frozenset({CHAIN, SIGNATURE})  # What an event's hash cannot cover, because it is computed from it.

KEYID_DIGITS = 16
"""Hex digits of a key id: 64 bits are enough to tell the keys of a site apart, and few enough to be read aloud."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A device's public key, which anyone may have."""

    raw: bytes  # 32 bytes, as in RFC 8032.

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The key in `pem`, as `dockvoice audit key` prints it. Raises ValueError if it is no Ed25519 public key."""
        try:
            key = load_pem_public_key(pem)
        except UnsupportedAlgorithm:
            raise ValueError("a key of an unknown kind") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("a key of another kind")  # noqa: TRY004 - the content is wrong, not the call
        return cls(key.public_bytes_raw())

    @property
    def pem(self) -> bytes:
        """The key as any program reads it: SubjectPublicKeyInfo (RFC 8410) in PEM."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def keyid(self) -> str:
        """Its short name: the beginning of the SHA-256 of its bytes."""
        return hashlib.sha256(self.raw).hexdigest()[:KEYID_DIGITS]

    def signed(self, link: str, signature: str) -> bool:
        """Whether the holder of the private key signed `link`."""
        try:
            made = bytes.fromhex(signature)
            self._key.verify(made, link.encode("ascii"))
        except (ValueError, InvalidSignature):
            return False
        return made.hex() == signature  # one signature, one spelling

    @property
    def _key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.raw)


class Signer(Protocol):
    """The holder of a device's private key."""

    @property
    def public(self) -> PublicKey:
        """What others check its signatures with."""
        ...

    def sign(self, link: str) -> str:
        """The signature of `link`."""
        ...


class Wrong(StrEnum):
    """What can be wrong with an event, as programs are told it; `told` says it to people."""

    MISSING = "missing"
    MISPLACED = "misplaced"
    ALTERED = "altered"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    READING_ALTERED = "reading_altered"
    RECORDING_ALTERED = "recording_altered"
    RECORDING_MISSING = "recording_missing"
    ENTRY_ALTERED = "entry_altered"

    @property
    def told(self) -> str:
        """What was found, for a person."""
        return _TOLD[self]


_TOLD = {
    Wrong.MISSING: "is missing: its rows, or some of them, were removed",
    Wrong.MISPLACED: "does not continue the event before it: events were removed, put in or exchanged",
    Wrong.ALTERED: "the event, its link or the hash of its recording was altered",
    Wrong.UNSIGNED: "carries no signature, though it should: earlier events do, or it names a key",
    Wrong.UNKNOWN_KEY: "is signed with a key that is not known here",
    Wrong.FORGED: "its signature was not made for it by the key it names",
    Wrong.READING_ALTERED: "the reading kept with it was altered",
    Wrong.RECORDING_ALTERED: "its recording was altered or exchanged",
    Wrong.RECORDING_MISSING: "its recording is missing, and was not removed to make room",
    Wrong.ENTRY_ALTERED: "the entry made of it was altered or removed",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """The first event of a device with which something is wrong."""

    sequence: int
    wrong: Wrong


@dataclass(frozen=True, slots=True)
class Chained:
    """One event as it is kept, with all that its link depends on."""

    sequence: int
    previous: str
    link: str
    event: Mapping[str, Any] = field(repr=False)
    audio_sha256: str
    withheld: bool  # Whether its content was kept back by the device, so that there is only its seal to check.


@dataclass(frozen=True, slots=True)
class Span:
    """Events in a row that were signed with one key; None: from before events were signed."""

    keyid: str | None
    first: int
    last: int


class Chain:
    """One device's chain, followed event by event in the order of their sequence."""

    def __init__(self, keys: Mapping[str, PublicKey] | None) -> None:
        """`keys` are those the device may have signed with, by key id; None leaves signatures unchecked."""
        self._keys = keys
        self.last = 0
        """The sequence of the last event that holds."""
        self.link = GENESIS
        self.spans: list[Span] = []

    def wrong_with(self, chained: Chained) -> Wrong | None:
        """What is wrong with the event that comes next; None where nothing is."""
        altered = None if chained.withheld else _altered(chained)
        return self._misplaced(chained) or altered or self._unsigned(chained.event)

    def grow(self, chained: Chained) -> None:
        """The event that comes next is good: go on behind it."""
        keyid = chained.event.get(KEYID)
        self.last, self.link = chained.sequence, chained.link
        if self.spans and self.spans[-1].keyid == keyid:
            self.spans[-1] = replace(self.spans[-1], last=self.last)
        else:
            self.spans.append(Span(keyid, self.last, self.last))

    def _misplaced(self, chained: Chained) -> Wrong | None:
        if chained.sequence > self.last + 1:
            return Wrong.MISSING
        continues = (chained.previous, chained.event.get(PREVIOUS, self.link)) == (self.link, self.link)
        return None if continues and chained.sequence == self.last + 1 else Wrong.MISPLACED

    def _unsigned(self, event: Mapping[str, Any]) -> Wrong | None:
        if SIGNATURE not in event:
            signed_before = any(span.keyid is not None for span in self.spans)
            return Wrong.UNSIGNED if signed_before or KEYID in event else None
        if self._keys is None:
            return None
        if (key := self._keys.get(str(event.get(KEYID)))) is None:
            return Wrong.UNKNOWN_KEY
        return None if key.signed(event[CHAIN], str(event.get(SIGNATURE))) else Wrong.FORGED


def canonical(event: Mapping[str, Any]) -> bytes:
    """The event in the one spelling that is hashed. Raises ValueError for NaN and lone surrogates."""
    hashed = {name: value for name, value in event.items() if name not in UNHASHED}
    return json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def link(previous: str, event: Mapping[str, Any], audio_sha256: str) -> str:
    """The link, 64 hex digits, of an event that follows `previous` and rests on the recording with this hash."""
    event_sha256 = hashlib.sha256(canonical(event)).hexdigest()
    return hashlib.sha256(f"{previous}\n{event_sha256}\n{audio_sha256}\n".encode("ascii")).hexdigest()


def parsed(body: str | bytes) -> dict[str, Any]:
    """The event in `body`; an empty one, which no link fits, where somebody made it no event."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def sealed(event: Mapping[str, Any], previous: str, audio_sha256: str, reading: str, signer: Signer) -> dict[str, Any]:
    """The event as the next of the chain, signed. `reading` is the text of the reading as it is kept."""
    tied = {**event, PREVIOUS: previous, READING: sha256(reading), KEYID: signer.public.keyid}
    own = link(previous, tied, audio_sha256)
    return {**tied, CHAIN: own, SIGNATURE: signer.sign(own)}


def withheld_text(event: Mapping[str, Any]) -> str:
    """What a device signs of an event that goes in the place of a withheld one: all of it, and the seal it carries."""
    said = {name: value for name, value in event.items() if name != WITHHELD_SIGNATURE}
    return f"{event.get(CHAIN)} {hashlib.sha256(canonical(said)).hexdigest()}"


def vouched(event: Mapping[str, Any], signer: Signer) -> dict[str, Any]:
    """The event in the place of a withheld one, with the device's word for it."""
    return {**event, WITHHELD_SIGNATURE: signer.sign(withheld_text(event))}


def sha256(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _altered(chained: Chained) -> Wrong | None:
    try:
        own = link(chained.previous, chained.event, chained.audio_sha256)
    except ValueError:  # NaN, half a letter: nothing that was ever written
        return Wrong.ALTERED
    return None if (chained.link, chained.event.get(CHAIN)) == (own, own) else Wrong.ALTERED
