"""Plain files: read to a limit and no further, written for their owner alone; and that every export is."""

from __future__ import annotations

import ast
import errno
import os
import stat
from pathlib import Path

import pytest

from dockvoice_protocol import plain_file
from dockvoice_protocol.plain_file import NotRegularFile


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
def test_a_device_is_not_read(device: str) -> None:
    with pytest.raises(NotRegularFile, match="is no regular file"):
        plain_file.read_regular_file(Path(device))


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotRegularFile, match="is no regular file"):
        plain_file.read_regular_file(tmp_path / "pipe")


def test_what_is_too_large_is_told_and_what_fits_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert plain_file.read_regular_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(NotRegularFile, match="has more than 4 bytes"):
        plain_file.read_regular_file(tmp_path / "a", 4)
    with pytest.raises(IsADirectoryError):
        plain_file.read_regular_file(tmp_path)


def test_a_link_is_followed_where_a_person_named_it_and_not_in_a_shared_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert plain_file.read_regular_file(tmp_path / "link") == b"1"
    with pytest.raises(NotRegularFile, match="is a link"):
        plain_file.read_regular_file(tmp_path / "link", follow=False)


@pytest.mark.parametrize("how", ["x", "w", "a"])
def test_what_is_written_is_for_its_owner_alone(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a"
    if how != "x":
        path.touch(0o666)
        path.chmod(0o666)
    before = os.umask(0)
    try:
        with plain_file.open_owner_only(path, how) as file:
            file.write(b"1")
    finally:
        os.umask(before)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"1", 0o600)


def directories_answer(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no directory can be synced."""
    sync = os.fsync

    def refused(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refused)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_is_written_where_a_directory_cannot_be_synced(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directories_answer(number, monkeypatch)
    plain_file.write_durably(tmp_path / "a", b"1")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a", b"1")]


def test_a_directory_that_a_broken_disk_does_not_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directories_answer(errno.EIO, monkeypatch)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        plain_file.write_durably(tmp_path / "a", b"1")


EXPORTS = {
    "edge/cli/queue.py": "_write_file",
    "edge/cli/speak.py": "_write_wav",
    "edge/keep/readings.py": "keep_reply_for_diagnosis",
    "inventory/cli/main.py": "audit_acknowledge",
    "inventory/cli/clip_commands.py": "clips_save",
    "inventory/epcis/command.py": "_open_output",
}
"""What writes a file that says who said what, or has his voice; bundles and dossiers have tests of their own."""


def test_every_export_is_written_so(repository: Path) -> None:
    for name, function in EXPORTS.items():
        tree = ast.parse((repository / name).read_text())
        (found,) = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == function]
        calls = [ast.unparse(one.func) for one in ast.walk(found) if isinstance(one, ast.Call)]
        assert "plain_file.open_owner_only" in calls, name
