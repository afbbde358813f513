"""Events as a device publishes them, for the tests of the receiving side.

Each names the one before it, but by numbers in the place of links and signatures: `signed` makes true ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dockvoice_protocol.events import REVIEW
from dockvoice_protocol.hash_chain import GENESIS, Signer, seal_event
from edge.deliver.device_events import REVIEW_DATA
from inventory.store.keys import parse_device

AT_DOCK_3 = ("north", "dock-3")  # A site and a device.

INSTANCE = "1-0123456789abcdef"  # In which life of which journal a device makes its events.


def seal(number: int) -> dict[str, Any]:
    """What event `number` would carry of its chain, in the shape alone."""
    links = {"previous": f"{number - 1:064x}", "chain": f"{number:064x}"}
    return {**links, "readingsha256": "0" * 64, "keyid": KEY.public.keyid, "signature": "0" * 128}


def identity(kind: int, number: int, device: str = "dock-3") -> str:
    """A UUID that is the same for the same arguments."""
    place = sum(device.encode())
    return f"01919f3e-{kind:04x}-7{place % 0xFFF:03x}-8000-{number:012x}"


def recorded(number: int = 1, *, at: tuple[str, str] = AT_DOCK_3, **fields: Any) -> dict[str, Any]:
    """Entry `number` of a device: "pallet seven four two, twelve units, dock B", with other `fields` where given."""
    return _event("recorded", number, at) | {
        "data": {
            "form": "pallet-move",
            "fields": {"pallet_id": "0742", "quantity": 12, "dock": "B"} | fields,
            "operator": "op-17",
            "utterance": _utterance(number, at[1]),
            "reading": {"interpreter": "scripted", "heard": {}, "confidence": {}},
        }
    }


def amended(number: int, named: int, *, at: tuple[str, str] = AT_DOCK_3, **fields: Any) -> dict[str, Any]:
    """Entry `named` of the device again, with other `fields`."""
    data = recorded(number, at=at, **fields)["data"]
    return _event("amended", number, at) | {"data": data | {"amends": identity(1, named, at[1])}}


def cancelled(number: int, named: int, *, at: tuple[str, str] = AT_DOCK_3) -> dict[str, Any]:
    """Entry `named` of the device taken back."""
    data = recorded(number, at=at)["data"]
    kept = {name: data[name] for name in ("form", "operator", "utterance")}
    return _event("cancelled", number, at) | {"data": kept | {"cancels": identity(1, named, at[1])}}


KEY = Signer(Ed25519PrivateKey.from_private_bytes(b"\x17" * 32))  # The key of every device that a test speaks for.

ANOTHER = Signer(Ed25519PrivateKey.from_private_bytes(b"\x42" * 32))  # A key that nobody has enrolled.


def new_key_file(path: Path) -> Path:
    """`path`, with a private key in it that nobody else has."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return path


def reviewed(number: int, state: str = "open", *, of: int = 1, life: int = 1) -> dict[str, Any]:
    """Review `number` of the device, in this life of its journal: what became of utterance `of`."""
    open_ = {"reason": "unanswered", "doubtful": [{"field": "dock", "reason": "field_missing"}], "heard": {}}
    event = _event("recorded", number, AT_DOCK_3)
    return event | {
        "id": identity(7, number * 10 + life),
        "type": REVIEW,
        "dataschema": REVIEW_DATA,
        "instance": f"{life}-0123456789abcdef",
        "data": {
            "state": state,
            "form": "pallet-move",
            "operator": None,
            "utterance": _utterance(of, AT_DOCK_3[1]),
            "fields": {"pallet_id": "0742"},
            **(open_ if state == "open" else {"by": "operator"}),
        },
    }


def signed(event: dict[str, Any], key: Signer = KEY) -> bytes:
    """`event` as its device sends it. Each continues the beginning: who may enter is asked of one event at a time."""
    return payload(seal_event(event, GENESIS, event["data"]["utterance"]["audio_sha256"], "", key))


def enrolled(directory: Path, *devices: str) -> Path:
    """`directory`, in which the key of the tests is put for these devices, SITE/DEVICE: all of them have the one."""
    directory.mkdir(parents=True, exist_ok=True)
    for device in devices:
        site, name = parse_device(device)
        (directory / f"{site}.{name}.{KEY.public.keyid}.pem").write_bytes(KEY.public.pem)
    return directory


def payload(event: dict[str, Any]) -> bytes:
    """`event` as it goes over the wire, truly signed or not."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _event(kind: str, number: int, at: tuple[str, str]) -> dict[str, Any]:
    site, device = at
    return {
        "specversion": "1.0",
        "id": identity(1, number, device),
        "source": f"/sites/{site}/devices/{device}",
        "type": f"dockvoice.entry.{kind}.v1",
        "subject": "pallet-move",
        "time": "2026-11-20T07:15:02.417Z",
        "datacontenttype": "application/json",
        "dataschema": f"urn:dockvoice:event:entry-{kind}:1#data",
        "sequence": str(number),
        "sequencetype": "Integer",
        "instance": INSTANCE,
        **seal(number),
    }


def _utterance(number: int, device: str) -> dict[str, Any]:
    return {"id": identity(2, number, device), "audio_sha256": "0" * 64, "audio_seconds": 3.2}
