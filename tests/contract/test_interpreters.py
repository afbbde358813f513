"""What every interpreter promises, asked of each that can run here and of a fake.

Vosk is among them where its weights are (the Makefile fetches them); pocketsphinx, whose weights come with it, always.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import soundfile

from edge.config import Settings, load
from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form, forms_in
from edge.ports import Attention, Interpreter
from edge.records import SAMPLE_RATE, Closing, FieldReading, NotUnderstood, Reading, Segment, Utterance, Word
from edge.understand.models import located, named
from edge.understand.pocketsphinx_interpreter import PocketsphinxInterpreter
from edge.understand.vosk_interpreter import VoskInterpreter

RECORDINGS = Path(__file__).parent.parent / "data" / "speech" / "demo"
CLEAR = "01-pallet-5451-four-cases-dock-alpha.flac"
CHATTER = "09-chatter-where-did-you-put-the-tape-gun.flac"
SILENCE = "10-silence.flac"
NOISE = "11-noise-only-reversing-beeper.flac"

HANGOVER_MS = 500


class Scripted:
    """The fake: reads what it was told a sound says, or nothing."""

    name = "scripted"

    def __init__(self, script: Mapping[bytes, Reading]) -> None:
        self._script = script

    def attend(self) -> Attention:
        return _ScriptedAttention(self._script)


class _ScriptedAttention:
    def __init__(self, script: Mapping[bytes, Reading]) -> None:
        self._script = script

    def hear(self, pcm: bytes) -> None:
        """Nothing to be done ahead."""

    async def finish(self, utterance: Utterance) -> Reading:
        nothing = Reading("scripted", utterance.form, (), {}, NotUnderstood.NO_WORDS)
        return self._script.get(utterance.segment.pcm, nothing)


@cache
def form() -> Form:
    return forms_in(load(Settings, None).forms_directory)["pallet-move"]


@cache
def catalogue() -> Catalogue:
    return Catalogue.load(load(Settings, None).catalogue_directory)


@cache
def sound(name: str) -> bytes:
    samples, rate = soundfile.read(RECORDINGS / name, dtype="int16")
    assert rate == SAMPLE_RATE
    return bytes(samples.tobytes())


def truth(name: str) -> Mapping[str, Any]:
    lines = (RECORDINGS / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return next(clip["fields"] for clip in map(json.loads, lines) if clip["audio"] == name)


def scripted() -> Interpreter:
    fields = {name: FieldReading(value, (str(value),), 1.0) for name, value in truth(CLEAR).items()}
    return Scripted({sound(CLEAR): Reading("scripted", "pallet-move", (Word("pallet", 0.4, 0.6, 1.0),), fields)})


def vosk(weights: Path) -> Interpreter:
    return VoskInterpreter(weights, form(), catalogue(), HANGOVER_MS)


MODELS = Path(os.environ.get("DOCKVOICE_TEST_MODELS", ""))
HERE: dict[str, Callable[[], Interpreter]] = {
    "scripted": scripted,
    "pocketsphinx": lambda: PocketsphinxInterpreter(form(), catalogue(), HANGOVER_MS),
}
if weights := located(named("small-en-us"), MODELS):
    HERE["vosk"] = partial(vosk, weights)
else:
    HERE["pocketsphinx, vosk's weights are not here"] = HERE.pop("pocketsphinx")


@pytest.fixture(scope="module", params=HERE)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    return HERE[request.param]()


def utterance(pcm: bytes) -> Utterance:
    samples = len(pcm) // 2
    segment = Segment(0, 0, samples, samples, Closing.PAUSE, pcm)
    return Utterance("0", "pallet-move", "microphone", datetime(2026, 11, 20, tzinfo=UTC), segment)


def read(interpreter: Interpreter, pcm: bytes, heard: Iterable[bytes] = ()) -> Reading:
    attention = interpreter.attend()
    for piece in heard:
        attention.hear(piece)
    return asyncio.run(attention.finish(utterance(pcm)))


def cut(pcm: bytes, size: int) -> list[bytes]:
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


def values(reading: Reading) -> dict[str, Any]:
    return {name: field.value for name, field in reading.fields.items()}


def is_complete(reading: Reading) -> bool:
    sure = {name: field.value for name, field in reading.fields.items() if field.value is not None and not field.rivals}
    return not form().faults(sure)


def test_a_clear_sentence_is_read_right(interpreter: Interpreter) -> None:
    reading = read(interpreter, sound(CLEAR), cut(sound(CLEAR), 640))
    assert values(reading) == truth(CLEAR)
    assert reading.not_understood is None
    assert reading.form == "pallet-move"
    assert reading.interpreter == interpreter.name


def test_words_are_in_order_within_the_sound_and_confidences_between_0_and_1(interpreter: Interpreter) -> None:
    words = read(interpreter, sound(CLEAR)).words
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= len(sound(CLEAR)) / 2 / SAMPLE_RATE
    assert all(0 <= word.confidence <= 1 for word in words)


@pytest.mark.parametrize("pcm", [b"", bytes(2), bytes(320), bytes(SAMPLE_RATE * 4)], ids=len)
def test_digital_silence_is_not_understood(interpreter: Interpreter, pcm: bytes) -> None:
    reading = read(interpreter, pcm, cut(pcm, 640))
    assert reading.not_understood is NotUnderstood.NO_WORDS
    assert not reading.fields


def test_a_recorded_silence_is_not_understood(interpreter: Interpreter) -> None:
    reading = read(interpreter, sound(SILENCE))
    assert reading.not_understood is not None
    assert not reading.fields


@pytest.mark.parametrize("loudness", [100, 3000, 30000])
def test_hiss_never_gives_a_complete_reading(interpreter: Interpreter, loudness: int) -> None:
    noise = random.Random(loudness)
    samples = (noise.randint(-loudness, loudness) for _ in range(SAMPLE_RATE * 3))
    pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    assert not is_complete(read(interpreter, pcm))


@pytest.mark.parametrize("name", [NOISE, CHATTER])
def test_what_is_no_dictation_never_gives_a_complete_reading(interpreter: Interpreter, name: str) -> None:
    assert not is_complete(read(interpreter, sound(name)))


def test_reading_twice_gives_equal_readings(interpreter: Interpreter) -> None:
    first = read(interpreter, sound(CLEAR))
    read(interpreter, sound(CHATTER))  # nothing of another utterance may linger
    assert read(interpreter, sound(CLEAR)) == first


@pytest.mark.parametrize("size", [2, 640, 6400, 10_002, 1 << 20])
def test_how_the_sound_is_cut_does_not_matter(interpreter: Interpreter, size: int) -> None:
    pcm = sound(CLEAR)
    if size == 2:
        pcm = pcm[: SAMPLE_RATE // 2 * 2]  # half a second: every sample by itself is slow
    assert read(interpreter, pcm, cut(pcm, size)) == read(interpreter, pcm)


def test_the_recording_read_again_gives_what_the_voice_gave(interpreter: Interpreter) -> None:
    pcm = sound(CLEAR)
    hangover = bytes(2 * SAMPLE_RATE * 300 // 1000)  # heard, then cut off by endpointing
    assert read(interpreter, pcm, cut(pcm + hangover, 640)) == read(interpreter, pcm)


def test_other_sound_heard_before_does_not_linger(interpreter: Interpreter) -> None:
    pcm = sound(CLEAR)
    assert read(interpreter, pcm, cut(sound(CHATTER), 640)) == read(interpreter, pcm)
    assert read(interpreter, pcm, cut(pcm * 2, 640)) == read(interpreter, pcm)


def test_an_utterance_abandoned_half_way_does_not_linger(interpreter: Interpreter) -> None:
    alone = read(interpreter, sound(CLEAR))
    abandoned = interpreter.attend()
    abandoned.hear(sound(CHATTER))
    del abandoned
    assert read(interpreter, sound(CLEAR)) == alone


def test_the_next_utterance_is_heard_while_the_last_one_is_read(interpreter: Interpreter) -> None:
    alone = {name: read(interpreter, sound(name)) for name in (CLEAR, CHATTER)}

    async def both() -> list[Reading]:
        attentions = {name: interpreter.attend() for name in alone}
        for name, attention in attentions.items():
            attention.hear(sound(name))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.finish(utterance(sound(name)))) for name, one in attentions.items()]
        return [task.result() for task in tasks]

    assert asyncio.run(both()) == list(alone.values())


def with_label(directory: Path, label: str) -> Form:
    schema = json.loads(json.dumps(dict(form().schema)))
    schema["properties"]["dock"]["x-voice"]["labels"] = [label]
    path = directory / "pallet-move.schema.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    return Form.load(path)


@pytest.mark.parametrize("name", [name for name in HERE if name != "scripted"])
def test_a_word_that_it_cannot_hear_is_refused_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = with_label(tmp_path, "zorgblatt")
    monkeypatch.setitem(globals(), "form", lambda: strange)
    with pytest.raises(Misconfigured, match=r"form 'pallet-move': .*/.* does not know the words zorgblatt,"):
        HERE[name]()
