from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from edge.config import Settings
from edge.ports import Interpreter
from edge.understand.factory import InterpreterArguments, make_interpreter
from edge.understand.remote.client import Clients

CLIENT = '[understand.clients.gpu]\nkind = "self-hosted"\nurl = "http://127.0.0.1:9"\n'
WRITER = '[understand.transcribers.whisper]\nkind = "openai"\nclient = "gpu"\nmodel = "large-v3"\n'
CASCADE = '[understand.interpreters.own]\nkind = "cascade"\n'

Written = Callable[[str], Settings]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def settings(text: str) -> Settings:
        path = tmp_path / "edge.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(Settings, path)

    return settings


def made(settings: Settings, name: str = "own") -> Interpreter:
    form = load_forms(settings.forms_directory)["pallet-move"]
    catalogue = Catalogue.load(settings.catalogue_directory)
    clients = Clients(settings.understand.clients)  # nothing is sent, so that there is nothing to close
    return make_interpreter(name, InterpreterArguments(settings, form, catalogue, clients))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CLIENT + WRITER.replace('"gpu"', '"cpu"'), "no client is called 'cpu'; known: gpu; add"),
        (WRITER, "no client is called 'gpu'; known: none; add"),
        (CLIENT + CASCADE + 'transcriber = "ear"', "no transcriber is called 'ear'; known: none; add"),
        (CLIENT + WRITER.replace('model = "large-v3"\n', ""), "model is not set; a transcriber of kind openai needs"),
        (CLIENT + WRITER.replace('"openai"', '"google"') + "max_seconds = 61", "max_seconds is above 60"),
        (CLIENT + WRITER.replace('"openai"', '"azure"') + "max_seconds = 61", "max_seconds is above 60"),
        (CLIENT + WRITER.replace('"openai"', '"kaldi"'), "kind"),
        (CLIENT + WRITER + "language = 'en'", "language"),
    ],
)
def test_what_is_wrong_in_the_settings_is_told_at_the_start(written: Written, text: str, told: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        written(text)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CLIENT + CASCADE, "understand.interpreters.own.transcriber: must be given"),
        (
            CLIENT + WRITER + CASCADE + 'transcriber = "whisper"\nclient = "gpu"',
            "understand.interpreters.own.model: must be given",
        ),
        (
            CLIENT + WRITER + CASCADE + 'transcriber = "whisper"\nmodel = "mistral"',
            "understand.interpreters.own.client: must be given",
        ),
        (
            CLIENT + WRITER.replace('"openai"', '"google"') + CASCADE + 'transcriber = "whisper"',
            "understand.clients.gpu: project or region is not set",
        ),
    ],
)
def test_what_a_cascade_lacks_is_told_when_it_is_made(written: Written, text: str, told: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        made(written(text))
    assert told in str(refused.value)
