"""A trailer for the tests of its dossier: forms, devices that say what came off it, an inventory that applies it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dockvoice_protocol import hash_chain
from dockvoice_protocol.events import AMENDED, CANCELLED, RECORDED, REVIEW, Topics
from dockvoice_protocol.hash_chain import GENESIS, Signer
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.records import ExpectedLine, ExpectedList, PlaceKind, ReceivingPlace
from dockvoice_protocol.signed import sign_expected_list
from edge.deliver.device_events import REVIEW_DATA
from inventory.dossier.dossier import NO_CLIPS, Dossier, DossierClips, build
from inventory.dossier.visits import PublishedTrailerList, TrailerRows
from inventory.forms import Forms, Roles, load_forms, load_roles
from inventory.ingest.validation import InvalidMessage, ValidMessage, validate
from inventory.repository import Store
from inventory.reviews.reviews import Review, read_review
from inventory.store.keys import EnrolledKey
from inventory.verify_dossier import DeviceEvent, EntryHistory, parsed
from tests.dictated import INSTANCE, payload
from tests.store import Lists

SITE = "north"
_INVENTORY_KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
INVENTORY = Signer(_INVENTORY_KEY)
INVENTORY_PEM = _INVENTORY_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
OFFICE = Signer(Ed25519PrivateKey.from_private_bytes(b"\x06" * 32))
MORNING = datetime(2026, 11, 20, 6, tzinfo=UTC)

VERIFIER = (sys.executable, "-I", "-S", str(Path(__file__).parents[1] / "docs" / "verify_dossier.pyz"))
"""As a third party runs it, who has nothing of this program, and of Python the standard library alone."""

_TEXT = {"type": "string"}
_TEXTS, _COUNTS = ("item", "lot", "exception", "trailer"), ("quantity", "damaged", "short", "over")
_PALLET = _TEXT | {"title": "Pallet", "x-voice": {"role": "pallet"}, "x-languages": {"de": {"labels": ["palette"]}}}
_FIELDS: dict[str, Any] = {
    "pallet_id": _PALLET,
    "uom": _TEXT | {"x-voice": {"of": "quantity"}},
    **{role: _TEXT | {"x-voice": {"role": role}} for role in _TEXTS},
    **{role: {"type": "integer", "minimum": 0, "x-voice": {"role": role}} for role in _COUNTS},
}


def _form(*fields: str, **voice: Any) -> dict[str, Any]:
    return {"properties": {name: _FIELDS[name] for name in fields}, "x-voice": voice}


FORMS: dict[str, dict[str, Any]] = {
    "receive-notice": _form(*_FIELDS, expects=True),
    "receive": _form(*_FIELDS),
    "damage": _form("pallet_id", "quantity", "uom", "item", "trailer"),
    "unload": _form("pallet_id", "trailer"),
    "close-trailer": _form("trailer", closes="trailer"),
}
"""As the shipped ones name their fields, and no more of each than a dossier looks at."""


def write_forms(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    for name, said in FORMS.items():
        (directory / f"{name}.schema.json").write_text(json.dumps({"type": "object", **said}), encoding="utf-8")
    return directory


def line(
    pallet: str, quantity: float = 24, uom: str = "CS", item: str = "A100", notice: str = "4550012"
) -> ExpectedLine:
    return ExpectedLine(notice, pallet, item, quantity, uom, lot_needed=False)


class Clock:
    """One for the devices and the inventory, a minute on with each thing that happens."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        return self.now

    def on(self, minutes: float = 1) -> datetime:
        self.now += timedelta(minutes=minutes)
        return self.now


