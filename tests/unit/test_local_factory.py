"""Which recogniser the settings give, and listening ahead with a recogniser that only counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.records import FieldReading, FieldValue, Reading, TurnExpectation
from edge.config import Settings
from edge.records import SAMPLE_RATE, ClosedBy, Segment, Utterance
from edge.understand.local.factory import make_recogniser, recogniser_language
from edge.understand.local.incremental import PIECE, OnDeviceInterpreter, SpeculationCounters, SpeculativeListener
from edge.understand.local.vosk import VoskInterpreter
from edge.understand.wearer_voice import WearerVoice
from tests.sayings import spoken
from tests.unit import test_wearer_voice as chords


def settings(models: Path, **understand: Any) -> Settings:
    return load_settings(Settings, None, understand={"models_directory": models, **understand})


@pytest.fixture(autouse=True)
def _no_weights_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", raising=False)


def test_vosk_without_its_weights_says_how_to_get_them(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"small-en-us.*not in .*dockvoice models get small-en-us"):
        make_recogniser(settings(tmp_path, engine="vosk"), form, catalogue)


def test_another_language_is_heard_with_its_own_weights_or_not_at_all(
    form: Form, catalogue: Catalogue, tmp_path: Path
) -> None:
    german = settings(tmp_path, model="small-de")
    assert recogniser_language(german) is language_named("de")
    remedy = r"run `dockvoice models get small-de`, or `dockvoice models get whisper-base` and .*whisper\]'`$"
    with pytest.raises(Misconfigured, match=r"small-de.*not in .*; " + remedy):
        make_recogniser(german, form, catalogue)  # pocketsphinx, which is here, would make English of it
    with pytest.raises(Misconfigured, match=r"'small-tr': language 'tr-TR' is not read here"):
        make_recogniser(settings(tmp_path, model="small-tr"), form, catalogue)


def test_weights_that_cannot_be_loaded_are_named(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=f"{tmp_path}: .*fetch the weights again"):
        VoskInterpreter(tmp_path, form, catalogue, ())


class Counting:
    """Takes sound and remembers in which pieces."""

    def __init__(self, *, begun: bool = False) -> None:
        self.pieces: list[bytes] = []
        self.begun = begun

    def is_unfinished_entry(self) -> bool:
        return self.begun

    def accept(self, pcm: bytes) -> None:
        self.pieces.append(pcm)

    def reading(self) -> Reading:
        return Reading("counting", "f", (), {})


class Complete(Counting):
    """Reads a whole entry in whatever it takes."""

    def reading(self) -> Reading:
        said: dict[str, FieldValue] = {"dock": "B", "quantity": 12, "pallet_id": "742"}
        return Reading(
            "complete", "pallet-move", (), {name: FieldReading(value, (), 1.0) for name, value in said.items()}
        )


class Ahead:
    """Listening ahead with counting recognisers, all of which are kept. What may follow is judged by what was heard."""

    def __init__(self) -> None:
        self.made: list[Counting] = []
        self.judged: list[Reading] = []
        self.speculation = SpeculationCounters()
        self.attention = SpeculativeListener(self._begin, self._judge, self.speculation)

    def _begin(self) -> Counting:
        self.made.append(Counting())
        return self.made[-1]

    def _judge(self, reading: Reading) -> TurnExpectation:
        self.judged.append(reading)
        return TurnExpectation.FINISHED

    @property
    def sizes(self) -> list[int]:
        return [len(piece) for piece in self.made[-1].pieces]

    @property
    def taken(self) -> bytes:
        """What the last recogniser was given."""
        return b"".join(self.made[-1].pieces)

    def finish(self, pcm: bytes) -> Reading:
        segment = Segment(0, 0, len(pcm) // 2, len(pcm) // 2, ClosedBy.PAUSE, pcm)
        now = datetime(2026, 11, 20, tzinfo=UTC)
        return asyncio.run(self.attention.finish(Utterance("0", "f", "microphone", now, segment)))


def ticking(seconds: float) -> bytes:
    """Sound of which no two pieces are alike."""
    return b"".join((at % 65_536).to_bytes(2, "little") for at in range(int(seconds * SAMPLE_RATE)))


def test_the_recogniser_takes_the_utterance_once_and_whole() -> None:
    ahead, pcm = Ahead(), ticking(2.33)
    ahead.attention.hear(pcm)
    ahead.finish(pcm)
    assert ahead.taken == pcm
    assert ahead.sizes == [PIECE] * 11 + [len(pcm) - 11 * PIECE]
    assert len(ahead.made) == 1


def test_what_was_foreseen_at_a_pause_is_the_reading_if_nothing_follows() -> None:
    ahead, pcm = Ahead(), ticking(1.1)
    ahead.attention.hear(pcm)
    assert ahead.attention.judge_pause() is TurnExpectation.FINISHED
    assert ahead.taken == pcm
    assert ahead.finish(pcm) is ahead.judged[0]


def test_what_surely_is_not_all_is_not_read_in_vain_and_goes_on_with_the_same_recogniser() -> None:
    ahead, pcm = Ahead(), ticking(2.1)
    ahead.attention.hear(pcm[:32_000])
    ahead.made[0].begun = True
    assert ahead.attention.judge_pause() is TurnExpectation.MORE
    ahead.attention.hear(pcm[32_000:])
    ahead.finish(pcm)
    assert (len(ahead.made), len(ahead.judged), ahead.speculation.made) == (1, 0, 0)
    assert ahead.taken == pcm
    assert ahead.sizes == [PIECE] * 10 + [len(pcm) - 10 * PIECE]


def said_by(voice: str | None, pcm: bytes, form: Form, catalogue: Catalogue) -> Reading:
    """A reading heard as it was spoken, with that chord as the known voice."""

    class Reads(OnDeviceInterpreter):
        def _begin(self) -> Counting:
            return Complete()

    reader = Reads("complete", form, catalogue)
    if voice is not None:
        reader.voice = WearerVoice(chords.bands)
        reader.voice.sign_on(voice)
        reader.voice.learn(chords.sound(getattr(chords, voice)), accepted=True)
    attention = reader.listen()
    for at in range(0, len(pcm), 640):
        attention.hear(pcm[at : at + 640])
    return asyncio.run(attention.finish(spoken(pcm)))


def test_what_another_voice_says_is_read_all_the_same_and_one_field_is_asked_about(
    form: Form, catalogue: Catalogue
) -> None:
    pcm = chords.sound(chords.ANNA)
    plain = said_by(None, pcm, form, catalogue)
    assert said_by("ANNA", pcm, form, catalogue) == plain
    doubted = said_by("BRUNO", pcm, form, catalogue)
    assert [name for name, one in doubted.fields.items() if not one.confirmed] == ["pallet_id"]
    fields = {name: replace(one, confirmed=True) for name, one in doubted.fields.items()}
    assert replace(doubted, fields=fields) == plain


def test_what_reading_at_pauses_was_for_is_counted() -> None:
    ahead, pcm = Ahead(), ticking(2.1)
    assert ahead.speculation.wasted_share == 0.0
    for part in (pcm[:32_000], pcm[32_000:]):
        ahead.attention.hear(part)
        ahead.attention.judge_pause()
    ahead.finish(pcm)
    counted = ahead.speculation
    assert (counted.made, counted.used, counted.discarded) == (2, 1, 1)
    assert counted.made_s - counted.used_s + counted.again_s == counted.wasted_s >= 0
    assert 0 <= counted.wasted_share <= 1


@pytest.mark.parametrize("kept", [0.1, 1.0])
@pytest.mark.parametrize("paused", [False, True])
def test_when_sound_is_cut_off_again_the_recogniser_begins_anew(kept: float, paused: bool) -> None:
    ahead = Ahead()
    ahead.attention.hear(ticking(2))
    if paused:
        ahead.attention.judge_pause()
    ahead.finish(ticking(kept))
    assert ahead.taken == ticking(kept)
    assert len(ahead.made) == 2
