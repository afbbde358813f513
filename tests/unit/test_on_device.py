"""Which recogniser the settings give, and listening ahead with a recogniser that only counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.config import Settings, load
from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form, forms_in
from edge.records import SAMPLE_RATE, Closing, NotUnderstood, Reading, Segment, Utterance, Word
from edge.understand.attention import PIECE, ListeningAhead
from edge.understand.on_device import interpreter
from edge.understand.proposal import proposal
from edge.understand.vosk_interpreter import VoskInterpreter


@pytest.fixture(scope="module")
def form() -> Form:
    return forms_in(load(Settings, None).forms_directory)["pallet-move"]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(load(Settings, None).catalogue_directory)


def settings(models: Path, **understand: Any) -> Settings:
    return load(Settings, None, understand={"models_directory": models, **understand})


@pytest.fixture(autouse=True)
def _no_weights_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", raising=False)


def test_vosk_without_its_weights_says_how_to_get_them(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"small-en-us.*not in .*dockvoice models get small-en-us"):
        interpreter(settings(tmp_path, engine="vosk"), form, catalogue)


def test_an_unknown_model_is_named(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="'huge': no such model; there are small-en-us"):
        interpreter(settings(tmp_path, engine="vosk", model="huge"), form, catalogue)


def test_weights_of_another_engine_are_refused(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"understand\.model = 'en-us': is for pocketsphinx"):
        interpreter(settings(tmp_path, engine="vosk", model="en-us"), form, catalogue)


def test_weights_that_cannot_be_loaded_are_named(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=f"{tmp_path}: .*fetch the weights again"):
        VoskInterpreter(tmp_path, form, catalogue, 500)


def test_without_weights_pocketsphinx_serves(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    assert interpreter(settings(tmp_path), form, catalogue).name == "pocketsphinx/en-us"


def test_pocketsphinx_needs_no_model(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    chosen = settings(tmp_path, engine="pocketsphinx", model="huge")
    assert interpreter(chosen, form, catalogue).name == "pocketsphinx/en-us"


class Counting:
    """Takes sound and remembers in which pieces."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def take(self, pcm: bytes) -> None:
        self.pieces.append(pcm)

    def words(self) -> tuple[Word, ...]:
        return ()


class Ahead:
    """Listening ahead with counting recognisers, all of which are kept."""

    def __init__(self, held_back_ms: int) -> None:
        self.made: list[Counting] = []
        self.attention = ListeningAhead(self._begin, lambda words: Reading("counting", "f", words, {}), held_back_ms)

    def _begin(self) -> Counting:
        self.made.append(Counting())
        return self.made[-1]

    @property
    def sizes(self) -> list[int]:
        return [len(piece) for piece in self.made[-1].pieces]

    def finish(self, pcm: bytes) -> bytes:
        segment = Segment(0, 0, len(pcm) // 2, len(pcm) // 2, Closing.PAUSE, pcm)
        now = datetime(2026, 11, 20, tzinfo=UTC)
        asyncio.run(self.attention.finish(Utterance("0", "f", "microphone", now, segment)))
        return b"".join(self.made[-1].pieces)


def ticking(seconds: float) -> bytes:
    """Sound of which no two pieces are alike."""
    return b"".join((at % 65_536).to_bytes(2, "little") for at in range(int(seconds * SAMPLE_RATE)))


def test_a_recogniser_is_ready_before_the_first_sound() -> None:
    assert len(Ahead(500).made) == 1


def test_all_but_the_sound_held_back_is_taken_ahead() -> None:
    ahead, pcm = Ahead(500), ticking(2)
    for at in range(0, len(pcm), 640):
        ahead.attention.hear(pcm[at : at + 640])
    assert ahead.sizes == [PIECE] * 7  # 1.4 s; the next piece would reach beyond 1.5 s


def test_the_recogniser_takes_the_utterance_once_and_whole() -> None:
    ahead, pcm = Ahead(500), ticking(2.33)
    ahead.attention.hear(pcm)
    assert ahead.finish(pcm) == pcm
    assert ahead.sizes == [PIECE] * 11 + [len(pcm) - 11 * PIECE]
    assert len(ahead.made) == 1


def test_what_endpointing_cuts_off_was_never_taken() -> None:
    ahead, pcm = Ahead(500), ticking(2)
    ahead.attention.hear(pcm + bytes(16_000))
    assert ahead.finish(pcm) == pcm
    assert len(ahead.made) == 1


@pytest.mark.parametrize("kept", [0.1, 1.0])
def test_when_more_is_cut_off_than_was_held_back_the_recogniser_begins_anew(kept: float) -> None:
    ahead = Ahead(0)
    ahead.attention.hear(ticking(2))
    assert ahead.finish(ticking(kept)) == ticking(kept)
    assert len(ahead.made) == 2


def test_an_utterance_that_nobody_heard_is_read_from_its_own_sound() -> None:
    ahead = Ahead(500)
    assert ahead.finish(ticking(1)) == ticking(1)
    assert len(ahead.made) == 1


def test_an_utterance_of_which_only_the_beginning_was_heard_is_read_whole() -> None:
    ahead = Ahead(0)
    ahead.attention.hear(ticking(1)[:30_000])
    assert ahead.finish(ticking(1)) == ticking(1)
    assert len(ahead.made) == 1


def said(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, at * 0.4, at * 0.4 + 0.3, 1.0) for at, word in enumerate(text.split()))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", NotUnderstood.NO_WORDS),
        ("[unk]", NotUnderstood.NO_WORDS),
        ("[unk] [unk]", NotUnderstood.NO_WORDS),
        ("um please", NotUnderstood.NOT_DICTATION),
        ("[unk] um [unk]", NotUnderstood.NOT_DICTATION),
        ("pallet seven four two", None),
    ],
)
def test_why_a_reading_is_declined(form: Form, catalogue: Catalogue, text: str, reason: NotUnderstood | None) -> None:
    reading = proposal("test", said(text), form, catalogue)
    assert reading.not_understood is reason
    assert bool(reading.fields) == (reason is None)


def test_words_outside_the_grammar_stay_in_the_reading_and_spoil_the_field_they_touch(
    form: Form, catalogue: Catalogue
) -> None:
    reading = proposal("test", said("pallet seven [unk] two dock bravo"), form, catalogue)
    assert reading.transcript == "pallet seven [unk] two dock bravo"
    assert reading.fields["dock"].value == "B"
    assert "pallet_id" not in reading.fields or reading.fields["pallet_id"].value is None
