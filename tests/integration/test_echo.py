from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.spoken.sentences import sample_value
from dockvoice_protocol.languages import LANGUAGES
from edge.hear.speech_detection import EchoDetector, SampleClock
from edge.records import SAMPLE_RATE, Frame
from edge.records.speech import Earcon, Prompt, Say
from edge.speak.mixer import earcon_samples
from edge.speak.synthesis import ClauseCache
from edge.speak.voices import EspeakVoice
from edge.speak.wording import Phrasing
from tests.sound.leaking_headset import Leaking, Sound, heard
from tests.tiers import sized

ROOT = Path(__file__).parent.parent.parent
MOVE = load_forms(ROOT / "schemas/forms")["pallet-move"]
CATALOGUE = Catalogue.load(ROOT / "config/catalogue")

READBACKS = sized(test=4, nightly=8)  # So many in a row, one after another, wherever it is not said how many.

NORMAL_DB, SOFT_DB = -20.0, -30.0  # An operator into a headset's microphone, root mean square below full scale.


@cache
def readbacks(count: int, language: str) -> tuple[Sound, ...]:
    """Entries as they are told: the earcon, and the readback in espeak's voice."""
    chance = Random(language)
    phrasing, phrases = Phrasing(MOVE, language), ClauseCache(lambda _: EspeakVoice(), language)

    async def told() -> Sound:
        entry = {one.name: sample_value(one, CATALOGUE, chance) for one in MOVE.fields if one.required}
        clauses = [await phrases.synthesise(clause, 1.0) for clause in phrasing.clauses(Say(Prompt.READBACK, entry))]
        return np.concatenate([earcon_samples(Earcon.STORED), *clauses])

    async def all_told() -> list[Sound]:
        return [await told() for _ in range(count)]

    return tuple(asyncio.run(all_told()))


@cache
def operator(level_db: float) -> Sound:
    """A recorded sentence, from its first word to its last, at that level."""
    clip = ROOT / "tests/data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac"
    samples, _ = soundfile.read(clip, dtype="int16")
    spoken = np.flatnonzero(np.abs(samples) > 1000)
    words = samples[spoken[0] - 800 : spoken[-1] + 800].astype(float)
    loudness = np.sqrt((words[np.abs(words) > 300] ** 2).mean()) / 32768
    said: NDArray[np.int16] = np.clip(words * 10 ** (level_db / 20) / loudness, -32768, 32767).astype(np.int16)
    return said


def alone(told: Sequence[Sound], leakage_db: float = -20.0, delay_ms: int = 120) -> Leaking:
    return Leaking([(0.7, one, None, 0.0) for one in told], leakage_db, delay_ms)


def spoken_over(told: Sequence[Sound], level_db: float, leakage_db: float) -> Leaking:
    """The operator begins from 0.3 to 1.5 s after the device."""
    after = [0.3 + 0.2 * (number % 7) for number in range(len(told))]
    return Leaking([(1.5, one, operator(level_db), delay) for one, delay in zip(told, after, strict=True)], leakage_db)


def test_without_the_guard_the_device_hears_itself() -> None:
    assert len(heard(alone(readbacks(5, "en")), guarded=False)) >= 4


def test_readbacks_heard_at_minus_20_db_cause_no_utterance() -> None:
    told = [one for language in LANGUAGES for one in readbacks(sized(test=2, nightly=40), language)]
    worn = alone(told)
    assert heard(worn) == []
    assert worn.stopped_at == []
    assert worn.own.leakage_db == pytest.approx(-20, abs=2)


@pytest.mark.parametrize(("leakage_db", "delay_ms"), [(-40, 20), (-20, 0), (-20, 350), (-10, 120), (0, 120)], ids=str)
def test_neither_stronger_leakage_nor_a_slower_headset_is_taken_for_the_operator(
    leakage_db: float, delay_ms: int
) -> None:
    worn = alone(readbacks(READBACKS, "en"), leakage_db=leakage_db, delay_ms=delay_ms)
    assert heard(worn) == []


