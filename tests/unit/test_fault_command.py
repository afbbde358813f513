from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from edge.agent.headset import run_fault_command


def script(directory: Path, body: str) -> str:
    path = directory / "lamp"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return str(path)


def warned(caplog: pytest.LogCaptureFixture, *command: str, limit_s: float = 30) -> str:
    caplog.set_level(logging.WARNING)
    asyncio.run(run_fault_command(command, "began", "stuck", limit_s))
    return " ".join(record.getMessage() for record in caplog.records)


def test_a_command_there_is_not_is_told_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert "/nowhere/lamp cannot be run (No such file or directory)" in warned(caplog, "/nowhere/lamp")


def test_a_command_that_does_not_end_is_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    assert "was ended after 0.2 s" in warned(caplog, script(tmp_path, "exec sleep 60"), limit_s=0.2)
    assert time.monotonic() - began < 30


def test_it_gets_state_and_fault_and_no_variable_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_DELIVER__MQTT__PASSWORD", "secret")
    told = tmp_path / "told"
    command = script(tmp_path, f'echo "$@" > {told}; env >> {told}')
    assert warned(caplog, command, "; rm -rf x") == ""
    text = told.read_text()
    assert text.startswith("; rm -rf x began stuck\n")
    assert "secret" not in text