@dataclass
class Box:
    """A device: each event continues the one before it, signed."""

    name: str
    clock: Clock
    key: Signer = field(default_factory=lambda: Signer(Ed25519PrivateKey.from_private_bytes(b"\x17" * 32)))
    said: list[dict[str, Any]] = field(default_factory=list)
    clips: dict[str, bytes] = field(default_factory=dict)
    reviews: int = 0

    def record(self, form: str = "receive-notice", *, data: Any = None, **fields: Any) -> dict[str, Any]:
        context = {name: fields[name] for name in ("trailer",) if name in fields}
        return self._say(RECORDED, form, {"fields": fields, "context": context, **(data or {})})

    def amend(self, before: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return self._say(
            AMENDED, before["subject"], {"fields": before["data"]["fields"] | fields, "amends": before["id"]}
        )

    def cancel(self, before: dict[str, Any]) -> dict[str, Any]:
        return self._say(CANCELLED, before["subject"], {"cancels": before["id"]})

    def review(self, state: str = "open", *, of: Any = None, **fields: Any) -> bytes:
        self.reviews += 1
        open_ = {"reason": "unanswered", "doubtful": [], "heard": {}}
        said: dict[str, Any] = {"state": state, "form": "receive-notice", "operator": "ana", "fields": fields}
        said |= {"utterance": self._utterance() if of is None else of["data"]["utterance"]}
        said |= open_ if state == "open" else {"by": "operator"}
        said |= {} if of is None else {"event_id": of["id"]}
        event = self._envelope(REVIEW, "receive-notice", self.reviews) | {"dataschema": REVIEW_DATA, "data": said}
        audio = said["utterance"]["audio_sha256"]
        return payload(hash_chain.seal_event(event, GENESIS, audio, "{}", self.key))

    def _say(self, kind: str, form: str, data: dict[str, Any]) -> dict[str, Any]:
        self.clock.on()
        said = {"form": form, "operator": "ana", "utterance": self._utterance(), **data}
        if "fields" in data:
            said["reading"] = {"interpreter": "scripted", "heard": {"pallet_id": "seven four two"}, "confidence": {}}
        if not said.get("context", True):
            del said["context"]
        workday = {"business_day": "2026-11-20", "zone": "Europe/Berlin", "utc_offset": "+01:00"}
        if "fields" in data:
            said["workday"] = workday
        event = self._envelope(kind, form, len(self.said) + 1) | {"data": said}
        event["dataschema"] = f"urn:dockvoice:event:entry-{kind.split('.')[2]}:1#data"
        previous = self.said[-1]["chain"] if self.said else GENESIS
        sealed = hash_chain.seal_event(event, previous, said["utterance"]["audio_sha256"], "{}", self.key)
        self.said.append(sealed)
        return sealed

    def _utterance(self) -> dict[str, Any]:
        content = f"{self.name} {len(self.clips)}".encode()
        clip = sha256(content).hexdigest()
        self.clips[clip] = content
        return {"id": self._identity(2), "audio_sha256": clip, "audio_seconds": 3.2}

    def _envelope(self, kind: str, form: str, number: int) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": self._identity(1),
            "source": f"/sites/{SITE}/devices/{self.name}",
            "type": kind,
            "subject": form,
            "time": rfc3339(self.clock.now),
            "datacontenttype": "application/json",
            "sequence": str(number),
            "sequencetype": "Integer",
            "instance": INSTANCE,
        }

    def _identity(self, kind: int) -> str:
        """As a UUIDv7 has it: the milliseconds first."""
        at = f"{int(self.clock.now.timestamp() * 1000):012x}"
        made = sha256(f"{self.name} {kind} {len(self.said)} {self.reviews} {len(self.clips)}".encode()).hexdigest()
        return f"{at[:8]}-{at[8:]}-7{made[:3]}-8{made[3:6]}-{made[6:18]}"


class Dock:
    """Devices, their inventory, and the clock of both."""

    def __init__(self, store: Store, forms: Forms, clock: Clock) -> None:
        self.store = store
        self.forms = forms
        self.clock = clock
        self.lists = Lists(store)
        self.boxes = [Box("dock-3", clock), Box("dock-4", clock)]

    @classmethod
    def at(cls, url: str, forms: Path) -> Dock:
        clock = Clock()
        return cls(Store.open(url, now=clock), load_forms(write_forms(forms)), clock)

    @property
    def roles(self) -> Roles:
        return load_roles(self.forms, ("receive",), ("damage",))

    @property
    def keys(self) -> list[EnrolledKey]:
        return enrolled(self.boxes)

    def hear(self, *events: dict[str, Any]) -> None:
        """The inventory has them."""
        for event in events:
            device = event["source"].rsplit("/", 1)[-1]
            topic = Topics("dockvoice", SITE, device).entries
            judged = validate(payload(event), topic, "dockvoice", self.forms)
            assert isinstance(judged, ValidMessage | InvalidMessage), judged
            self.store.apply(judged.event)

    def announce(self, *lines: ExpectedLine, trailer: str = "5501", sign: Signer = OFFICE) -> None:
        self.clock.on()
        place = ReceivingPlace(PlaceKind.TRAILER, trailer)
        for one in self.lists.replace(SITE, {place: lines}):
            self.lists.note_signed(one, sign_expected_list(one, sign, self.clock.now), sign.public)

    def put_aside(self, box: Box, body: bytes) -> None:
        self.store.review(read_review(body, Topics("dockvoice", SITE, box.name)))

    def gathered(self, trailer: str = "5501") -> TrailerRows:
        return self.store.issues.gather(SITE, trailer, self.roles)

    def dossier(
        self, trailer: str = "5501", visit: int = -1, *, clips: DossierClips = NO_CLIPS, language: str = "en"
    ) -> Dossier:
        gathered = self.gathered(trailer)
        return build(gathered.visits()[visit], gathered, self.keys, INVENTORY, language, clips)