@pytest.mark.parametrize("leakage_db", [-20, -40])
def test_an_operator_who_speaks_over_a_readback_is_heard_from_the_first_word_and_silences_it(leakage_db: float) -> None:
    worn = spoken_over(readbacks(READBACKS, "en"), NORMAL_DB, leakage_db)
    utterances = heard(worn)
    assert len(utterances) == len(worn.said_at) == READBACKS
    for utterance, began in zip(utterances, worn.said_at, strict=True):
        assert utterance.start / SAMPLE_RATE <= began + 0.05
    assert all(stopped - began < 0.4 for stopped, began in zip(worn.stopped_at, worn.said_at, strict=False))


def test_an_operator_who_speaks_softly_over_a_readback_is_heard_too() -> None:
    worn = spoken_over(readbacks(READBACKS, "en"), SOFT_DB, -20.0)
    assert len(heard(worn)) == READBACKS


def test_an_operator_is_heard_at_once_when_nothing_is_played() -> None:
    silence = np.zeros(1, dtype=np.int16)
    worn = Leaking([(1.0, silence, operator(SOFT_DB), 0.5)])
    assert len(heard(worn)) == 1


def test_a_headset_that_leaks_nothing_is_found_to_leak_nothing() -> None:
    worn = alone(readbacks(READBACKS, "en"), leakage_db=-100.0)
    heard(worn)
    assert worn.own.leakage_db < -30


def test_with_a_played_sound_that_is_not_known_any_more_nothing_is_the_devices_own() -> None:
    own = EchoDetector()
    loud = Frame(0, np.full(320, 1000, dtype=np.int16).tobytes())
    own.note_played(0.0, loud.pcm * 10)
    assert own.learn_and_is_own_voice(Frame(0, bytes(640)), 0.1)
    assert not own.learn_and_is_own_voice(loud, 60.0)
    own.note_played(30.0, loud.pcm)
    assert not own.learn_and_is_own_voice(loud, 60.0)


def test_a_stream_is_timed_by_what_came_soonest() -> None:
    clocked = SampleClock()
    assert clocked.at(0, 10.0) == 10.0
    assert clocked.at(16_000, 11.3) == pytest.approx(11.0, abs=0.01)
    assert clocked.at(32_000, 12.0) == pytest.approx(12.0, abs=0.01)
    assert clocked.at(48_000, 20.0) == 20.0


def test_two_clocks_that_drift_apart_do_not_lose_each_other() -> None:
    clocked = SampleClock()
    for second in range(1000):
        assert clocked.at(second * 16_000, second * 1.0002) == pytest.approx(second * 1.0002, abs=0.001)


@pytest.mark.parametrize("leakage_db", [-100.0, -20.0], ids=str)
def test_what_is_said_right_after_an_earcon_is_heard_from_the_first_word(leakage_db: float) -> None:
    """One syllable rises and falls as one tone does: that is no proof that it is the device's."""
    rings = np.concatenate([earcon_samples(Earcon.HEARD), earcon_samples(Earcon.STORED)])
    silence = np.zeros(1, dtype=np.int16)
    clips = sorted((ROOT / "tests/data/speech/conversation").glob("*.flac"))
    script: list[tuple[float, Sound, Sound | None, float]] = []
    for number, clip in enumerate(clips):
        said, _ = soundfile.read(clip, dtype="int16")
        said = said[np.flatnonzero(np.abs(said) > 1000)[0] - 400 :]
        script += [(1.0, rings, said, 0.2 + 0.1 * (number % 6)), (1.5, silence, None, 0.0)]
    worn = Leaking(script, leakage_db)
    begins = np.array([one.start / SAMPLE_RATE for one in heard(worn)])
    # An utterance begins 0.3 s before its first speech, if that was noticed at once.
    late = [began for began in worn.said_at if not ((begins <= began + 0.05) & (begins > began - 0.5)).any()]
    assert late == []
