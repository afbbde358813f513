"""Check a bundle that `dockvoice audit export` made: python verify_bundle.py BUNDLE.zip KEYID [KEYID ...].

Needs `pip install cryptography`, nothing of Dockvoice. KEYID is the id of the device's key, as the owner of the device
tells it to you: what other keys signed is not believed. Prints a line for each event; exit code 0 if all of them hold.
"""

import hashlib
import json
import sys
import zipfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def unrepeated(pairs: list) -> dict:
    """The members of an object; two of one name would mean two things to two readers."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return dict(pairs)


def sha256(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def fault(event: dict, key: bytes, reading: bytes, recording: bytes | None, believed: list[str]) -> str | None:
    """What is wrong with an event, its reading or its recording; None where nothing is."""
    hashed = {name: value for name, value in event.items() if name not in ("chain", "signature")}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    audio = event["data"]["utterance"]["audio_sha256"]
    if sha256(f"{event['previous']}\n{sha256(text.encode())}\n{audio}\n".encode()) != event["chain"]:
        return "the event was altered"
    if event["keyid"] != sha256(key)[:16] or event["keyid"] not in believed:
        return f"it is signed with a key that is not believed, {event['keyid']}"
    try:
        signature = bytes.fromhex(event["signature"])
        Ed25519PublicKey.from_public_bytes(key).verify(signature, event["chain"].encode())
    except (InvalidSignature, ValueError):
        return "the signature is not the device's"
    if event["readingsha256"] != sha256(reading) or event["signature"] != signature.hex():
        return "the reading or the signature was altered"
    return None if recording is None or sha256(recording) == audio else "the recording was altered"


def check(bundle: zipfile.ZipFile, believed: list[str]) -> bool:
    """Tell of each event of the bundle; whether all of them hold."""
    names, links, good = bundle.namelist(), {}, True
    if len(set(names)) < len(names):
        raise zipfile.BadZipFile
    for folder in sorted(name.removesuffix("event.json") for name in names if name.endswith("/event.json")):
        recording = bundle.read(folder + "audio.flac") if folder + "audio.flac" in names else None
        try:
            event = json.loads(bundle.read(folder + "event.json"), object_pairs_hook=unrepeated)
            key, number = bundle.read(f"keys/{event['keyid']}.pub"), int(event["sequence"])
            wrong = fault(event, key, bundle.read(folder + "reading.json"), recording, believed)
            answers = {
                f"{folder}support/{one['id']}.flac": one["audio_sha256"] for one in event["data"].get("support", [])
            }
            if any(
                answers.get(name) != sha256(bundle.read(name)) for name in names if name.startswith(folder + "support/")
            ):
                wrong = wrong or "the recording of an answer or a correction was altered"
            previous, link = event["previous"], event["chain"]
        except (ValueError, KeyError, TypeError, RecursionError) as missing:
            print(folder, "is no signed event with its key and its reading:", type(missing).__name__)  # noqa: T201
            good = False
            continue
        if not wrong and links.get(number - 1, previous) != previous:
            wrong = "it does not continue the event before it"
        links[number], good = link, good and not wrong
        print(number, wrong or ("holds" if recording else "holds, without its recording"))  # noqa: T201
    return good and bool(links)


if __name__ == "__main__":
    if not sys.argv[1:]:
        print("usage: python verify_bundle.py BUNDLE.zip KEYID [KEYID ...]", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    try:
        sys.exit(0 if check(zipfile.ZipFile(sys.argv[1]), sys.argv[2:]) else 1)
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, RecursionError) as broken:
        # Whatever is missing or doubled in it, or is not what it should be, it proves nothing.
        print(f"{sys.argv[1]!r}: is no whole bundle: {type(broken).__name__}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
