"""A key goes into one header of one request, and nowhere else: all that a run leaves behind is searched for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.command import dockvoice
from tests.standin import KEY, RunningStandin

WRONG = "sk-a-key-that-is-refused"
RUN_S = 120


@pytest.fixture
def configuration(tmp_path: Path, standin: RunningStandin) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(
        f"""
        [understand]
        mode = "cloud-first"
        first = "mini"
        deadline_ms = 20000
        engine = "pocketsphinx"
        [understand.clients.openai]
        kind = "openai"
        url = "{standin.url}/v1"
        [understand.interpreters.mini]
        kind = "chat-audio"
        client = "openai"
        model = "gpt-audio-mini"
        """,
        encoding="utf-8",
    )
    return path


def left_behind(directory: Path) -> bytes:
    """Every file: journal with its log, evidence, entries, locks."""
    return b"\0".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("key", [KEY, WRONG])
def test_a_key_is_left_nowhere(
    key: str,
    configuration: Path,
    standin: RunningStandin,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "dockvoice_understand__clients__openai__key").write_text(f"{key}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    state = tmp_path / "state"
    clip = repository / "tests/data/speech/demo/01-pallet-5451-four-cases-dock-alpha.flac"
    broker = ["--broker", f"127.0.0.1:{free_port()}", "--wait", "0"]  # nobody is there, and the events stay
    run = dockvoice("replay", clip, "--config", configuration, "--state", state, *broker, "--json", timeout_s=RUN_S)
    told = run.stdout + run.stderr
    assert '"utterance_id"' in told
    assert any(key in value for asked in standin.requests() for value in asked.headers.values())
    assert ("the key is refused" in told) == (key == WRONG)
    assert key not in told
    kept = left_behind(state)
    assert b"SQLite format 3" in kept
    assert key.encode() not in kept
