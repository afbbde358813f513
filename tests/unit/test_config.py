from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from edge.config import Settings, SpokenLanguage
from tests.rows import every, rows_of

Written = Callable[[str | bytes], Path]

PASSWORD = "hunter2-never-shown"  # noqa: S105 - guards nothing


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "edge.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def refused(path: Path | None, **overrides: Any) -> str:
    with pytest.raises((Misconfigured, UnreadableInput)) as caught:
        load_settings(Settings, path, **overrides)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith("(every key is explained in config/edge.toml)") or str(path) in message
    return message


# ---- the file ----


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.toml") == f"{tmp_path}/none.toml: no such file; name another with --config"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("site = 'a'\ndevice = dock b\n", "is not TOML: Invalid value (at line 2, column 10); mend that line"),
        (b"site = 'a'\ndevice = '\xff'\n", "is not UTF-8 (at line 2)"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(written: Written, text: str | bytes, told: str) -> None:
    assert told in refused(written(text))


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(written: Written) -> None:
    assert load_settings(Settings, written(b"\xef\xbb\xbfsite = 'north'\r\n")).site == "north"


def test_all_unknown_keys_are_told_at_once_with_what_may_be_meant(written: Written) -> None:
    message = refused(
        written("sight = 'a'\n[heer]\nx = 1\n[deliver]\nkeepalive_s = 9\n[hear.vad]\nwebrtc_mod = 2\nzzz = 1\n")
    )
    assert "sight: no such key; did you mean site?" in message
    assert "heer: no such key; did you mean hear?" in message
    assert "deliver.keepalive_s: no such key; did you mean deliver.mqtt.keepalive_s?" in message
    assert "hear.vad.webrtc_mod: no such key; did you mean hear.vad.webrtc_mode?" in message
    assert "hear.vad.zzz: no such key" in message


def test_a_key_that_looks_like_an_argument_of_the_settings_library_is_unknown_too(
    written: Written, tmp_path: Path
) -> None:
    (tmp_path / "other.env").write_text("DOCKVOICE_SITE=elsewhere\n")
    assert "_env_file: no such key" in refused(written(f"_env_file = '{tmp_path}/other.env'\n"))


@pytest.mark.parametrize(("text", "told"), rows_of("config", "a_wrong_value_is_told_with"))
def test_a_wrong_value_is_told_with_what_is_allowed(written: Written, text: str, told: str) -> None:
    path = written(text)
    message = refused(path)
    assert message.startswith(f"{path}: ")
    assert told in message


def test_a_long_wrong_value_is_cut(written: Written) -> None:
    assert len(refused(written(f"site = '{'x ' * 500}'"))) < 400


@pytest.mark.parametrize("text", rows_of("config", "a_secret_is_never_in_the"))
def test_a_secret_is_never_in_the_message(written: Written, text: str) -> None:
    assert PASSWORD not in refused(written(text))


def test_a_secret_is_never_in_the_repr(written: Written) -> None:
    settings = load_settings(Settings, written(f"[deliver.mqtt]\nusername = 'u'\npassword = '{PASSWORD}'"))
    assert settings.deliver.mqtt.password is not None
    assert settings.deliver.mqtt.password.get_secret_value() == PASSWORD
    assert PASSWORD not in f"{settings!r} {settings} {settings.model_dump_json()}"


# ---- the environment ----


@pytest.mark.parametrize(("name", "value", "told"), rows_of("config", "a_variable_at_fault_is_named"))
def test_a_variable_at_fault_is_named_and_the_file_is_not(
    written: Written, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    path = written("site = 'north'")
    message = refused(path)
    assert message.startswith(f"environment: {name}: ")
    assert told in message
    assert str(path) not in message


def test_faults_of_file_environment_and_command_line_are_told_at_once(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_WATCH__STALL_S", "0")
    path = written("site = 'a b'\n[agree]\nminimum_confidence = 2\n")
    message = refused(path, deliver={"mqtt": {"port": "x"}})
    assert f"{path}: site: " in message
    assert "; agree.minimum_confidence: should be less than or equal to 1, found 2" in message
    assert "environment: DOCKVOICE_WATCH__STALL_S: should be greater than or equal to 1" in message
    assert "command line: deliver.mqtt.port: should be a valid integer" in message


def test_variables_of_the_inventory_and_of_the_command_line_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKVOICE_INVENTORY_MQTT__HOST", "elsewhere")
    monkeypatch.setenv("DOCKVOICE_CONFIG", "/etc/dockvoice/edge.toml")
    assert load_settings(Settings, None).deliver.mqtt.host == "localhost"


def test_an_empty_variable_counts_as_unset(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKVOICE_SITE", "")
    assert load_settings(Settings, written("site = 'north'")).site == "north"


def test_a_credential_at_fault_is_named(credentials: Path) -> None:
    file = credentials / "dockvoice_deliver__mqtt__pasword"
    file.write_text(PASSWORD)
    message = refused(None)
    assert message.startswith(f"credentials: {file}: names no key; did you mean DOCKVOICE_DELIVER__MQTT__PASSWORD?")
    assert PASSWORD not in message


# ---- credentials ----


def test_a_credential_that_is_no_text_is_told_without_its_bytes(credentials: Path) -> None:
    file = credentials / "dockvoice_deliver__mqtt__password"
    file.write_bytes(PASSWORD.encode() + b"\xff")
    with pytest.raises(Misconfigured, match=r"cannot be read \(not UTF-8 text\)") as caught:
        load_settings(Settings, None)
    assert PASSWORD not in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_line_break_that_ends_a_credential_is_not_part_of_it(credentials: Path, ending: str) -> None:
    (credentials / "dockvoice_deliver__mqtt__username").write_text(f"dock-b{ending}", newline="")
    (credentials / "dockvoice_deliver__mqtt__password").write_text(f" {PASSWORD} {ending}", newline="")
    mqtt = load_settings(Settings, None).deliver.mqtt
    assert mqtt.username == "dock-b"
    assert mqtt.password == SecretStr(f" {PASSWORD} ")


def test_credentials_of_other_programs_and_a_directory_that_is_gone_are_no_fault(
    credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (credentials / "dockvoice_inventory_database").write_text("sqlite://")
    (credentials / "another").write_text("x")
    assert load_settings(Settings, None) == Settings()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials / "gone"))
    assert load_settings(Settings, None) == Settings()


# ---- who wins ----


def test_command_line_over_environment_over_credential_over_file_over_default(
    written: Written, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def host(**overrides: Any) -> str:
        return load_settings(Settings, path, **overrides).deliver.mqtt.host

    path = written("")
    assert host() == "localhost"
    path = written("[deliver.mqtt]\nhost = 'file'\nport = 1884\n")
    assert host() == "file"
    (credentials / "dockvoice_deliver__mqtt__host").write_text("credential")
    assert host() == "credential"
    monkeypatch.setenv("DOCKVOICE_DELIVER__MQTT__HOST", "environment")
    assert host() == "environment"
    assert host(deliver={"mqtt": {"host": "command-line"}}) == "command-line"
    # One key of a table from above leaves its other keys as they are below.
    assert load_settings(Settings, path, deliver={"mqtt": {"host": "x"}}).deliver.mqtt.port == 1884


# ---- places ----


def test_a_relative_path_in_the_file_starts_at_the_file(written: Written, tmp_path: Path) -> None:
    settings = load_settings(Settings, written("[forms]\ndirectory = 'forms'\ncatalogue = '/abs'\n"))
    assert settings.forms_directory == tmp_path / "forms"
    assert settings.catalogue_directory == Path("/abs")


def test_a_relative_path_in_a_variable_starts_at_the_working_directory(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKVOICE_STATE_DIRECTORY", "here")
    assert load_settings(Settings, written("")).state == Path("here")


def test_state_and_models_lie_where_the_file_else_systemd_else_the_home_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/home/op/.local/state")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/op/.cache")
    monkeypatch.delenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", raising=False)
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    assert Settings().state == Path("/home/op/.local/state/dockvoice")
    assert Settings().models == Path("/home/op/.cache/dockvoice/models")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/dockvoice/dock-b:/var/lib/other")
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/dockvoice")
    assert Settings().state == Path("/var/lib/dockvoice/dock-b")
    assert Settings().models == Path("/var/cache/dockvoice/models")
    assert load_settings(Settings, None, state_directory="/given").state == Path("/given")


# ---- config/edge.toml ----


NAMED = "*"  # Stands in a key for the names that the operator gives to tables: `[understand.clients.openai]`.


def keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for name, field in model.model_fields.items():
        if table := table_of(field.annotation):
            yield from keys(table, (*above, name))
        elif get_origin(field.annotation) is dict and (table := table_of(get_args(field.annotation)[1])):
            yield from keys(table, (*above, name, NAMED))
        else:
            yield (*above, name), field


def table_of(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def explained(text: str) -> Mapping[tuple[str, ...], tuple[str, str, bool]]:
    """Each key of the file, set or commented out: its comment as one line, its value's text, and whether it is set.

    Of a key in several examples of a table that the operator names, the first one explained.
    """
    found: dict[tuple[str, ...], tuple[str, str, bool]] = {}
    table: tuple[str, ...] = ()
    comment: list[str] = []
    for line in text.splitlines():
        if heading := re.fullmatch(r"(# )?\[([a-z_.]+)\]", line):
            table, comment = tuple(heading[2].split(".")), []
            if heading[1]:
                table = (*table[:-1], NAMED)
        elif setting := re.fullmatch(r"(# )?([a-z_]+) = (.+)", line):
            if comment or (*table, setting[2]) not in found:
                found.setdefault((*table, setting[2]), (" ".join(comment), setting[3], setting[1] is None))
            comment = []
        elif line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        else:
            comment = []
    return found


def allowed(field: FieldInfo) -> list[str]:
    """What the comment must say of the values a key may take; the languages are listed in docs/speaking.md."""
    least = [bound.ge for bound in field.metadata if isinstance(bound, Ge)]
    most = [bound.le for bound in field.metadata if isinstance(bound, Le)]
    above = [bound.gt for bound in field.metadata if isinstance(bound, Gt)]
    below = [bound.lt for bound in field.metadata if isinstance(bound, Lt)]
    if least or above:
        return [f"{low} to {high}" for low, high in zip(least, most, strict=True)] + [
            f"etween {low} and {high}" for low, high in zip(above, below, strict=True)
        ]
    kinds = [field.annotation, *get_args(field.annotation)]
    enums = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) and kind is not SpokenLanguage]
    return [json.dumps(member.value) for enum in enums for member in enum]


def test_the_settings_file_as_shipped_says_what_holds_without_it(repository: Path) -> None:
    assert load_settings(Settings, repository / "config/edge.toml") == Settings()


def test_the_settings_file_explains_no_key_that_does_not_exist(repository: Path) -> None:
    text = (repository / "config/edge.toml").read_text(encoding="utf-8")
    assert set(explained(text)) == {key for key, _ in keys(Settings)}


def test_the_settings_file_explains_each_key(repository: Path) -> None:
    explanations = explained((repository / "config/edge.toml").read_text(encoding="utf-8"))

    def is_explained(row: tuple[tuple[str, ...], FieldInfo]) -> None:
        key, field = row
        comment, value, is_set = explanations[key]
        assert field.description is not None
        assert field.description.casefold() in comment.casefold()
        assert [word for word in allowed(field) if word not in comment] == []
        if field.is_required():
            assert "required" in comment
        elif field.default is None:
            assert "unset: " in comment
        elif NAMED in key:
            assert f"efault {json.dumps(field.default)}" in comment
        else:
            assert re.search(rf"[Dd]efault {re.escape(value)}(?!\w)", comment)
        assert is_set == (NAMED not in key and field.default is not None)

    every({".".join(key): (key, field) for key, field in keys(Settings)}, is_explained)


def test_every_example_of_an_unset_key_loads(repository: Path, written: Written) -> None:
    text = (repository / "config/edge.toml").read_text(encoding="utf-8")
    load_settings(
        Settings,
        written(re.sub(r"(?m)^# (\[[a-z_.]+\]|[a-z_]+ = .+)$", r"\1", text).replace("tls = false", "tls = true")),
    )


def test_a_lowest_version_is_said_of_what_there_is(written: Written) -> None:
    """Under a name that is none it would hold for nothing, and a fresh device would take what is older."""
    for name in ("docks", "rosters", "catalogue/", "catalogue"):
        assert name in refused(written(f'[deliver]\nfloors = {{ "{name}" = 5 }}\n'))
    known = written('[deliver]\nfloors = { roster = 5, expected = 6, "catalogue/items.units" = 7 }\n')
    assert load_settings(Settings, known).deliver.lowest_version("catalogue/items.units") == 7
