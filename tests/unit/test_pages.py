"""What the pages tell people to type: each call of ours is one that there is, each file of the tree lies there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from dockvoice_protocol.command import DeferredCommand, build_command_group
from tests.doc_pages import Block, blocks, called, fenced
from tests.rows import each_of, every

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

SETTING_UP = ("install.md", "console.md", "connect.md")
"""Pages that lead through an installation, whose blocks a night runs."""

GROUP = build_command_group()

UsageError: Any = typer.BadParameter.__base__  # Typer brings a click of its own.


def calls(page: Path) -> list[list[str]]:
    """Each call of `dockvoice` in the blocks of a page, without the program."""
    return [call for block in blocks(page) for call in called(block)]


def leads(call: list[str]) -> tuple[Any, list[str]]:
    """The command that a call reaches, and what is left to it. Raises UsageError."""
    command: Any = GROUP
    rest, name = call, "dockvoice"
    while True:
        if isinstance(command, DeferredCommand):
            command = _whole(command)
        context = typer.Context(command, info_name=name)
        if not hasattr(command, "commands"):
            return command, rest
        _, left, _ = command.make_parser(context).parse_args(list(rest))
        if not left:
            return command, []
        _, command, rest = command.resolve_command(context, left)
        name = str(left[0])


@cache
def _whole(command: DeferredCommand) -> Any:
    from dockvoice_protocol.command import find_command

    return find_command(str(command.name), command._load())


def parsed(call: list[str]) -> None:
    """Raise UsageError for a command or an option that there is not, or for too much behind it."""
    command, rest = leads(call)
    context = typer.Context(command, info_name="dockvoice")
    _, left, _ = command.make_parser(context).parse_args(list(rest))
    if left:
        raise typer.BadParameter(f"nothing takes {left}")


@each_of("page", [page for page in PAGES if calls(page)], ids=lambda page: page.name)
def test_every_call_in_a_block_is_one_that_there_is(page: Path) -> None:
    def is_one(call: list[str]) -> None:
        try:
            parsed(call)
        except UsageError as fault:
            pytest.fail(f"{page.name}: dockvoice {shlex.join(call)}: {fault.format_message()}")

    every(calls(page), is_one)


def test_a_call_that_there_is_not_would_be_found() -> None:
    for wrong in ("inventory counts", "run --confg a.toml", "inventory count more", "audit key --state"):
        with pytest.raises(UsageError):
            parsed(wrong.split())
    assert len([call for page in PAGES for call in calls(page)]) > 100, "they are found"


def setting_up() -> Iterator[Block]:
    """The blocks that somebody who installs it types."""
    for page in SETTING_UP:
        yield from (block for block in fenced(ROOT / "docs" / page) if block.kind == "sh")


def test_what_the_blocks_name_of_the_source_tree_is_there() -> None:
    named = {
        name for block in setting_up() for name in re.findall(r"(?<![\w/.-])(?:config|systemd)/[\w@./*-]+", block.text)
    }
    assert len(named) >= 5
    assert {name for name in named if not list(ROOT.glob(name))} == set()


def test_what_a_minimal_debian_lacks_is_in_no_block() -> None:
    for block in setting_up():
        lacking = re.findall(r"\b(?:sudo|editor|nano|curl|wget)\b|dockvoice\S*-\d+\.\d+\.\d+-", block.text)
        assert lacking == [], f"{block.page}: {block.text}"
        # Debian 12 has no /etc/sysusers.d, and cp makes none.
        assert (
            not re.search(r"^cp .*/$", block.text.replace("models/.", "models"), re.MULTILINE) or "models" in block.text
        )


def test_what_sets_it_up_stands_in_fenced_blocks_that_a_night_can_run() -> None:
    """An indented block is an example; one that is typed, on the way to a running service, is run."""
    assert len(list(setting_up())) >= 25
