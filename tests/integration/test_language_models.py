"""Language models emptied of their arcs, as vosk reads them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from edge.config import Settings
from edge.understand.local.openfst import without_arcs
from edge.understand.local.weights import find_model, locate
from tests.sayings import recorded

GRAMMAR = json.dumps(["pallet nine zero one nine seventy units dock alpha", "pallet nine one nine seventeen", "[unk]"])


@pytest.fixture(scope="module")
def weights() -> Path:
    found = locate(find_model("small-en-us"), load_settings(Settings, None).models)
    if found is None:
        pytest.skip("the weights of small-en-us are not here")
    return found


def named(text: str) -> bytes:
    return struct.pack("<i", len(text)) + text.encode()


def with_symbols(words: Path) -> bytes:
    """A language model of two states that has the vocabulary in itself, as the official archive's."""
    listed = [line.rsplit(maxsplit=1) for line in words.read_text(encoding="utf-8").splitlines()]
    entries = [
        struct.pack("<i", len(word.encode())) + word.encode() + struct.pack("<q", int(at)) for word, at in listed
    ]
    symbols = struct.pack("<i", 2_125_658_996) + named("words") + struct.pack("<qq", len(entries), len(entries))
    head = struct.pack("<i", 2_125_659_606) + named("vector") + named("standard")
    arc = struct.pack("<fqiifi", float("inf"), 1, 5, 5, 1.0, 1)
    states = arc + struct.pack("<fq", 0.0, 0)
    return head + struct.pack("<iiQqqq", 2, 2, 3, 0, 2, 1) + symbols + b"".join(entries) + states


def placed(weights: Path, into: Path, language_model: bytes) -> Path:
    """The weights with another language model, and with no vocabulary beside it."""
    (into / "graph").mkdir(parents=True)
    for one in weights.iterdir():
        if one.name != "graph":
            (into / one.name).symlink_to(one)
    for one in (weights / "graph").iterdir():
        if one.name not in {"Gr.fst", "words.txt"}:
            (into / "graph" / one.name).symlink_to(one)
    (into / "graph/Gr.fst").write_bytes(language_model)
    return into


def heard(model: Any) -> Any:
    import vosk

    recogniser = vosk.KaldiRecognizer(model, 16_000, GRAMMAR)
    recogniser.SetWords(True)
    recogniser.AcceptWaveform(recorded("07-pallet-9019-eighty-no-seventy-units-dock-alpha.flac"))
    return json.loads(recogniser.FinalResult())


def test_an_emptied_language_model_keeps_the_vocabulary_and_changes_no_reading(weights: Path, tmp_path: Path) -> None:
    import vosk

    whole = with_symbols(weights / "graph/words.txt")
    emptied = without_arcs(whole)
    models = [vosk.Model(str(placed(weights, tmp_path / name, one))) for name, one in (("a", whole), ("b", emptied))]
    assert len(emptied) < len(whole)
    assert all(one.vosk_model_find_word("pallet") > 0 and one.vosk_model_find_word("pallex") < 0 for one in models)
    assert heard(models[0]) == heard(models[1]) != {"text": ""}


@pytest.mark.parametrize("size", [0, 4, 40, 70, 200])
def test_what_is_no_whole_language_model_is_left_as_it_is(tmp_path: Path, size: int) -> None:
    (tmp_path / "words.txt").write_text("".join(f"word{at} {at}\n" for at in range(20)), encoding="utf-8")
    cut = with_symbols(tmp_path / "words.txt")[:size]
    assert without_arcs(cut) == cut
    assert without_arcs(b"PK" + cut) == b"PK" + cut
