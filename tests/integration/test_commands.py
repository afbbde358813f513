"""What every command says when something is wrong: one clear line, an exit code, no traceback, nothing lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import soundfile

from tests.processes.command import DOCKVOICE, called, dockvoice
from tests.rows import each_of

NO_INPUT, UNAVAILABLE, DISK, AGAIN, CONFIG = 66, 69, 74, 75, 78

FOR_ALL = "-dac_override,-dac_read_search"
AS_ANYBODY = [] if os.geteuid() else ["setpriv", f"--bounding-set={FOR_ALL}", f"--inh-caps={FOR_ALL}"]
"""Root may read all; without these rights it may read what anybody in its place may."""

AT_WORK = [
    ("evaluate {tmp}/bad-audio.jsonl", NO_INPUT, "text.wav: is not sound"),
    ("run --state {tmp}/good.wav/state", DISK, "good.wav: "),
    ("replay {tmp}/good.wav --wait 1 --broker 127.0.0.1:{port} --state {tmp}/state", AGAIN, "127.0.0.1:{port}"),
]
"""Calls that fail only once the command has loaded what it works with; all others are in `test_wrong_calls`."""


@pytest.fixture
def tmp(tmp_path: Path, repository: Path) -> Path:
    clip = repository / "tests" / "data" / "speech" / "demo" / "01-pallet-5451-four-cases-dock-alpha.flac"
    samples, rate = soundfile.read(clip)
    soundfile.write(tmp_path / "good.wav", samples, rate)
    (tmp_path / "text.wav").write_text("this is no sound")
    (tmp_path / "odd.schema.json").write_text(json.dumps({"type": "object", "patternProperties": {}}))
    for name, audio in (("manifest", "good.wav"), ("bad-audio", "text.wav")):
        line = json.dumps({"audio": audio, "form": "pallet-move", "fields": None, "condition": "clean"})
        (tmp_path / f"{name}.jsonl").write_text(line + "\n")
    return tmp_path


@pytest.mark.parametrize(("arguments", "code", "told"), AT_WORK)
def test_a_fault_at_work_is_one_line_with_an_exit_code(
    arguments: str, code: int, told: str, tmp: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    ended = dockvoice(*arguments.format(tmp=tmp, port=port).split(" "))
    assert ended.returncode == code, ended.stderr
    # A machine without any sound device lacks a speaker besides, and says so once.
    lines = ended.stderr.strip().splitlines()
    if lines[0].startswith("WARNING nothing is read back"):
        del lines[0]
    # So does the delivery, where a slow machine took longer than it waits for a broker before it tells.
    if lines[0].startswith("ERROR not delivered, and kept until this is mended"):
        del lines[0]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("dockvoice: ")
    assert told.format(port=port) in lines[0]
    assert "Traceback" not in ended.stderr + ended.stdout


def test_every_fault_of_a_form_is_a_line(tmp: Path) -> None:
    ended = dockvoice("forms", "check", str(tmp / "odd.schema.json"))
    lines = ended.stdout.splitlines()
    assert len(lines) == 7
    assert all(one.startswith(f"{tmp / 'odd.schema.json'}: #") for one in lines)
    assert "#/patternProperties: keyword 'patternProperties' is not supported; allowed: " in lines[-1]


@pytest.mark.parametrize("arguments", ["queue list", "replay {tmp}/closed.wav"])
def test_what_may_not_be_read_is_named(arguments: str, tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, recording = tmp / "closed", tmp / "closed.wav"
    state.mkdir()
    recording.touch()
    monkeypatch.setenv("DOCKVOICE_STATE_DIRECTORY", str(state))
    command = [*AS_ANYBODY, *DOCKVOICE, *arguments.format(tmp=tmp).split()]
    state.chmod(0)
    recording.chmod(0)
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        state.chmod(0o700)
    assert ended.returncode == NO_INPUT, ended.stderr
    assert re.fullmatch(rf"dockvoice: {tmp}/closed.*Permission denied.*\n", ended.stderr)


def test_the_doctor_finds_what_it_may_not_read_and_goes_on_and_names_a_broker_once(
    tmp: Path, free_port: Callable[[], int]
) -> None:
    state, broker = tmp / "closed", f"127.0.0.1:{free_port()}"
    state.mkdir(mode=0)
    command = [*AS_ANYBODY, *DOCKVOICE, "doctor", "--json", "--state", str(state), "--broker", broker]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = {one["check"]: one for one in map(json.loads, ended.stdout.splitlines())}
    assert (ended.returncode, ended.stderr) == (UNAVAILABLE, "")
    assert found["journal"]["level"] == "failed"
    assert re.fullmatch(rf"{state}.*: Permission denied", found["journal"]["found"])
    assert found["broker"]["found"] == f"broker {broker}: Connection refused"


@each_of(
    "command",
    [
        *("", "run", "watch", "replay", "evaluate", "demo", "inventory", "inventory rows", "models get", "queue list"),
        *("forms check", "forms read", "connect"),
    ],
)
def test_help_teaches(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    told = called(*command.split(), "--help", capfd=capfd)
    assert told.returncode == 0
    assert "Usage" in told.stdout
    assert len(told.stdout.splitlines()) > 5
    assert "\\b" not in told.stdout  # click's own mark was left in the text


@pytest.mark.parametrize(
    "group", ["", "queue", "audio", "audit", "forms", "models", "inventory", "inventory audit", "inventory keys"]
)
def test_a_list_of_commands_tells_of_each_in_whole_words(
    group: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = called(*group.split(), "--help", capfd=capfd).stdout.partition("Commands:")[2]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []
    assert listed


def test_the_version_is_told() -> None:
    assert dockvoice("--version").stdout == f"dockvoice {version('dockvoice')}\n"
