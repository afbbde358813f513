from __future__ import annotations

import io
import json
import logging
import re

import pytest
from rich.console import Group
from rich.table import Table

from dockvoice_protocol.terminal import print_lines
from dockvoice_protocol.terminal.tables import configure_logging, pluralize, print_tables
from tests.rows import each_of

EVENT = "01a1f9f2-8818-7787-bfb7-bd638f6dbc01"


def table(*rows: tuple[str, ...]) -> Table:
    shown = Table("number", "entry", "event")
    for row in rows:
        shown.add_row(*row)
    return shown


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 30 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


@pytest.mark.usefixtures("narrow")
def test_a_value_is_whole_on_a_terminal_that_is_too_narrow_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(Group(table(("1", "pallet_id=0742 quantity=12", EVENT)), "and a sentence that is longer than that"))
    shown = plain(capsys.readouterr().out)
    assert all(value in shown for value in ("pallet_id=0742", "quantity=12", EVENT))
    assert "pallet_id=0742 quantity=12" not in shown, "between values there is room for a new line"


def test_what_may_fold_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    folding = Table()
    folding.add_column("name")
    folding.add_column("value", overflow="fold")
    folding.add_row("signature", "8" * 128)
    print_tables(folding)
    assert max(map(len, plain(capsys.readouterr().out).splitlines())) == 60


def test_off_a_terminal_no_row_is_filled_up_to_the_longest(capsys: pytest.CaptureFixture[str]) -> None:
    grid = Table(box=None, show_header=False)
    for name, value in (("words", "pallet 742 " * 100), ("state", "held")):
        grid.add_row(name, value)
    print_tables(grid)
    assert [line[-4:] for line in capsys.readouterr().out.splitlines()] == [" 742", "held"]


def test_off_a_terminal_a_row_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    print_tables(table(("1", "pallet_id=0742 quantity=12 " * 20, EVENT), ("2", "", EVENT)))
    assert sum(EVENT in line for line in capsys.readouterr().out.splitlines()) == 2
    print_tables(table(("1", "pallet_id=0742 quantity=12", EVENT)))
    (row,) = [line for line in capsys.readouterr().out.splitlines() if EVENT in line]
    assert "pallet_id=0742 quantity=12" in row


def test_what_stands_in_brackets_or_between_colons_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(table(("1", "[stock_phrase] thank you", ":cat:")))
    assert "[stock_phrase] thank you" in (shown := capsys.readouterr().out)
    assert ":cat:" in shown


@each_of(("count", "told"), [(0, "0 devices"), (1, "1 device"), (2, "2 devices")])
def test_one_is_not_told_as_many(count: int, told: str) -> None:
    assert pluralize(count, "device") == told


HOSTILE = "a\x1b[31mb\u202ec\x9bd\u2066e"


def test_what_a_stranger_said_moves_no_cursor_and_turns_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(table(("1", HOSTILE, EVENT)))
    told = capsys.readouterr().out
    assert not set("\x1b\u202e\x9b\u2066") & set(told)
    assert "a\\u001b[31mb\\u202ec\\u009bd\\u2066e" in told


@pytest.mark.usefixtures("narrow")
def test_on_a_terminal_nothing_but_the_tables_own_style_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(table(("1", HOSTILE, EVENT)))
    assert set(re.findall(r"\x1b\[[\d;]*m", capsys.readouterr().out)) <= {"\x1b[1m", "\x1b[0m"}


def test_a_line_of_json_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(json.dumps({"operator": HOSTILE}, ensure_ascii=False))
    told = capsys.readouterr().out
    assert told.isascii()
    assert json.loads(told) == {"operator": HOSTILE}


def test_a_line_of_the_log_stays_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "root", root := logging.RootLogger(logging.NOTSET))
    out = io.StringIO()
    configure_logging(out, logging.INFO, "%(levelname)s %(message)s")
    root.warning("from %s", "dock-3\nERROR all is lost" + HOSTILE)
    assert out.getvalue() == "WARNING from dock-3\\u000aERROR all is losta\\u001b[31mb\\u202ec\\u009bd\\u2066e\n"
