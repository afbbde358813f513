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
from edge.understand.local.weights import find_model, locate
from edge.understand.local.whisper import WhisperInterpreter, is_installed, log_mel, make_prompt, mend
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
    ("text", "mended"),
    [
        ("Palé 201, 90 y 2 unidades", "Palé 201, 92 unidades"),
        ("Palé 201, 330 y 2 unidades", "Palé 201, 332 unidades"),
        ("Palé 201 y 2 unidades", "Palé 201 y 2 unidades"),
        ("Palé 20 y 2 unidades", "Palé 20 y 2 unidades"),  # "veintidós" has no "y"
        ("19 cajas, muy hotel", "19 cajas, muelle hotel"),
        ("19 cajas, muy de delta", "19 cajas, muelle delta"),
        ("muy bien, 19 cajas", "muy bien, 19 cajas"),
        ("28 cajas, muellece", "28 cajas, muelle ce"),
        ("muelles", "muelles"),
        ("354 cajas, muelle de", "354 cajas, muelle D"),
        ("159 unidades, muelle de, gracias", "159 unidades, muelle D, gracias"),
        ("muelle de carga B", "muelle de carga B"),
        ("Palétres 1 8", "palé tres 1 8"),
        ("Palé 318, 16 cajas Palé 318, 16 cajas Palé 318", "Palé 318, 16 cajas"),
        ("318 318", "318 318"),
    ],
)
def test_a_label_or_number_in_two_is_mended_in_spanish(text: str, mended: str) -> None:
    assert mend(text, "es", {"palé", "muelle"}) == mended
    assert mend(text, "de", {"palette", "tor"}) == text


def test_a_phrase_that_begins_again_is_heard_once() -> None:
    assert mend("La remorque est vide, la remorque est vide", "fr", {"remorque"}) == "La remorque est vide,"
    assert mend("deux trois deux trois", "fr", {"remorque"}) == "deux trois deux trois"


def test_a_label_that_the_form_lacks_is_left_alone() -> None:
    assert mend("muy mojado", "es", {"remolque"}) == "muy mojado"


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
