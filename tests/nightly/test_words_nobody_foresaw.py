"""A word that nobody foresaw, spoken before, between or behind the fields of a sentence, changes no value on record.

The recogniser knows the form's words and some common ones, and writes one of them for whatever else is said. The words
are new ones every night, each said by one voice at one place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import FieldValue
from edge.config import Settings
from edge.records import SAMPLE_RATE
from edge.speak.voices import EspeakVoice
from edge.understand.local.weights import find_model, locate
from lab.evaluate import ClipSource, evaluate
from lab.operator_speech import AFTER_S, BEFORE_S, SyntheticSpeech, say
from lab.scoring import Clip, ClipResult, Mark
from tests.property.test_foreign_words import TELLING
from tests.reading.words_put_in import common_words
from tests.tiers import SEED

WORDS = 250

PACE = 0.9  # Slow enough that the recogniser hears these voices well.

Fields = dict[str, FieldValue]

SENTENCES: dict[str, Fields] = {
    "pallet seven four two, twelve units, dock B": {"pallet_id": "742", "quantity": 12, "dock": "B"},
    "pallet three eight six, dock bravo, twenty boxes": {"pallet_id": "386", "quantity": 20, "dock": "B"},
    "dock alpha, pallet seven four two, twelve units": {"pallet_id": "742", "quantity": 12, "dock": "A"},
}
FIRST, SECOND, THIRD = SENTENCES

VOICES = {"": (FIRST, SECOND), "m3": (FIRST, SECOND, THIRD), "f1": (SECOND, THIRD)}
"""Speakers of espeak-ng, and what they say so that it is recorded at once where no word is put in."""

PLACES = ("before", "between", "behind")


@pytest.fixture(autouse=True)
def _with_weights() -> None:
    if locate(find_model("small-en-us"), load_settings(Settings, None).models) is None:
        pytest.skip("vosk's weights are not here")


def with_word(text: str, word: str, place: str, random: Random) -> str:
    """The sentence with the word at a place outside its fields, which commas part."""
    fields = text.split(", ")
    at = {"before": 0, "behind": len(fields)}.get(place, random.randrange(1, len(fields)))
    return ", ".join([*fields[:at], word, *fields[at:]])


def heard(texts: Sequence[tuple[str, Fields]], voice: str) -> list[ClipResult]:
    """What the device makes of each text."""

    async def all_of_them() -> list[ClipResult]:
        sounds = [await sounding(text, fields, voice) for text, fields in texts]
        return [one.result for one in await evaluate(load_settings(Settings, None), sounds, lambda: None)]

    return asyncio.run(all_of_them())


async def sounding(text: str, fields: Fields, voice: str) -> ClipSource:
    around = (round(BEFORE_S * SAMPLE_RATE), round(AFTER_S * SAMPLE_RATE))
    sound = np.pad(await say(EspeakVoice(PACE, voice), text), around)
    clip = Clip(audio=Path(text), form="pallet-move", fields=fields, condition="clean", speaker=voice, text=text)
    return ClipSource(clip, lambda: SyntheticSpeech(sound, f"{text} {voice}"))


@pytest.mark.parametrize("voice", VOICES)
def test_without_the_word_all_is_recorded(voice: str) -> None:
    found = heard([(text, SENTENCES[text]) for text in VOICES[voice]], voice)
    assert [one.mark for one in found] == [Mark.RIGHT] * len(found), [one.clip.text for one in found]


@pytest.mark.timeout(1200)  # 27 clips take 20 seconds of a processor, and five minutes where others want it too
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("voice", VOICES)
def test_no_other_value_is_recorded(voice: str, place: str) -> None:
    random = Random(f"{SEED} {voice} {place}")
    foreign = sorted(set(common_words("en")) - set(TELLING))
    texts = []
    for word in random.sample(foreign, WORDS // (len(VOICES) * len(PLACES))):
        text = random.choice(VOICES[voice])
        texts.append((with_word(text, word, place, random), SENTENCES[text]))
    found = [one for one in heard(texts, voice) if one.mark in {Mark.WRONG, Mark.INVENTED}]
    assert not found, "\n".join(
        f"{one.clip.text}: {[said.reading.transcript for said in one.decisions]}" for one in found
    )
