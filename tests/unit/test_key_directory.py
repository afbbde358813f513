"""The directory of keys, which others change while the inventory looks into it, and which may hold those of many."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.hash_chain import PublicKey, Signer
from inventory.store.keys import KeyDirectory


def key() -> PublicKey:
    return Signer(Ed25519PrivateKey.generate()).public


def put(directory: Path, device: str, end: str = "", *, one: PublicKey | None = None) -> Path:
    """A file as somebody else puts it there."""
    directory.mkdir(exist_ok=True)
    one = one or key()
    path = directory / f"north.{device}.{one.keyid}{end}.pem"
    path.write_bytes(one.pem)
    return path


def states(keys: KeyDirectory, device: str) -> list[str]:
    return [one.state for one in keys.keys_of("north", device).values()]


def test_keys_that_come_within_one_tick_of_the_clock_are_all_seen(tmp_path: Path) -> None:
    keys = KeyDirectory(tmp_path / "keys")
    assert keys.all() == ()
    for number in range(200):
        put(tmp_path / "keys", f"dock-{number}")
        assert states(keys, f"dock-{number}") == ["good"]
    assert len(keys.all()) == 200


def test_a_key_that_is_revoked_or_gone_lets_nobody_in(tmp_path: Path) -> None:
    path = put(tmp_path, "dock-3")
    keys = KeyDirectory(tmp_path)
    assert states(keys, "dock-3") == ["good"]
    path.rename(path.with_name(path.name.replace(".pem", ".revoked.pem")))
    assert states(keys, "dock-3") == ["revoked"]
    path.with_name(path.name.replace(".pem", ".revoked.pem")).unlink()
    assert (states(keys, "dock-3"), keys.all()) == ([], ())


def test_a_key_is_enrolled_for_one_device_alone(tmp_path: Path) -> None:
    one, keys = key(), KeyDirectory(tmp_path)
    keys.enrol("north", "dock-3", one)
    keys.enrol("north", "dock-3", one)  # said again
    with pytest.raises(Misconfigured, match=f"{one.keyid} is the key of north/dock-3"):
        keys.enrol("north", "dock-4", one)
    put(tmp_path, "dock-4")
    with pytest.raises(Misconfigured, match=f"{one.keyid} is the key of north/dock-3"):
        keys.rotate("north", "dock-4", one, 7)
    keys.revoke("north", "dock-3", None)
    with pytest.raises(Misconfigured, match="is the key of north/dock-3"):  # nor is a key that was stolen anybody's
        keys.enrol("north", "dock-5", one)


def test_a_key_that_somebody_copied_to_another_device_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one, keys = key(), KeyDirectory(tmp_path)
    first, second = put(tmp_path, "dock-3", one=one), put(tmp_path, "dock-4", one=one)
    assert (states(keys, "dock-3"), states(keys, "dock-4")) == (["good"], ["good"])
    assert caplog.text.count("this key of north/dock-4 is that of north/dock-3 too") == 1
    assert keys.holders(one.keyid) == [("north", "dock-3"), ("north", "dock-4")]
    second.unlink()
    assert keys.holders(one.keyid) == [("north", "dock-3")]
    first.rename(first.with_name(first.name.replace(".pem", ".upto-7.pem")))
    assert keys.holders(one.keyid) == [("north", "dock-3")]


def test_of_two_files_with_one_key_the_revoked_counts(tmp_path: Path) -> None:
    one = key()
    put(tmp_path, "dock-3", ".revoked", one=one)
    keys = KeyDirectory(tmp_path)
    assert states(keys, "dock-3") == ["revoked"]
    put(tmp_path, "dock-3", one=one)
    assert states(keys, "dock-3") == ["revoked"]


def test_a_file_that_is_no_key_is_told_once_and_tried_again_when_something_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = key()
    half = tmp_path / f"north.dock-3.{one.keyid}.pem"
    half.write_bytes(one.pem[:20])
    keys = KeyDirectory(tmp_path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert states(keys, "dock-3") == []
    assert caplog.text.count("lets nobody in") == 1
    half.write_bytes(one.pem)
    put(tmp_path, "dock-4")
    assert states(keys, "dock-3") == ["good"]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read, by name."""
    read: list[str] = []
    plain = plain_file.read_regular_file

    def counted(path: Path) -> bytes:
        read.append(path.name)
        return plain(path)

    monkeypatch.setattr(plain_file, "read_regular_file", counted)
    return read


def test_an_event_of_one_device_does_not_go_through_the_keys_of_all(tmp_path: Path, reads: list[str]) -> None:
    for number in range(50):
        put(tmp_path, f"dock-{number}")
    an_hour_ago = tmp_path.stat().st_mtime - 3600
    os.utime(tmp_path, (an_hour_ago, an_hour_ago))
    keys = KeyDirectory(tmp_path)
    for number in range(50):
        assert states(keys, f"dock-{number}") == ["good"]
    assert len(reads) == 50
