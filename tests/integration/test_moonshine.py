from __future__ import annotations

import sys

import pytest

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import NotUnderstoodReason
from edge.speak.voices import _load_library
from edge.understand.local.moonshine import MoonshineInterpreter


class Broken:
    """A model whose library fails, as it does for a stream it does not know."""

    def transcribe_without_streaming(self, *_: object) -> object:
        raise RuntimeError("invalid handle")


class Line:
    def __init__(self, text: str) -> None:
        self.text = text


class Writing:
    """A model that writes what it was told."""

    def __init__(self, *lines: str) -> None:
        self.lines = [Line(text) for text in lines]

    def transcribe_without_streaming(self, *_: object) -> Writing:
        return self


@pytest.fixture(scope="module")
def interpreter(form: Form, catalogue: Catalogue) -> MoonshineInterpreter:
    return MoonshineInterpreter(form, catalogue)


def test_without_its_package_it_says_what_to_install(
    form: Form, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice.moonshine_api", None)
    with pytest.raises(Misconfigured, match=r"pip install 'dockvoice\[second-reader\]'"):
        MoonshineInterpreter(form, catalogue)


def test_without_its_package_the_voice_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(Misconfigured, match=r"pip install 'dockvoice\[voice\]'"):
        _load_library.__wrapped__()


def test_a_model_that_fails_is_not_there_now(
    interpreter: MoonshineInterpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_model", Broken())
    with pytest.raises(Unavailable, match="invalid handle"):
        interpreter.read(b"\x00\x10" * 100)


@pytest.mark.parametrize(
    ("lines", "reason", "words"),
    [
        ([], NotUnderstoodReason.NO_WORDS, ""),
        ([""], NotUnderstoodReason.NO_WORDS, ""),
        (["Thank you."], NotUnderstoodReason.NO_WORDS, "[stock_phrase]"),
        (["and the dog is on the " * 6], NotUnderstoodReason.NOT_DICTATION, "[loop]"),
        (["Where did you put", "the tape gun?"], NotUnderstoodReason.TALK, "Where did you put the tape gun?"),
    ],
)
def test_what_is_no_dictation_is_declined(
    interpreter: MoonshineInterpreter,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[str],
    reason: NotUnderstoodReason,
    words: str,
) -> None:
    monkeypatch.setattr(interpreter, "_model", Writing(*lines))
    reading = interpreter.read(b"\x00\x10" * 100)
    assert reading.not_understood is reason
    assert reading.transcript == words
    assert not reading.fields


def test_lines_that_it_parts_are_one_utterance(
    interpreter: MoonshineInterpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_model", Writing("Hallet zero, one, zero, five.", "Eighty seven units doc B."))
    reading = interpreter.read(b"\x00\x10" * 16_000)
    assert {name: field.value for name, field in reading.fields.items()} == {
        "pallet_id": "0105",
        "quantity": 87,
        "dock": "B",
    }
