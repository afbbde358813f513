"""The audit chain: each event is linked to its predecessor and its recording, and signed by its device.

A link is SHA-256 over three hashes in hex, one per line: the previous link, the event, and the recording. All three
have a fixed length, so that no two different triples give the same text. The event is hashed in its RFC 8785 form (JSON
Canonicalization Scheme). The signature is Ed25519 (RFC 8032) over the 64 ASCII characters of the link. All values are
lower-case hex.

The hash of an erased event is kept: link and signature can be verified without its content.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from dockvoice_protocol.strict_json import NotStrict, parse_strict

try:
    from nacl import bindings as sodium
    from nacl.exceptions import CryptoError
except ImportError:
    sodium, CryptoError = None, InvalidSignature  # type: ignore[assignment, misc]

GENESIS = "0" * 64  # The previous link of the first event.

PREVIOUS = "previous"  # The member with the link that the event continues, so that a single event can be verified.

READING = "readingsha256"  # The member with the SHA-256 of the reading's JSON text, as the device stores it.

INSTANCE = "instance"
"""The member with the journal's instance: `NUMBER-RANDOM`, incremented at each start. An event that does not follow
the last one that the inventory knows comes from a copy of the journal."""

KEYID = "keyid"  # The member with the id of the signing key.
CHAIN = "chain"  # The member with the event's own link.
SIGNATURE = "signature"  # The member with the device's signature of that link.
WITHHELD_SIGNATURE = "withheldsignature"
"""The member of a withheld event's replacement with the device's signature of the replacement."""

UNHASHED = frozenset({CHAIN, SIGNATURE})  # Not hashed: computed from the hash.

KEYID_DIGITS = 16
"""Hex digits of a key id: 64 bits are unique among the keys of a site, and short enough to read aloud."""

_SIGNATURE_BYTES = 64  # RFC 8032.


def _verify(key: bytes, signed: bytes, signature: bytes) -> None:
    """Verify the signature of these bytes. Raises ValueError, InvalidSignature or CryptoError.

    libsodium, where it is installed, takes half of OpenSSL's time. It also refuses keys of small order, which no
    `Signer` has, and of which one signature is valid for many texts.
    """
    if len(signature) != _SIGNATURE_BYTES:  # else libsodium would count the rest as signed text
        raise InvalidSignature
    if sodium is None:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    else:
        sodium.crypto_sign_open(signature + signed, key)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A device's public key."""

    raw: bytes  # 32 bytes, as in RFC 8032.

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Parse the key as `dockvoice audit key` prints it. Raises ValueError if it is no Ed25519 public key."""
        try:
            key = load_pem_public_key(pem)
        except UnsupportedAlgorithm:
            raise ValueError("a key of an unknown kind") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("a key of another kind")  # noqa: TRY004 - the content is wrong, not the call
        return cls(key.public_bytes_raw())

    @property
    def pem(self) -> bytes:
        """The key as SubjectPublicKeyInfo (RFC 8410) in PEM."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def keyid(self) -> str:
        """The first digits of the SHA-256 of its bytes."""
        return hashlib.sha256(self.raw).hexdigest()[:KEYID_DIGITS]

    def verify(self, link: str, signature: str) -> bool:
        """Verify the signature of `link`."""
        try:
            made = bytes.fromhex(signature)
            _verify(self.raw, link.encode("ascii"), made)
        except (ValueError, InvalidSignature, CryptoError):
            return False
        return made.hex() == signature  # one signature, one spelling

    @property
    def _key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.raw)


class Signer:
    """An Ed25519 private key (RFC 8032). Its repr shows the key id only."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        """`private` never leaves this object."""
        self._private = private
        self.public = PublicKey(private.public_key().public_bytes_raw())  # The key that verifies its signatures.

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Load the key. Raises ValueError if it is no Ed25519 private key without a password."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (TypeError, UnsupportedAlgorithm):
            raise ValueError("a key with a password, or of an unknown kind") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("a key of another kind")  # noqa: TRY004 - the content is wrong, not the call
        return cls(key)

    def sign(self, link: str) -> str:
        """Sign the link's ASCII characters: 128 hex digits."""
        return self._private.sign(link.encode("ascii")).hex()

    def __repr__(self) -> str:
        return f"Signer({self.public.keyid})"


