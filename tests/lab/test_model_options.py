from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import UnreadableInput
from edge.cli import load_settings_with_options
from edge.cli.reports import parse_moment
from edge.config import UnderstandingMode
from lab.evaluate_command import understand_overrides
from tests.rows import each_of


@each_of(
    ("mode", "interpreters", "second", "given"),
    [
        (None, None, None, {}),
        (UnderstandingMode.PANEL, None, None, {"mode": UnderstandingMode.PANEL}),
        (None, "audio", None, {"first": "audio"}),
        (None, "audio,gemini,box", "own", {"first": "audio", "fallback": ("gemini", "box"), "second": "own"}),
    ],
)
def test_who_is_asked(
    mode: UnderstandingMode | None, interpreters: str | None, second: str | None, given: dict[str, Any]
) -> None:
    assert understand_overrides(mode, interpreters, second) == given


def test_the_command_line_changes_the_seats_and_leaves_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(
        '[understand]\nmode = "panel"\nfirst = "audio"\ndeadline_ms = 900\n'
        '[understand.clients.box]\nkind = "self-hosted"\nurl = "http://box"\n'
        '[understand.interpreters.audio]\nkind = "chat-audio"\nclient = "box"\nmodel = "voxtral"\n'
    )
    understand = load_settings_with_options(
        file, understand=understand_overrides(UnderstandingMode.CLOUD_FIRST, None, None)
    ).understand
    assert (understand.mode, understand.first, understand.deadline_ms) == (UnderstandingMode.CLOUD_FIRST, "audio", 900)


@each_of(("told", "back"), [("7d", timedelta(days=7)), ("12h", timedelta(hours=12))])
def test_back_from_now(told: str, back: timedelta) -> None:
    before = datetime.now().astimezone() - back
    assert before <= parse_moment(told) <= datetime.now().astimezone() - back


@each_of("told", ["yesterday", "", "d", "7w", "2026-13-01"])
def test_what_is_no_moment_is_told(told: str) -> None:
    with pytest.raises(UnreadableInput, match="allowed is a day"):
        parse_moment(told)
