from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
import soundfile

from dockvoice_protocol.errors import StorageFailed
from edge.keep import evidence
from edge.records import Utterance
from tests.sayings import NOON, utterance


def with_sound(said: Utterance, pcm: bytes) -> Utterance:
    return replace(said, segment=replace(said.segment, pcm=pcm))


@pytest.mark.parametrize("pcm", [b"", b"\0", b"\0\0\0"])
def test_what_is_no_sound(tmp_path: Path, pcm: bytes) -> None:
    with pytest.raises(ValueError, match="not whole samples"):
        evidence.write(tmp_path, with_sound(utterance(), pcm))
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_day_should_be(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "2026-11-20").write_text("in the way")
    with pytest.raises(StorageFailed, match=r"2026-11-20: .*move it away"):
        evidence.write(tmp_path, utterance())


def test_what_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    said = utterance()
    final = tmp_path / "evidence" / "new" / f"{said.utterance_id}.flac"
    (final / "in the way").mkdir(parents=True)
    with pytest.raises(StorageFailed):
        evidence.write(tmp_path, said)
    assert list(final.parent.iterdir()) == [final]


def test_a_recording_that_is_gone(tmp_path: Path) -> None:
    said = utterance()
    kept = evidence.write(tmp_path, said)
    row = evidence.utterance_row(tmp_path, said, kept)
    kept.path.unlink()
    with pytest.raises(StorageFailed, match=f"{kept.path}: No such file"):
        evidence.read(kept.path, row)
    with pytest.raises(StorageFailed, match=f"{kept.path}: No such file"):
        evidence.read_without_row(kept.path)


def test_a_cut_off_file_does_not_pass_for_a_shorter_utterance(tmp_path: Path) -> None:
    kept = evidence.write(tmp_path, utterance(samples=48_000))
    kept.path.write_bytes(kept.path.read_bytes()[:50_000])
    with pytest.raises(StorageFailed, match=str(kept.path)):
        evidence.read_without_row(kept.path)


@pytest.mark.parametrize("comment", ["a nice song", "[]", "{}", '{"utterance_id": "x"}', "3"])
def test_a_recording_of_somebody_else(tmp_path: Path, comment: str) -> None:
    path = tmp_path / "foreign.flac"
    with soundfile.SoundFile(path, "w", 16_000, 1, subtype="PCM_16", format="FLAC") as file:
        file.comment = comment
        file.write([0.0] * 100)
    with pytest.raises(StorageFailed, match=r"foreign\.flac: does not say whose sound it is"):
        evidence.read_without_row(path)


def test_only_what_is_on_the_disk_gets_the_name_and_the_name_is_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = utterance()
    final = tmp_path / "evidence" / "new" / f"{said.utterance_id}.flac"
    synced: list[tuple[str, bool]] = []
    inodes: list[int] = []

    def fsync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, final.exists()))
        inodes.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    evidence.write(tmp_path, said)
    assert synced == [
        (tmp_path.name, False),  # knows `evidence`
        ("evidence", False),  # knows the directory of new ones
        ("evidence", False),  # knows the day
        (f"{said.utterance_id}.flac.partial", False),
        ("new", True),
    ]
    assert final.stat().st_ino == inodes[3]


def test_its_new_name_is_durable_before_the_next_recording_makes_the_loss_of_the_old_one_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = utterance()
    kept, final = evidence.write(tmp_path, said), tmp_path / evidence.final_path(said)
    synced: list[tuple[str, bool]] = []

    def fsync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, final.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    for _ in range(2):  # a kill may have come before the first was durable
        evidence.put_in_place(kept.path, final)
    assert synced == [(final.parent.name, True)] * 2


def test_it_lies_in_the_directory_of_its_utc_day(tmp_path: Path) -> None:
    late = NOON.replace(hour=23, minute=30).astimezone(timezone(timedelta(hours=5)))
    assert late.day == 21
    said = replace(utterance(), heard_at=late)
    kept = evidence.write(tmp_path, said)
    assert evidence.list_new(tmp_path) == [kept.path]
    final = tmp_path / evidence.final_path(said)
    for _ in range(2):  # a crash may come between the moving and the word that it was done
        evidence.put_in_place(kept.path, final)
        assert final == tmp_path / "evidence" / "2026-11-20" / f"{said.utterance_id}.flac"
        assert evidence.list_recordings(tmp_path) == [final]


def test_only_the_owner_may_listen(tmp_path: Path) -> None:
    kept = evidence.write(tmp_path, utterance())
    assert kept.path.parent.stat().st_mode & 0o077 == 0
    assert kept.path.parent.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "Palette 742, zwölf Stück\n\x00", "x" * 100_000])
def test_what_was_typed_is_in_the_file_and_proved_by_it(tmp_path: Path, text: str) -> None:
    said = replace(utterance(source="keyboard"), typed=text)
    kept = evidence.write(tmp_path, said)
    assert evidence.read_without_row(kept.path) == (said, kept)
    assert evidence.read(kept.path, evidence.utterance_row(tmp_path, said, kept)) == said