class DefectKind(StrEnum):
    """Codes for what can be wrong with an event; `message` words them."""

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
    ROW_ALTERED = "row_altered"
    STATE_ALTERED = "state_altered"
    STOCK_ALTERED = "stock_altered"
    LOG_ALTERED = "log_altered"
    UNCOMMITTED = "uncommitted"
    REMOVAL_FORGED = "removal_forged"
    ERASURE_FORGED = "erasure_forged"
    WITHHELD = "withheld"

    @property
    def message(self) -> str:
        """The fault in words."""
        return _MESSAGES[self]


_MESSAGES = {
    DefectKind.MISSING: "is missing: its rows, or some of them, were removed",
    DefectKind.MISPLACED: "does not continue the event before it: events were removed, put in or exchanged",
    DefectKind.ALTERED: "the event, its link or the hash of its recording was altered",
    DefectKind.UNSIGNED: "carries no signature",
    DefectKind.UNKNOWN_KEY: "is signed with a key that is not known here",
    DefectKind.FORGED: "its signature was not made for it by the key it names",
    DefectKind.READING_ALTERED: "the reading kept with it was altered",
    DefectKind.RECORDING_ALTERED: "its recording was altered or exchanged",
    DefectKind.RECORDING_MISSING: "its recording is missing, and nobody says that it was removed",
    DefectKind.ENTRY_ALTERED: "the entry made of it was altered or removed",
    DefectKind.ROW_ALTERED: "the row that keeps it names another id, number, device, kind or key than the event does",
    DefectKind.STATE_ALTERED: "its entry stands or does not, or replaces another, against what the events say",
    DefectKind.STOCK_ALTERED: "what it moved in stock was altered, removed or put in: `stock_moves` does not say what "
    "the events do",
    DefectKind.LOG_ALTERED: "its second copy, in entries.log, is missing or says something else",
    DefectKind.UNCOMMITTED: "is in entries.log alone: its commit failed just now, or its rows were removed; the next "
    "start of the agent enters it",
    DefectKind.REMOVAL_FORGED: "its recording is marked as removed, but the device did not sign for that",
    DefectKind.ERASURE_FORGED: "it is marked as erased, but the device did not sign for that",
    DefectKind.WITHHELD: "the device kept its entry back, so that only its seal is here to be checked",
}


