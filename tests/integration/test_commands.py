"""What every command says when something is wrong: one clear line, an exit code, no traceback, nothing lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.processes.command import DOCKVOICE, called, dockvoice
from tests.tiers import TIER, Tier

NO_INPUT, UNAVAILABLE, DISK, AGAIN, CONFIG = 66, 69, 74, 75, 78


FOR_ALL = "-dac_override,-dac_read_search"
AS_ANYBODY = [] if os.geteuid() else ["setpriv", f"--bounding-set={FOR_ALL}", f"--inh-caps={FOR_ALL}"]
"""Root may read all; without these rights it may read what anybody in its place may."""


@dataclass(frozen=True)
class Case:
    """A command line that must fail; {tmp} is a directory prepared by the fixture below."""

    arguments: str
    exit_code: int
    told: str
    works: bool = False
    """It fails only when it has loaded what it works with: in a process of its own by day too."""


CASES = [
    # A file that is not there
    Case("replay {tmp}/none.wav", NO_INPUT, "none.wav: no such file"),
    Case("replay {tmp}/good.wav --config {tmp}/none.toml", NO_INPUT, "none.toml: no such file"),
    Case("run --config {tmp}/none.toml", NO_INPUT, "none.toml: no such file"),
    Case("evaluate {tmp}/none.jsonl", NO_INPUT, "none.jsonl"),
    Case("forms check {tmp}/none.schema.json", NO_INPUT, "none.schema.json: no such file"),
    Case("forms check {tmp}", NO_INPUT, "no such file; a form is a file named NAME.schema.json"),
    Case("models get small-en-us --directory {tmp}/m --from {tmp}/none.zip", NO_INPUT, "none.zip"),
    Case("queue list --state {tmp}/none", NO_INPUT, "none"),
    Case("queue unsettled --state {tmp}/none", NO_INPUT, "none"),
    Case("inventory --config {tmp}/none.toml", NO_INPUT, "none.toml: no such file"),
    Case("inventory rows --config {tmp}/none.toml", NO_INPUT, "none.toml: no such file"),
    # Settings that are wrong
    Case("run --config {tmp}/broken.toml", CONFIG, "broken.toml: is not TOML"),
    Case("replay {tmp}/good.wav --config {tmp}/broken.toml", CONFIG, "broken.toml: is not TOML"),
    Case("evaluate {tmp}/manifest.jsonl --config {tmp}/broken.toml", CONFIG, "broken.toml: is not TOML"),
    Case("models list --config {tmp}/broken.toml", CONFIG, "broken.toml: is not TOML"),
    Case("queue list --config {tmp}/broken.toml", CONFIG, "broken.toml: is not TOML"),
    Case("forms list --config {tmp}/broken.toml", CONFIG, "broken.toml: is not TOML"),
    Case("inventory --config {tmp}/broken.toml", CONFIG, "broken.toml: is not TOML"),
    Case("run --config {tmp}/unknown-key.toml", CONFIG, "colour"),
    Case("replay {tmp}/good.wav --broker localhost:99999", CONFIG, "--broker: found 'localhost:99999'"),
    # A form that is not there, or broken
    Case("replay {tmp}/good.wav --form nonsense", CONFIG, "'nonsense': not among the forms"),
    Case("run --form nonsense", CONFIG, "'nonsense': not among the forms"),
    Case("forms tool nonsense", CONFIG, "'nonsense': not among the forms"),
    Case("forms check {tmp}/odd.schema.json", CONFIG, "odd.schema.json: 7 faults; how to write a form"),
    Case("evaluate {tmp}/other-form.jsonl", CONFIG, "'nonsense': not among the forms"),
    # A model that is not there
    Case("models get nonsense", CONFIG, "'nonsense': no such model"),
    Case("models path small-en-us --directory {tmp}/none", CONFIG, "dockvoice models get small-en-us"),
    # Sound that is none
    Case("replay {tmp}/text.wav", NO_INPUT, "text.wav: is not sound"),
    Case("replay {tmp}/empty.wav", NO_INPUT, "empty.wav"),
    Case("replay {tmp}/slow.wav", NO_INPUT, "slow.wav: claims 100 samples per second"),
    Case("replay {tmp}", NO_INPUT, "is a directory"),
    Case("evaluate {tmp}/bad-audio.jsonl", NO_INPUT, "text.wav: is not sound", works=True),
    # A state directory that cannot be written
    Case("replay {tmp}/good.wav --state {tmp}/good.wav/state", DISK, "good.wav: "),
    Case("run --state {tmp}/good.wav/state", DISK, "good.wav: ", works=True),
    Case("evaluate {tmp}/manifest.jsonl --details {tmp}/none/d.jsonl", DISK, "d.jsonl: cannot be written"),
    Case("evaluate {tmp}/manifest.jsonl --report {tmp}/none/d.html", DISK, "d.html: cannot be written"),
    Case("speak --earcon stored --out {tmp}/none/x.wav", DISK, "x.wav: cannot be written"),
    # Nobody there
    Case(
        "replay {tmp}/good.wav --wait 1 --broker 127.0.0.1:{port} --state {tmp}/state",
        AGAIN,
        "127.0.0.1:{port}",
        works=True,
    ),
    Case("inventory rows --database postgresql+psycopg://nobody@127.0.0.1:{port}/none", UNAVAILABLE, "127.0.0.1"),
]


@pytest.fixture
def tmp(tmp_path: Path, repository: Path) -> Path:
    clip = repository / "tests" / "data" / "speech" / "demo" / "01-pallet-5451-four-cases-dock-alpha.flac"
    samples, rate = soundfile.read(clip)
    soundfile.write(tmp_path / "good.wav", samples, rate)
    (tmp_path / "text.wav").write_text("this is no sound")
    (tmp_path / "empty.wav").touch()
    soundfile.write(tmp_path / "slow.wav", np.zeros(1000), 100)
    (tmp_path / "broken.toml").write_text("site = \n")
    (tmp_path / "unknown-key.toml").write_text('colour = "red"\n')
    (tmp_path / "odd.schema.json").write_text(json.dumps({"type": "object", "patternProperties": {}}))
    for name, audio, form in (
        ("manifest", "good.wav", "pallet-move"),
        ("other-form", "good.wav", "nonsense"),
        ("bad-audio", "text.wav", "pallet-move"),
    ):
        line = json.dumps({"audio": audio, "form": form, "fields": None, "condition": "clean"})
        (tmp_path / f"{name}.jsonl").write_text(line + "\n")
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.arguments)
def test_a_fault_is_one_line_with_an_exit_code(
    case: Case, tmp: Path, free_port: Callable[[], int], capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    words = case.arguments.format(tmp=tmp, port=port).split(" ")
    ended = dockvoice(*words) if case.works or TIER is Tier.NIGHTLY else called(*words, capfd=capfd)
    assert ended.returncode == case.exit_code, ended.stderr
    # A machine without any sound device lacks a speaker besides, and says so once.
    lines = ended.stderr.strip().splitlines()
    if lines[0].startswith("WARNING nothing is read back"):
        del lines[0]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("dockvoice: ")
    assert case.told.format(port=port) in lines[0]
    assert "Traceback" not in ended.stderr + ended.stdout


def test_every_fault_of_a_form_is_a_line(tmp: Path) -> None:
    ended = dockvoice("forms", "check", str(tmp / "odd.schema.json"))
    lines = ended.stdout.splitlines()
    assert len(lines) == 7
    assert all(one.startswith(f"{tmp / 'odd.schema.json'}: #") for one in lines)
    assert "#/patternProperties: keyword 'patternProperties' is not supported; allowed: " in lines[-1]


@pytest.mark.parametrize("arguments", ["queue list", "audit key", "replay {tmp}/closed.wav"])
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


def test_without_a_broker_what_was_said_is_kept(tmp: Path, free_port: Callable[[], int]) -> None:
    state = tmp / "state"
    replayed = dockvoice(
        "replay", tmp / "good.wav", "--wait", "0", "--broker", f"127.0.0.1:{free_port()}", "--state", state
    )
    assert replayed.returncode == AGAIN
    listed = dockvoice("queue", "list", "--state", state, "--json")
    (entry,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (entry["fields"], entry["state"]) == ({"pallet_id": "5451", "quantity": 4, "dock": "A"}, "waiting")


@pytest.mark.parametrize(
    "command",
    [
        "",
        "run",
        "watch",
        "replay",
        "evaluate",
        "demo",
        "inventory",
        "inventory rows",
        "models get",
        "queue list",
        "forms check",
    ],
)
def test_help_teaches(command: str) -> None:
    told = dockvoice(*command.split(), "--help")
    assert told.returncode == 0
    assert "Usage" in told.stdout
    assert len(told.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    "group", ["", "queue", "audio", "audit", "forms", "models", "inventory", "inventory audit", "inventory keys"]
)
def test_a_list_of_commands_tells_of_each_in_whole_words(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = dockvoice(*group.split(), "--help").stdout.partition("Commands:")[2]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []
    assert listed


def test_the_version_is_told() -> None:
    assert dockvoice("--version").stdout == f"dockvoice {version('dockvoice')}\n"


def test_no_colour_and_no_bars_where_there_is_no_terminal(tmp: Path) -> None:
    ended = dockvoice("evaluate", tmp / "manifest.jsonl")
    assert ended.returncode == 0, ended.stderr
    assert "\x1b" not in ended.stdout + ended.stderr
