"""The settings of the inventory and of its connectors, and the files with them that are shipped."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from dockvoice_protocol.config import LayeredSettings, load_settings
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.connect.command import commands
from inventory.connect.settings import connector_kinds, settings_class_of_kind
from inventory.settings import InventorySettings

WORD = "s3cret-word"
INVENTORY = "inventory"


def settings_of(name: str) -> type[LayeredSettings]:
    return InventorySettings if name == INVENTORY else settings_class_of_kind(name, "a file")


def keys(model: type[BaseModel], table: str = "") -> Iterator[tuple[str, str]]:
    """Every key of the settings, with the table of the file in which it stands."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, name)
        else:
            yield table, name


def tables(text: str) -> dict[str, str]:
    """The lines of the file by the table they stand in."""
    parts = re.split(r"^\[(\w+)\]$", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@pytest.fixture(params=[INVENTORY, *connector_kinds()])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def text(repository: Path, name: str) -> str:
    """The file as it is shipped."""
    folder = repository / "config" if name == INVENTORY else repository / "config" / "connect"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")


def test_every_key_is_in_the_file_set_or_as_a_comment(text: str, name: str) -> None:
    within = tables(re.sub(r"^\[\w+\.\w+\]$", "", text, flags=re.MULTILINE))
    names = re.findall(r"^\[\w+\.(\w+)\]$", text, flags=re.MULTILINE)
    for table, key in keys(settings_of(name)):
        found = re.findall(rf"^(?:# )?{key} = ", within[table], flags=re.MULTILINE)
        assert key in names or len(found) == 1, (table, key)


def test_the_file_with_all_that_it_shows_is_taken(text: str, name: str, tmp_path: Path) -> None:
    shown = re.sub(r"^# ((?:\w+|\"\w+ \w+\") = )", r"\1", text, flags=re.MULTILINE)
    shown = shown.replace("tls = false", "tls = true")  # without it certificates have no meaning
    path = tmp_path / f"{name}.toml"
    path.write_text(shown)
    settings = load_settings(settings_of(name), path)
    assert set(tomllib.loads(shown)) == set(type(settings).model_fields)
    assert getattr(settings, "kind", name) == name


def test_the_inventorys_file_as_it_is_shipped_is_the_defaults(repository: Path) -> None:
    assert load_settings(InventorySettings, repository / "config" / "inventory.toml") == InventorySettings()


def test_a_secret_from_the_environment_is_told_nowhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_CONNECT_TRYTON__PASSWORD", WORD)
    settings = load_settings(
        settings_class_of_kind("tryton", "a file"), repository / "config" / "connect" / "tryton.toml"
    )
    assert WORD not in repr(settings)
    assert WORD not in str(settings)
    broken = tmp_path / "tryton.toml"
    broken.write_text('site = "north"\n[tryton]\nurl = "http://x"\nuser = "a"\n')
    with pytest.raises(Misconfigured, match=re.escape("tryton.database")) as caught:
        load_settings(settings_class_of_kind("tryton", "a file"), broken)
    assert WORD not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tryton", 'sites = "north"', "sites: no such key"),
        ("tryton", 'site = "a/b"', "site"),
        ("tryton", 'site = "north"\npull = ["everything"]', "pull"),
        ("tryton", 'site = "north"\n[tryton]\nlots = "guess"', "tryton.lots"),
        (INVENTORY, "databse = 'sqlite:////x.db'", "databse: no such key"),
        (INVENTORY, "client_id = 'a/b'", "client_id"),
        (INVENTORY, "prefix = 'a/#'", "prefix"),
        (INVENTORY, "[mqtt]\nport = 0", "mqtt.port"),
        (INVENTORY, "database = ''", "database"),
    ],
)
def test_a_fault_in_the_file_is_named_in_one_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=re.escape(said)) as caught:
        load_settings(settings_of(name), path)
    assert str(path) in str(caught.value)
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


def test_a_settings_file_that_is_not_there_is_told_with_the_option_that_names_it(tmp_path: Path) -> None:
    missing = CliRunner().invoke(commands, ["run", "webhook", "--settings", str(tmp_path / "none.toml")])
    assert str(missing.exception) == f"{tmp_path}/none.toml: no such file; name another with --settings"


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
        settings_class_of_kind("elsewhere", "elsewhere.toml")


def test_status_of_nothing_says_so_and_of_no_database_too(tmp_path: Path) -> None:
    nowhere = CliRunner().invoke(commands, ["status", "--database", f"sqlite:///{tmp_path / 'none.db'}"])
    assert isinstance(nowhere.exception, UnreadableInput)


def test_a_password_in_the_database_is_in_no_repr() -> None:
    settings = load_settings(InventorySettings, None, database="postgresql+psycopg://dock:secret@localhost/warehouse")
    assert "secret" not in repr(settings)
    assert "secret" in settings.database_url


@pytest.mark.parametrize(
    ("variables", "directory"),
    [
        ({"STATE_DIRECTORY": "/var/lib/first:/var/lib/second"}, "/var/lib/first"),
        ({"XDG_STATE_HOME": "/home/ana/state"}, "/home/ana/state/dockvoice"),
    ],
)
def test_the_embedded_database_lies_in_the_state_directory(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any], directory: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert InventorySettings().database_url == f"sqlite:///{directory}/inventory.db"
