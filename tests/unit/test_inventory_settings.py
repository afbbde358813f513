from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from inventory.settings import InventorySettings
from tests.rows import every


@pytest.fixture(scope="module")
def file(repository: Path) -> Path:
    return repository / "config" / "inventory.toml"


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


def test_the_file_as_it_is_shipped_is_the_defaults(file: Path) -> None:
    assert load_settings(InventorySettings, file) == InventorySettings()


def test_every_key_is_in_the_file_set_or_as_a_comment(file: Path) -> None:
    def is_in_the_file(row: tuple[str, str]) -> None:
        table, key = row
        text = tables(file.read_text(encoding="utf-8"))[table]
        assert len(re.findall(rf"^(?:# )?{key} = ", text, flags=re.MULTILINE)) == 1

    every(keys(InventorySettings), is_in_the_file)


def test_every_key_that_is_shown_unset_is_accepted_when_it_is_set(file: Path, tmp_path: Path) -> None:
    uncommented = re.sub(r"^# (\w+ = )", r"\1", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    uncommented = uncommented.replace("tls = false", "tls = true")  # without it certificates have no meaning
    (tmp_path / "all.toml").write_text(uncommented, encoding="utf-8")
    settings = load_settings(InventorySettings, tmp_path / "all.toml")
    assert set(tomllib.loads(uncommented)) == set(InventorySettings.model_fields)
    assert settings.mqtt.model_fields_set == set(type(settings.mqtt).model_fields)


def test_a_password_in_the_database_is_in_no_repr() -> None:
    settings = load_settings(InventorySettings, None, database="postgresql+psycopg://dock:secret@localhost/warehouse")
    assert "secret" not in repr(settings)
    assert "secret" in settings.database_url


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("databse = 'sqlite:////x.db'", "databse: no such key"),
        ("client_id = 'a/b'", "client_id"),
        ("prefix = 'a/#'", "prefix"),
        ("[mqtt]\nport = 0", "mqtt.port"),
        ("database = ''", "database"),
        ("prefix = ", "is not TOML"),
    ],
)
def test_a_fault_in_the_file_is_named_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "inventory.toml"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=re.escape(said)) as caught:
        load_settings(InventorySettings, path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


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
