from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command_name

from dockvoice_protocol.command import COMMANDS, build_command_group, find_command
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.terminal import EXIT_CODES
from tests.rows import each_of

PROJECT = Path(__file__).parents[2]

JOINED = {
    name: EntryPoint(name, module, "dockvoice.commands")
    for project in (".", "inventory", "lab")
    for name, module in tomllib.loads((PROJECT / project / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "entry-points"
    ]["dockvoice.commands"].items()
}

AGENTS = {name for name, one in JOINED.items() if one.module.startswith("edge.")}


def command(name: str) -> Any:
    """The command itself, its module imported."""
    return find_command(name, JOINED[name].load())


@each_of("name", COMMANDS)
def test_the_line_in_the_list_is_the_commands_own(name: str) -> None:
    assert command(name).get_short_help_str(limit=1000) == COMMANDS[name][0]
    assert not command(name).hidden


def test_every_help_with_exit_codes_has_that_of_a_check_that_found_something() -> None:
    told = "1 what was looked at is not as it must be"
    assert told in EXIT_CODES
    assert told in str(build_command_group().epilog)


def test_every_command_that_joins_is_listed_without_being_imported() -> None:
    assert set(COMMANDS) == set(JOINED)


def test_no_module_has_a_command_that_is_not_listed() -> None:
    for commands in {one.value for one in JOINED.values()}:
        found = EntryPoint("", commands, "").load()
        own = {one.name or get_command_name(one.callback.__name__) for one in found.registered_commands}
        listed = {name for name, one in JOINED.items() if one.value == commands}
        assert own == listed or len(listed) == 1  # those of a group stand below its name


def distribution(name: str, version: str) -> Any:
    """One that is installed."""
    return SimpleNamespace(read_text=lambda _: f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n")


def joining(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let the agent be installed, and a package that has a command, under these names."""
    module = typer.Typer()
    module.command("others", help="Of another package.")(lambda: None)
    agent = distribution("dockvoice", version("dockvoice-protocol"))
    other = distribution("somebody-elses", "7")
    entries = [SimpleNamespace(name=name, load=JOINED[name].load, dist=agent) for name in AGENTS]
    entries += [SimpleNamespace(name=name, load=lambda: module, dist=other) for name in names]
    monkeypatch.setattr("dockvoice_protocol.command.entry_points", lambda group: entries)


def test_what_is_not_installed_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    joining(monkeypatch)
    assert set(build_command_group().commands) == AGENTS
    with pytest.raises(Misconfigured, match="evaluate: this command is not installed; pip install 'dockvoice-lab'"):
        build_command_group("evaluate")


def test_a_command_that_joins_does_not_replace_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    joining(monkeypatch, "queue", "others", "more")
    found = build_command_group().commands
    assert set(list(found)[-2:]) == {"others", "more"}
    assert found["queue"].short_help == COMMANDS["queue"][0]
    assert found["others"].get_short_help_str() == "Of another package."
    more = found["more"]
    assert isinstance(more, TyperGroup)
    assert list(more.commands) == ["others"]


def test_a_command_of_ours_imports_none_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    joining(monkeypatch, "others")
    assert "others" not in build_command_group("queue").commands
    assert all("others" in build_command_group(asked).commands for asked in ("", "--help", "mistyped"))


@each_of("asked", ["inventory", ""])
def test_a_part_of_another_version_is_told(asked: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        other = distribution("dockvoice-inventory", "7")
        found = [SimpleNamespace(name="inventory", load=JOINED["inventory"].load, dist=other)]
        patched.setattr("dockvoice_protocol.command.entry_points", lambda group: found)
        with pytest.raises(Misconfigured, match="dockvoice-inventory is of version 7, dockvoice-protocol of "):
            build_command_group(asked)
