"""Whisper: its prompt and its spectra; and, where its weights are, that silence and noise make no entry."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.forms.spoken.language import language_named
from edge.records import SAMPLE_RATE
from edge.understand.local.spelling_correction import SpellingCorrector
from edge.understand.local.weights import find_model, locate
from edge.understand.local.whisper import WhisperInterpreter, is_installed, log_mel, make_prompt
from lab.noises import NOISE_KINDS, generate_noise
from tests.rows import each_of

FORMS = sorted((Path(__file__).parents[2] / "schemas" / "forms").glob("*.schema.json"))
HEARD = ("de", "es", "fr", "it")


@pytest.mark.parametrize("language", HEARD)
@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name.split(".")[0])
def test_the_prompt_has_no_value(path: Path, language: str, catalogue: Catalogue) -> None:
    form = load_form(path)
    prompt = make_prompt(form, language_named(language))
    assert not any(one.isdigit() for one in prompt)
    said = read_transcript(prompt, form, catalogue, language)
    assert not [name for name, field in said.items() if field.value is not None], prompt


def test_a_tone_is_in_its_band_and_the_rest_is_silence() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    bands = log_mel(tone)
    assert bands.shape == (80, 250)  # a second, one more behind it, and up to a multiple of 2.5
    assert bands[:, 10:90].mean(axis=1).argmax() == 26  # 1 kHz is the 26th of Slaney's bands
    assert bands[:, 110:].max() == bands.min()


@each_of(
    ("language", "text", "corrected"),
    [
        ("es", "Palé 201, 90 y 2 unidades", "Palé 201, 92 unidades"),
        ("es", "Palé 201, 330 y 2 unidades", "Palé 201, 332 unidades"),
        ("es", "Palé 201 y 2 unidades", "Palé 201 y 2 unidades"),
        ("es", "Palé 20 y 2 unidades", "Palé 20 y 2 unidades"),  # "veintidós" has no "y"
        ("es", "19 cajas, muy hotel", "19 cajas, muelle hotel"),
        ("es", "19 cajas, muy de delta", "19 cajas, muelle delta"),
        ("es", "muy bien, 19 cajas", "muy bien, 19 cajas"),
        ("es", "28 cajas, muellece", "28 cajas, muelle ce"),
        ("es", "muelles", "muelles"),
        ("es", "354 cajas, muelle de", "354 cajas, muelle D"),
        ("es", "159 unidades, muelle de, gracias", "159 unidades, muelle D, gracias"),
        ("es", "muelle de carga B", "muelle de carga B"),
        ("es", "Palétres 1 8", "palé tres 1 8"),
        ("es", "Palé 318, 16 cajas Palé 318, 16 cajas Palé 318", "Palé 318, 16 cajas"),
        ("es", "318 318", "318 318"),
        ("de", "M, Palette 2297, 9 Stück", "Palette 2297, 9 Stück"),
        ("de", "M, 12 Kartons", "M, 12 Kartons"),  # a dock, in answer to a question
        ("de", "Palette 2, 3, 1, 2, 5, stück, Tor A", "Palette 2, 3, 1, 2, 5 stück, Tor A"),
        ("de", "Palette 742, Stück 5", "Palette 742, Stück 5"),
        ("de", "190 Kartons, Toranton", "190 Kartons, Tor anton"),
        ("de", "24 kissen, Tor H", "24 Kisten, Tor H"),
        ("de", "Habepalette 3794 abgestellt", "habe Palette 3794 abgestellt"),
        ("fr", "29 caisses, qu'est golf?", "29 caisses, quai golf?"),
        ("fr", "26 cartons, qui est delta", "26 cartons, quai delta"),
        ("it", "venti 3 pezzi, vanchina F", "23 pezzi, banchina F"),
        ("it", "Palle 56600", "pallet 56600"),
    ],
)
def test_a_misspelt_label_or_number_is_corrected(language: str, text: str, corrected: str, form: Form) -> None:
    assert SpellingCorrector(form, language_named(language)).correct(text) == corrected


def test_a_label_that_the_form_lacks_is_left_alone() -> None:
    of_trailer = load_form(next(path for path in FORMS if path.name.startswith("temperature.")))
    assert SpellingCorrector(of_trailer, language_named("it")).correct("palle fredde") == "palle fredde"


WEIGHTS = locate(find_model("whisper-base"), Path(os.environ.get("DOCKVOICE_TEST_MODELS", "")))


@pytest.mark.skipif(WEIGHTS is None or not is_installed(), reason="weights or packages of whisper are not here")
@pytest.mark.parametrize("language", HEARD)
def test_nothing_is_invented_from_silence_or_noise(language: str, form: Form, catalogue: Catalogue) -> None:
    assert WEIGHTS is not None
    whisper = WhisperInterpreter(WEIGHTS, form, catalogue, language_named(language))
    sounds = {kind: generate_noise(kind, 4, seed=7) for kind in NOISE_KINDS}
    for kind, sound in {"silence": np.zeros(2 * SAMPLE_RATE), **sounds}.items():
        reading = whisper.read((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
        required = {field.name for field in form.fields if field.required}
        assert not required <= {name for name, one in reading.fields.items() if one.value is not None}, kind