@dataclass(frozen=True, slots=True)
class BadEvent:
    """The first faulty event of a device."""

    sequence: int
    wrong: DefectKind


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A stored event with all that its link depends on."""

    sequence: int
    previous: str
    link: str
    event: Mapping[str, Any] = field(repr=False)
    audio_sha256: str
    withheld: bool  # Whether the device withheld its content: only the seal can be verified.
    event_sha256: str | None = None  # The hash of an erased event; None: the event is there.


@dataclass(frozen=True, slots=True)
class KeySpan:
    """Consecutive events signed with one key."""

    keyid: str
    first: int
    last: int


class ChainVerifier:
    """Verifies one device's chain, event by event in the order of their sequence."""

    def __init__(self, keys: Mapping[str, PublicKey] | None) -> None:
        """`keys` are the device's keys by key id; None skips signatures."""
        self._keys = keys
        self.last = 0  # The sequence of the last valid or excused event.
        self.link = GENESIS
        self.held = 0  # The number of valid events.
        self.spans: list[KeySpan] = []

    def next_fault(self, chained: StoredEvent) -> DefectKind | None:
        """The fault of the next event; None where it is valid."""
        altered = None if chained.withheld else _content_fault(chained)
        return self._position_fault(chained) or altered or self._signature_fault(chained)

    def advance(self, chained: StoredEvent) -> None:
        """Advance past a valid event."""
        keyid = str(chained.event.get(KEYID))
        self.held += 1
        self.last, self.link = chained.sequence, chained.link
        if self.spans and self.spans[-1].keyid == keyid:
            self.spans[-1] = replace(self.spans[-1], last=self.last)
        else:
            self.spans.append(KeySpan(keyid, self.last, self.last))

    def skip_acknowledged(self, wrong: DefectKind, chained: StoredEvent) -> bool:
        """Advance past a fault of the next event that was acknowledged.

        Returns whether the event itself must still be verified: it must when only its place in the chain was wrong.
        """
        if wrong in {DefectKind.MISSING, DefectKind.MISPLACED}:
            self.last, self.link = chained.sequence - 1, chained.previous
            if self._position_fault(chained) is None:
                return True
        self.last, self.link = chained.sequence, chained.link
        return False

    def _position_fault(self, chained: StoredEvent) -> DefectKind | None:
        if chained.sequence > self.last + 1:
            return DefectKind.MISSING
        # Without the member, the event is reported as altered.
        continues = (chained.previous, chained.event.get(PREVIOUS, self.link)) == (self.link, self.link)
        return None if continues and chained.sequence == self.last + 1 else DefectKind.MISPLACED

    def _signature_fault(self, chained: StoredEvent) -> DefectKind | None:
        event = chained.event
        if SIGNATURE not in event:
            return DefectKind.UNSIGNED
        if self._keys is None:
            return None
        if (key := self._keys.get(str(event.get(KEYID)))) is None:
            return DefectKind.UNKNOWN_KEY
        return None if key.verify(str(event.get(CHAIN)), str(event.get(SIGNATURE))) else DefectKind.FORGED


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A person's signed statement that a fault is known, and why: verification continues past it.

    It excuses the fault that was found then, and no later change.
    """

    device: str  # As site/device; empty on the device itself.
    sequence: int
    wrong: str
    found: str  # SHA-256 of the faulty content.
    who: str
    reason: str
    at: str  # ISO 8601 in UTC.
    keyid: str = ""
    signature: str = ""

    def signed(self, signer: Signer) -> Self:
        """Make the signed copy of this acknowledgement."""
        mine = replace(self, keyid=signer.public.keyid, signature="")
        return replace(mine, signature=signer.sign(_acknowledgement_statement(mine)))

    def is_signed_by(self, keys: Mapping[str, PublicKey]) -> bool:
        """Whether one of these keys signed it."""
        key = keys.get(self.keyid)
        return key is not None and key.verify(_acknowledgement_statement(self), self.signature)


class KnownFaults:
    """The acknowledged faults of one device's chain."""

    def __init__(self, known: Iterable[Acknowledgement], keys: Mapping[str, PublicKey], device: str = "") -> None:
        """Of `known` only those about `device` and signed with one of `keys` count."""
        self._known = [one for one in known if one.device == device and one.is_signed_by(keys)]
        self.met: list[Acknowledgement] = []  # Those that were used, in the order of their events.

    def excuse_if_acknowledged(self, broken: BadEvent, content_hash: Callable[[], str]) -> bool:
        """Whether this fault was acknowledged, which adds its acknowledgement to `met`.

        `content_hash` gives the SHA-256 of the faulty content; it is called only where the event is named.
        """
        about = [one for one in self._known if (one.sequence, one.wrong) == (broken.sequence, broken.wrong)]
        excusing = [one for one in about if one.found == content_hash()]
        self.met.extend(excusing[:1])
        return bool(excusing)


def parse_acknowledgements(text: str) -> list[Acknowledgement]:
    """Parse acknowledgements, one a line. Raises ValueError for an invalid line."""
    found = [parse_event_or_empty(line) for line in text.splitlines()]
    try:
        read = [Acknowledgement(**one) for one in found]
    except TypeError:
        raise ValueError("a line is no acknowledgement") from None
    for one in read:
        if not all(isinstance(value, int if name == "sequence" else str) for name, value in asdict(one).items()):
            raise ValueError("a line is no acknowledgement")
    return read


def _acknowledgement_statement(one: Acknowledgement) -> str:
    return event_sha256({"acknowledged": {**asdict(one), "signature": ""}})


def format_fault_acknowledgement(one: Acknowledgement) -> str:
    """Encode it as a line of a file."""
    return json.dumps(asdict(one), ensure_ascii=False) + "\n"


_encode_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_WRITTEN_OTHERWISE = re.compile(r"[:,\[]-?(?:[NI]|[0-9]+(?:\.0(?![0-9])|(?:\.[0-9]+)?e|[0-9]{15}))")
"""A number that Python writes otherwise than RFC 8785 (`1.0`, `1e-07`), or that it refuses (NaN, 2^53).

A match inside a string costs time and no more.
"""


