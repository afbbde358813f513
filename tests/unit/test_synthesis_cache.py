from __future__ import annotations

import asyncio

import numpy as np
import pytest

from dockvoice_protocol.errors import Misconfigured, Unavailable
from edge.ports import Voice
from edge.records import SAMPLE_RATE
from edge.speak.synthesis import ClauseCache, trim_level_and_append_pause
from tests.fakes import ScriptedVoice
from tests.rows import each_of

GONE = Unavailable("the service is gone")


def phrases(voice: Voice, stand_in: Voice | None = None, most_bytes: int = 10**6) -> ClauseCache:
    return ClauseCache(lambda _: voice, "en", None if stand_in is None else lambda _: stand_in, most_bytes)


def pcm(*parts: tuple[int, int]) -> bytes:
    """A noise of each amplitude, for so many ms."""
    chance = np.random.default_rng(1)
    sounds = [np.sign(chance.normal(size=ms * SAMPLE_RATE // 1000)) * amplitude for amplitude, ms in parts]
    return np.concatenate(sounds).astype("<i2").tobytes()


def test_in_place_of_a_voice_that_is_gone_another_one_speaks_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    service, espeak = ScriptedVoice(GONE), ScriptedVoice()
    told = phrases(service, espeak)
    for _ in range(2):
        assert len(asyncio.run(told.synthesise("dock B.", 1.0)))
    assert [record.getMessage() for record in caplog.records] == ["speak: the service is gone"]
    assert told.cached("dock B.", 1.0) is None
    service.fault = None
    asyncio.run(told.synthesise("dock B.", 1.0))
    assert told.cached("dock B.", 1.0) is not None
    assert len(espeak.said) == 2


def test_a_voice_that_cannot_be_had_at_all_has_no_stand_in() -> None:
    voice = ScriptedVoice(Misconfigured("espeakng-loader is missing"))
    with pytest.raises(Misconfigured, match="missing"):
        asyncio.run(phrases(voice, ScriptedVoice()).synthesise("dock B.", 1.0))


def test_a_clause_is_made_once_for_each_pace() -> None:
    voice = ScriptedVoice()
    told = phrases(voice)
    for pace in (1.0, 1.0, 1.15):
        asyncio.run(told.synthesise("pallet", pace))
    assert voice.said == ["pallet", "pallet"]
    assert told.cached("pallet", 1.0) is not None
    assert told.cached("pallet", 2.0) is None


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    told = phrases(ScriptedVoice(), most_bytes=6000)
    for clause in ("one", "two", "one", "three"):
        asyncio.run(told.synthesise(clause, 1.0))
    assert told.cached("one", 1.0) is not None
    assert told.cached("two", 1.0) is None


@each_of("amplitude", [200, 3000, 30_000])
def test_every_voice_is_brought_to_one_loudness_and_none_overruns(amplitude: int) -> None:
    sound = trim_level_and_append_pause(pcm((amplitude, 300)), "pallet").astype(float)[100 : 280 * 16] / 32768
    assert 20 * np.log10(np.sqrt((sound**2).mean())) == pytest.approx(-20, abs=0.5)
    spiky = np.zeros(4800, dtype="<i2")
    spiky[2400:2410] = 30_000
    assert np.abs(trim_level_and_append_pause(spiky.tobytes(), "x")).max() <= 10 ** (-3 / 20) * 32768