class Unstored:
    """A dock whose inventory is no database: what is said is at hand at once."""

    def __init__(self, forms: Forms) -> None:
        self.clock = Clock()
        self.roles = load_roles(forms, ("receive",), ("damage",))
        self.boxes = [Box("dock-3", self.clock), Box("dock-4", self.clock)]
        self.heard: list[DeviceEvent] = []
        self.lists: list[PublishedTrailerList] = []
        self.reviews: list[Review] = []

    def hear(self, *events: dict[str, Any]) -> None:
        self.heard += [DeviceEvent(event, rfc3339(self.clock.now)) for event in events]

    def announce(self, *lines: ExpectedLine) -> None:
        self.clock.on()
        one = ExpectedList(SITE, ReceivingPlace(PlaceKind.TRAILER, "5501"), len(self.lists) + 1, lines)
        body = sign_expected_list(one, OFFICE, self.clock.now)
        self.lists.append(PublishedTrailerList(one.version, self.clock.now, body, OFFICE.public.raw.hex()))

    def put_aside(self, box: Box, body: bytes) -> None:
        self.reviews.append(read_review(body, Topics("dockvoice", SITE, box.name)))

    def gathered(self, trailer: str = "5501") -> TrailerRows:
        story = EntryHistory(EntryHistory(self.heard, self.roles).of_trailer(trailer), self.roles)
        bodies = {one.id: payload(one.event) for one in story.said}
        lists = self.lists if trailer == "5501" else []
        return TrailerRows(SITE, trailer, self.roles, story, bodies, lists, self.reviews, [], [])

    def dossier(self, trailer: str = "5501", *, clips: DossierClips = NO_CLIPS, language: str = "en") -> Dossier:
        gathered = self.gathered(trailer)
        return build(gathered.visits()[-1], gathered, enrolled(self.boxes), INVENTORY, language, clips)

    def clips(self) -> dict[str, bytes]:
        return {clip: content for box in self.boxes for clip, content in box.clips.items()}


def enrolled(boxes: Iterable[Box]) -> list[EnrolledKey]:
    return [EnrolledKey(SITE, box.name, box.key.public.keyid, None, revoked=False, key=box.key.public) for box in boxes]


AnyDock = TypeVar("AnyDock", Dock, Unstored)


def scene(dock: AnyDock) -> AnyDock:
    """A trailer as it comes: one as announced, one short after a second count, one over, one damaged, one missing,
    one that nobody announced, one refused, one in other units; a correction, a cancellation, something put aside."""
    one, two = dock.boxes
    dock.announce(
        *(line(str(number)) for number in range(742, 748)), line("748", 288, "EA"), line("749", 2.5, "KGM", "B7")
    )
    said = [
        one.record(pallet_id="742", quantity=24, uom="CS", trailer="5501"),
        one.record(pallet_id="743", quantity=22, uom="CS", trailer="5501", data={"counted_first": {"quantity": 21}}),
        two.record(pallet_id="744", quantity=26, uom="CS", trailer="5501", lot="L1"),
        two.record(pallet_id="745", quantity=20, damaged=4, uom="CS", trailer="5501", exception="wet"),
        one.record(pallet_id="746", quantity=42, uom="CS", trailer="5501"),
        one.record(pallet_id="748", quantity=24, uom="CS", item="A100", trailer="5501", data=in_pieces(24)),
        two.record(pallet_id="799", quantity=3, uom="CS", trailer="5501"),
        two.record(pallet_id="749", quantity=24, uom="CS", trailer="5501", exception="refused"),
        one.record("unload", pallet_id="750", trailer="5501"),
        two.record("damage", pallet_id="745", quantity=4, uom="CS", trailer="5501"),
    ]
    said += [one.amend(said[4], quantity=24), two.cancel(said[6])]
    said += [
        two.record(pallet_id="798", quantity=3, uom="CS", trailer="5501"),
        one.record(pallet_id="1", quantity=1, uom="CS", trailer="77"),
    ]
    dock.hear(*said)
    dock.put_aside(one, one.review(pallet_id="747", trailer="5501"))
    dock.hear(one.record("close-trailer", trailer="5501"))
    return dock


def in_pieces(quantity: int, factor: int = 12) -> dict[str, Any]:
    return {"converted": {"quantity": {"quantity": quantity * factor, "uom": "EA", "factor": factor}}}


def decided_late(dock: Dock) -> tuple[dict[str, Any], Callable[[], None]]:
    """As the demo ends: one pallet is recorded, one put aside, and the trailer closed.

    Returns what was said of the first, and what it takes to decide the other one then.
    """
    one, _ = dock.boxes
    dock.announce(line("742"), line("743", 30))
    dock.clock.on()
    aside = one.review(pallet_id="743", trailer="5501")
    dock.put_aside(one, aside)
    said = one.record(pallet_id="742", quantity=24, uom="CS", trailer="5501")
    dock.hear(said, one.record("close-trailer", trailer="5501"))

    def decide() -> None:
        dock.clock.on(60)
        heard = {"utterance": parsed(aside)["data"]["utterance"]}
        entry = one.record(pallet_id="743", quantity=30, uom="CS", trailer="5501", data=heard)
        dock.hear(entry)
        dock.put_aside(one, one.review("recorded", of=entry, pallet_id="743", trailer="5501"))

    return said, decide
