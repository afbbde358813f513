"""What a connector is told: each key is explained, a fault is named in one line, a secret is in no repr and no log."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.connect.command import commands
from inventory.connect.settings import connector_kinds, settings_of_kind
from tests.unit.test_inventory_settings import keys, tables

WORD = "a-secret-of-the-tests"


@pytest.fixture(params=list(connector_kinds()))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(repository: Path, kind: str) -> Path:
    return repository / "config" / "connect" / f"{kind}.toml"


def uncommented(file: Path) -> str:
    return re.sub(r"^# ((?:\w+|\"\w+ \w+\") = )", r"\1", file.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_every_key_is_in_the_file_set_or_as_a_comment(file: Path, kind: str) -> None:
    text = tables(re.sub(r"^\[\w+\.\w+\]$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE))
    names = re.findall(r"^\[\w+\.(\w+)\]$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for table, key in keys(settings_of_kind(kind, "a file")):
        assert key in names or len(re.findall(rf"^(?:# )?{key} = ", text[table], flags=re.MULTILINE)) == 1, (table, key)


def test_the_file_with_all_that_it_shows_is_taken(file: Path, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.toml"
    path.write_text(uncommented(file))
    settings = load_settings(settings_of_kind(kind, "a file"), path)
    assert set(tomllib.loads(uncommented(file))) == set(type(settings).model_fields)
    assert settings.kind == kind


def test_a_secret_from_the_environment_is_told_nowhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_CONNECT_TRYTON__PASSWORD", WORD)
    settings = load_settings(settings_of_kind("tryton", "a file"), repository / "config" / "connect" / "tryton.toml")
    assert WORD not in repr(settings)
    assert WORD not in str(settings)
    broken = tmp_path / "tryton.toml"
    broken.write_text('site = "north"\n[tryton]\nurl = "http://x"\nuser = "a"\n')
    with pytest.raises(Misconfigured, match=re.escape("tryton.database")) as caught:
        load_settings(settings_of_kind("tryton", "a file"), broken)
    assert WORD not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('sites = "north"', "sites: no such key"),
        ('site = "a/b"', "site"),
        ('site = "north"\npull = ["everything"]', "pull"),
        ('site = "north"\n[tryton]\nlots = "guess"', "tryton.lots"),
    ],
)
def test_a_fault_in_the_file_is_named_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "tryton.toml"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=re.escape(said)) as caught:
        load_settings(settings_of_kind("tryton", "a file"), path)
    assert "\n" not in str(caught.value)


def test_a_name_without_a_file_and_a_kind_that_there_is_not_are_told(tmp_path: Path) -> None:
    config = tmp_path / "inventory.toml"
    config.write_text("")
    missing = CliRunner().invoke(commands, ["tryton", "--config", str(config)])
    assert isinstance(missing.exception, UnreadableInput)
    assert f"{tmp_path}/connect/tryton.toml: no such file; copy one of" in str(missing.exception)
    (tmp_path / "connect").mkdir()
    (tmp_path / "connect" / "erp.toml").write_text('site = "north"\n')
    unknown = CliRunner().invoke(commands, ["run", "erp", "--config", str(config)])
    assert isinstance(unknown.exception, Misconfigured)
    assert f"kind is 'erp', allowed are {', '.join(connector_kinds())}; set kind" in str(unknown.exception)


def test_a_kind_of_another_distribution_that_cannot_be_loaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "elsewhere-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[dockvoice.connectors]\nelsewhere = elsewhere_connector:Settings\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        Misconfigured, match=r"elsewhere = 'elsewhere_connector:Settings' cannot be loaded: No module named"
    ):
        settings_of_kind("elsewhere", "elsewhere.toml")


def test_status_of_nothing_says_so_and_of_no_database_too(tmp_path: Path) -> None:
    nowhere = CliRunner().invoke(commands, ["status", "--database", f"sqlite:///{tmp_path / 'none.db'}"])
    assert isinstance(nowhere.exception, UnreadableInput)
