"""What is plain text, and how anything else is shown."""

from __future__ import annotations

import json

import pytest

from dockvoice_protocol.terminal.plain_text import (
    blank_unsafe,
    escape_line,
    escape_lines,
    is_plain_text,
    mark_unprintable,
)
from edge.config import Settings
from inventory.dossier.dossier_page import escape
from tests.rows import each_of

ODD = (
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0x200B, 0x2010),
    *(0x2060, 0xFEFF, 0x00AD, 0x061C, 0x3164, 0xFE0F, 0x180E),
    *(0xE0001, 0xE0041, 0xE007F, 0x1D173),
)
"""What turns the direction of writing, and what nobody sees."""


@each_of("code", ODD, ids=hex)
def test_what_turns_the_direction_or_is_not_seen_is_written_out(code: int) -> None:
    odd = f"op{chr(code)}-17"
    assert not is_plain_text(odd)
    for shown in (escape_line(odd), escape_lines(odd)):
        assert shown.isascii()
        assert json.loads(f'"{shown}"') == odd, "as JSON writes it"
    assert mark_unprintable(odd) == "op�-17"
    assert blank_unsafe(odd) == "op -17"


def test_the_page_of_a_dossier_writes_it_out_too() -> None:
    assert escape("<op\u200b-17>") == "&lt;op\\u200b-17&gt;"


@each_of("text", ["Zoë Ångström-Łuczak", "Ýmir", "मीरा", "王芳", "محمد", "שרה", "Nguyễn", "l\u2019Été", "🙂"])
def test_names_and_words_of_people_are_plain(text: str) -> None:
    assert is_plain_text(text)
    assert escape_line(text) == text


@each_of("code", ODD, ids=hex)
def test_nobody_speaks_under_such_a_name(code: int) -> None:
    for given in ({"operator": f"op{chr(code)}-17"}, {"agree": {"operators": {"op 17": f"op{chr(code)}-17"}}}):
        with pytest.raises(ValueError, match="no control or invisible characters"):
            Settings.model_validate(given)