def canonical_bytes(event: Mapping[str, Any]) -> bytes:
    """The event without UNHASHED (its chain value and signature), in RFC 8785 form, which is hashed.

    Raises ValueError for NaN, lone surrogates, integers beyond 2^53 - 1, and too deep nesting.
    """
    hashed = {name: value for name, value in event.items() if name not in UNHASHED}
    try:
        with suppress(TypeError):  # what is no JSON is refused by the package
            text = _encode_json(hashed)
            # Four times as fast; it writes the same but for such numbers and the order of keys beyond ASCII.
            outside = text if "\\" in text else "".join(text.split('"')[::2])  # of strings: a tenth of it
            if text.isascii() and not _WRITTEN_OTHERWISE.search(outside):
                return text.encode()
        return rfc8785.dumps(hashed)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def event_sha256(event: Mapping[str, Any]) -> str:
    """The hash of an event, which is part of its link."""
    return hashlib.sha256(canonical_bytes(event)).hexdigest()


def compute_link(previous: str, event: Mapping[str, Any], audio_sha256: str) -> str:
    """The link of an event that follows `previous` and rests on the recording with this hash."""
    return _link_of(previous, event_sha256(event), audio_sha256)


def _link_of(previous: str, event_sha256: str, audio_sha256: str) -> str:
    """The link of an event of which only the hash is known."""
    return hashlib.sha256(f"{previous}\n{event_sha256}\n{audio_sha256}\n".encode()).hexdigest()


def parse_event_or_empty(body: str | bytes) -> dict[str, Any]:
    """Parse a stored event strictly; what is no JSON object gives an empty one, which matches no link."""
    try:
        event = parse_strict(body)
    except NotStrict:
        return {}
    return event if isinstance(event, dict) else {}


def seal_event(
    event: Mapping[str, Any], previous: str, audio_sha256: str, reading: str, signer: Signer
) -> dict[str, Any]:
    """Add link and signature to the event, the next of the chain. `reading` is the reading's text as it is stored."""
    tied = {**event, PREVIOUS: previous, READING: sha256_hex(reading), KEYID: signer.public.keyid}
    own = compute_link(previous, tied, audio_sha256)
    return {**tied, CHAIN: own, SIGNATURE: signer.sign(own)}


def withheld_statement(replacement: Mapping[str, Any]) -> str:
    """The text that a device signs for a withheld event's replacement: all of it, with its seal."""
    said = {name: value for name, value in replacement.items() if name != WITHHELD_SIGNATURE}
    return f"{replacement.get(CHAIN)} {hashlib.sha256(canonical_bytes(said)).hexdigest()}"


def sign_withheld_replacement(replacement: Mapping[str, Any], signer: Signer) -> dict[str, Any]:
    """Add the device's signature to a withheld event's replacement."""
    return {**replacement, WITHHELD_SIGNATURE: signer.sign(withheld_statement(replacement))}


def is_whole_event_signed(
    event: Mapping[str, Any], key: PublicKey, vouching: Iterable[PublicKey], *, withheld: bool
) -> bool:
    """Whether the holder of `key` signed the whole event.

    The seal of a withheld event's replacement covers the withheld content only: alone it would be valid with any number
    and id. So the replacement needs a signature with one of `vouching` too, possibly a later key than that of the seal.
    """
    chain, signature = event.get(CHAIN), event.get(SIGNATURE)
    if not (isinstance(chain, str) and chain.isascii() and isinstance(signature, str)):
        return False
    if withheld:
        try:
            own, text = event.get(WITHHELD_SIGNATURE), withheld_statement(event)
        except ValueError:
            return False
        vouches = isinstance(own, str) and any(one.verify(text, own) for one in vouching)
        return vouches and key.verify(chain, signature)
    return chain == _link_of_itself(event) and key.verify(chain, signature)


def _link_of_itself(event: Mapping[str, Any]) -> str | None:
    try:
        return compute_link(event[PREVIOUS], event, event["data"]["utterance"]["audio_sha256"])
    except (KeyError, TypeError, ValueError):
        return None


def sha256_hex(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _content_fault(chained: StoredEvent) -> DefectKind | None:
    try:
        hashed = event_sha256(chained.event) if chained.event_sha256 is None else chained.event_sha256
        own = _link_of(chained.previous, hashed, chained.audio_sha256)
    except ValueError:  # NaN, half a letter: nothing that was ever written
        return DefectKind.ALTERED
    return None if (chained.link, chained.event.get(CHAIN)) == (own, own) else DefectKind.ALTERED
