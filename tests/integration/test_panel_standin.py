"""The panel, its costs, the doctor and reading again, against the stand-in over HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from edge.agent.doctor import Finding, Severity, make_checks, run_checks
from edge.config import Settings
from edge.keep.journal import Journal
from edge.understand.llm.prompt import LONGEST
from lab.bench.fabrication import FabricationResult, measure_modes
from lab.scoring import Clip, read_manifest
from tests.processes.command import called, dockvoice
from tests.standin import KEY, RunningStandin
from tests.tiers import sized

TODAY = date(2026, 11, 20)

UNDERSTOOD = ("01-", "02-", "07-")  # Clips that the stand-in reads whole and right, as the device does.

SETTINGS = """
state_directory = "{state}"
[understand]
mode = "{mode}"
first = "audio"
deadline_ms = 30000
{more}
[understand.clients.cloud]
kind = "openai"
url = "{url}"
key = "{key}"
[understand.interpreters.audio]
kind = "chat-audio"
client = "cloud"
model = "{model}"
voice = "alloy"
within_s = 30
text_in_usd = 0.60
audio_in_usd = 10
out_usd = 2.40
[deliver.mqtt]
port = 1
"""


@pytest.fixture
def clips(repository: Path) -> list[Clip]:
    demo = repository / "tests" / "data" / "speech" / "demo"
    return [clip for clip in read_manifest(demo / "manifest.jsonl") if clip.audio.name.startswith(UNDERSTOOD)]


Written = Callable[..., Path]
Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str]) -> Here:
    """The command, in the process of the tests."""
    return partial(called, capfd=capfd)


@pytest.fixture
def written(tmp_path: Path, standin: RunningStandin) -> Written:
    def write(mode: str = "panel", more: str = "", key: str = KEY, model: str = "gpt-audio") -> Path:
        path = tmp_path / "edge.toml"
        state = tmp_path / "state"
        path.write_text(
            SETTINGS.format(state=state, mode=mode, more=more, url=standin.url, key=key, model=model), encoding="utf-8"
        )
        return path

    return write


def test_no_invented_identifier_passes_what_the_device_surely_heard(standin: RunningStandin, clips: list[Clip]) -> None:
    many = sized(test=1, nightly=len(clips))
    found = {one.mode: one for one in measure_modes(standin.url, clips[:many], share=100, seed=1)}
    for mode in ("cloud-first", "panel"):
        assert found[mode] == FabricationResult(mode, many, invented=many, accepted=0, right=0, wrong=0, asked=many)


def test_what_both_heard_is_recorded_and_what_it_cost_is_known(
    standin: RunningStandin, clips: list[Clip], written: Written, here: Here, tmp_path: Path
) -> None:
    config = written()
    # Nobody takes the entries: 75 says that they are kept.
    assert dockvoice("replay", *(clip.audio for clip in clips), "--config", config, "--wait", "0").returncode == 75
    with Journal.inspect(tmp_path / "state") as journal:
        entries = journal.queries.entries(10)
        (found,) = journal.queries.history("1").answers
    assert [entry.fields for entry in reversed(entries)] == [clip.fields for clip in clips]
    assert found.came == "in time"
    prompts = [asked.json["messages"][0]["content"] for asked in standin.requests() if asked.method == "POST"]
    assert ["An entry was recorded a moment ago" in prompt for prompt in prompts] == [False, True, True]
    assert all("Values that exist, for spelling alone:\nDock: A, B" in prompt for prompt in prompts)
    assert max(map(len, prompts)) < LONGEST
    replies = sorted((tmp_path / "state" / "replies").iterdir())
    assert [soundfile.info(str(reply)).samplerate > 0 for reply in replies] == [True] * len(clips)
    costs = here("costs", "--config", config, "--json")
    (spent,) = [json.loads(line) for line in costs.stdout.splitlines()]
    assert (spent["client"], spent["model"], spent["answers"]) == ("cloud", "gpt-audio", 3)
    assert 0 < spent["cost_usd"] < 0.1
    assert "gpt-audio" in here("costs", "--config", config).stdout

    standin.behave(path="/v1/chat/completions", answer="fabricate")
    again = here("reread", "--since", "1d", "--interpreter", "audio", "--config", config, "--json")
    compared = [json.loads(line) for line in again.stdout.splitlines()]
    assert all("pallet_id" in one["differing"] for one in compared)
    assert all(one["before"]["fields"] == clip.fields for one, clip in zip(compared, clips, strict=True))
    with Journal.inspect(tmp_path / "state") as journal:
        assert journal.queries.entries(10) == entries
        assert len(journal.queries.history("1").answers) == 1, "reading again leaves no trace in the journal"
    assert here("audit", "verify", "--config", config).returncode == 0
    everything = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert KEY.encode() not in everything + (again.stdout + again.stderr + costs.stdout).encode()


def test_reading_again_asks_first_where_it_costs_something(clips: list[Clip], written: Written, tmp_path: Path) -> None:
    config = written("on-device").rename(tmp_path / "agent.toml")
    assert dockvoice("replay", clips[0].audio, "--config", config, "--wait", "0").returncode == 75
    asked = dockvoice("reread", "--since", "1d", "--interpreter", "audio", "--config", config, "--ask-above", "0")
    assert asked.returncode == 1
    assert "1 utterance, " in asked.stderr
    own = dockvoice("reread", "--since", "1d", "--interpreter", "on-device", "--config", config)
    assert "1 read again: 1 alike" in own.stdout
    unknown = dockvoice("reread", "--since", "1d", "--interpreter", "other", "--config", config)
    assert (unknown.returncode, "there are on-device, audio" in unknown.stderr) == (78, True)


def examined(config: Path) -> dict[str, Finding]:
    """What the doctor finds of the models behind a client, without looking at all the rest of the box."""
    of_models = {
        what: check
        for what, check in make_checks(load_settings(Settings, config), TODAY).items()
        if what.startswith("model")
    }
    return {one.what: one for one in asyncio.run(run_checks(of_models))}


def test_the_doctor_finds_a_wrong_key_and_shows_none(written: Written, here: Here) -> None:
    config = written(key="sk-wrong-key")
    found = examined(config)["model audio"]
    assert found.level is Severity.FAILED
    assert "401" in found.found
    assert found.todo is not None
    told = here("doctor", "--config", config)
    assert told.returncode == 69
    assert "sk-wrong-key" not in told.stdout + told.stderr


def test_the_doctor_finds_a_missing_and_a_retiring_model(written: Written) -> None:
    missing = examined(written(model="gpt-4o-audio-preview"))["model audio"]
    assert (missing.level, "serves no gpt-4o-audio-preview" in missing.found) == (Severity.FAILED, True)
    retiring = examined(written(model="gpt-audio-mini"))["model audio"]
    assert (retiring.level, "2027-01-20" in retiring.found) == (Severity.WARNING, True)


def test_the_doctor_finds_a_slow_endpoint(standin: RunningStandin, written: Written) -> None:
    config = written()
    config.write_text(config.read_text().replace("deadline_ms = 30000", "deadline_ms = 1200"))
    standin.behave(path="/v1/models*", delay_ms=700)
    found = examined(config)["model audio"]
    assert (found.level, "understand.deadline_ms" in str(found.todo)) == (Severity.WARNING, True)


def test_the_doctor_finds_a_wrong_region(standin: RunningStandin, written: Written, here: Here) -> None:
    config = written()
    text = config.read_text().replace(
        'kind = "openai"', 'kind = "azure-openai"\nresidency = "eu"\nregion = "swedencentral"'
    )
    config.write_text(text)
    assert examined(config)["model audio"].level is Severity.WELL
    standin.behave(body='{"object": "list", "data": []}', headers={"x-ms-region": "East US"})
    found = examined(config)["model audio"]
    assert (found.level, "within the EU" in str(found.todo)) == (Severity.FAILED, True)
    config.write_text(text.replace("swedencentral", "eastus2"))
    with pytest.raises(Misconfigured, match="residency is 'eu'"):
        load_settings(Settings, config)
    told = here("doctor", "--config", config, "--json")
    assert json.loads(told.stdout)["check"] == "settings"
    assert told.returncode == 69
