"""What may be said of clients and interpreters, and what is told when it is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from edge.config import ClientSettings, Settings
from tests.rows import each_of, rows_of

KEY = "sk-the-key-of-the-tests"
Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> Path:
        path = tmp_path / "edge.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refused(path: Path | None) -> str:
    with pytest.raises(Misconfigured) as caught:
        load_settings(Settings, path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def client(text: str) -> str:
    return f"[understand.clients.service]\n{text}\n"


# ---- faults ----


@pytest.mark.parametrize(("text", "told"), rows_of("cloud_settings", "a_client_that_cannot_be_is"))
def test_a_client_that_cannot_be_is_told_by_its_key(written: Written, text: str, told: str) -> None:
    path = written(client(text))
    message = refused(path)
    assert message.startswith(f"{path}: ")
    assert told in message


@pytest.mark.parametrize(("text", "told"), rows_of("cloud_settings", "an_endpoint_outside_the_union_is"))
def test_an_endpoint_outside_the_union_is_refused_where_that_was_asked_for(
    written: Written, text: str, told: str
) -> None:
    assert told in refused(written(client(f"{text}\nresidency = 'eu'")))
    load_settings(Settings, written(client(text)))


@pytest.mark.parametrize("text", rows_of("cloud_settings", "an_endpoint_within_the_union_is"))
def test_an_endpoint_within_the_union_is_taken(written: Written, text: str) -> None:
    load_settings(Settings, written(client(f"{text}\nresidency = 'eu'")))


@each_of(("kind", "region", "address"), rows_of("cloud_settings", "google_is_asked_at_the_addresses"))
def test_google_is_asked_at_the_addresses_that_it_documents(kind: str, region: str, address: str) -> None:
    assert ClientSettings.model_validate({"kind": kind, "region": region, "project": "p"}).base_url == address


@pytest.mark.parametrize("name", ["Open-AI", "open__ai", "_openai", "'open ai'", "OPENAI"])
def test_a_name_that_no_variable_could_have_is_refused(written: Written, name: str) -> None:
    shown = name.strip("'")
    message = refused(written(f"[understand.clients.{name}]\nkind = 'openai'\n"))
    assert f"understand.clients.{shown}: small letters, digits and single _ are allowed" in message


def test_every_interpreter_that_names_no_client_is_told_with_its_key(written: Written) -> None:
    text = client("kind = 'openai'") + "".join(
        f"[understand.interpreters.{name}]\nkind = 'chat-audio'\nmodel = 'm'\nclient = 'srevice'\n"
        for name in ("a", "b")
    )
    path = written(text)
    message = refused(path)
    assert f"{path}: understand.interpreters.a.client: no client is called 'srevice'; known: service" in message
    assert "understand.interpreters.b.client: no client is called" in message


def test_mode_cascade_wants_a_cascade(written: Written) -> None:
    text = (
        "[understand]\nmode = '{mode}'\nfirst = 'mini'\n"
        + client("kind = 'openai'")
        + "[understand.interpreters.mini]\nkind = 'chat-audio'\nmodel = 'm'\nclient = 'service'\n"
    )
    path = written(text.format(mode="cascade"))
    assert f"{path}: understand.first: is 'mini', of kind chat-audio, but mode is cascade" in refused(path)
    assert load_settings(Settings, written(text.format(mode="cloud-first"))).understand.first == "mini"


# ---- where they come from ----


def test_a_key_comes_from_the_environment_or_a_credential(
    written: Written, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key() -> str:
        found = load_settings(Settings, path).understand.clients["service"].key
        assert found is not None
        return found.get_secret_value()

    path = written(client("kind = 'openai'\nkey = 'file'"))
    assert key() == "file"
    (credentials / "dockvoice_understand__clients__service__key").write_text("credential\n")
    assert key() == "credential"
    monkeypatch.setenv("DOCKVOICE_UNDERSTAND__CLIENTS__SERVICE__KEY", "variable")
    assert key() == "variable"


@each_of("seat", ["first", "second", "morning", "fallback"])
def test_a_name_that_no_interpreter_has_is_told_with_the_table_to_add(written: Written, seat: str) -> None:
    text = "first = 'nosuch'\nfallback = ['nosuch']" if seat == "fallback" else f"{seat} = 'nosuch'"
    told = f"understand.{seat}: no interpreter is called 'nosuch'; known: none; add [understand.interpreters.NAME]"
    assert told in refused(written(f"[understand]\n{text}\n"))


# ---- secrets ----


@pytest.mark.parametrize("text", rows_of("cloud_settings", "a_key_is_never_in_a"))
def test_a_key_is_never_in_a_message(written: Written, text: str) -> None:
    assert KEY not in refused(written(client(text)))


def test_a_key_is_never_in_a_repr(written: Written) -> None:
    settings = load_settings(Settings, written(client(f"kind = 'openai'\nkey = '{KEY}'")))
    assert KEY not in f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()}"


# ---- what the documentation shows ----


def snippets() -> list[str]:
    page = (Path(__file__).parent.parent.parent / "docs" / "models.md").read_text(encoding="utf-8")
    return re.findall(r"```toml\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("snippet", snippets())
def test_the_settings_in_the_documentation_are_taken(snippet: str, written: Written) -> None:
    understand = load_settings(Settings, written(snippet)).understand
    assert understand.interpreters
