"""Fits the discriminants of spoken letters: `python -m lab.bench.letter_sounds [MANIFEST ...] [--write FILE]`.

Voices of one half of the speakers say docks in short sentences; the product's recogniser hears them, and each letter is
measured where it was heard, clean and in made noise. The clips of each manifest by speakers of the other half are then
judged by the fit: how often a letter is taken without another witness, and how often one that was not said. Needs what
`lab.bench.letters` needs; the recordings are cached likewise, and take half an hour of a processor.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from string import ascii_uppercase
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.records import Reading, Word
from edge.config import Settings
from edge.records import SAMPLE_RATE
from edge.understand.letter_classifier import (
    TABLE,
    Discriminants,
    corroborate_letters_by_spectrum,
    load_discriminants,
    measure_letter,
)
from edge.understand.letter_corroboration import is_doubtful_letter
from edge.understand.local.factory import make_recogniser
from lab.bench.command import make_parser
from lab.bench.letters import voice_recording
from lab.bench.recogniser import recognise_clip
from lab.noises import generate_noise, limit_peak, mix_at_snr
from lab.report.statistics import SpeakerHalf, clips_of_half, wilson_interval
from lab.scoring import Clip, read_manifest

_Floats = npt.NDArray[np.float64]

VOICES = (
    *(f"kokoro-{name}/en-us" for name in ("af_bella", "af_heart", "af_river", "af_sky", "am_echo", "am_santa")),
    *(f"kokoro-{name}/en-us" for name in ("ef_dora", "im_nicola", "jf_gongitsune", "pm_alex", "zf_xiaoni")),
    *(f"kokoro-{name}/en-gb" for name in ("bf_lily", "bm_daniel", "bm_lewis")),
    *("pico/en-us", "pico/en-gb", "espeak-f2", "espeak-m4", "festival-cmu_us_slt_arctic_hts"),
)
"""Of the development sets' voices those of the half on which rules are tuned, and others."""

_SHIPPED = "ABCDEFGH"
_OFTEN, _SELDOM = 8, 3  # Sentences of a voice with each letter of the shipped catalogue, and with each other one.

_COUNTS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("fourteen", "fifteen", "sixteen", "eighteen", "twenty", "thirty", "forty", "fifty"),
)
_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero")
_SHAPES = (
    "dock {letter}.",
    "dock {letter}, {count} units.",
    "{count} boxes, dock {letter}.",
    "{count} cases to dock {letter}, pallet {pallet}.",
    "okay, {count} units to dock {letter} please.",
    "dock {letter}, pallet {pallet}.",
    "pallet {pallet} to dock {letter}.",
    "moving to dock {letter}, {count} pieces.",
    "{count} units at dock {letter}.",
    "dock {letter} pallet {pallet}",
)

_NOISES, _NOISE_DB = ("pink", "white", "forklift_engine"), (3.0, 20.0)
_NOISY = 2  # Of each recording, so many in noise, between these ratios.

_SHIFT_S = 0.03  # In noise a recogniser's times are as far off.

_ENDS_S = (0.12, 0.4)  # So long behind the letter the sound may end, where the utterance does.

_TOWARDS_ROUND = 0.05
"""The part of the deviations that is taken for equal in all directions: they are counted from few voices (Friedman,
1989, "Regularized discriminant analysis")."""


class _Letter(NamedTuple):
    """A letter that was said, and heard as a letter somewhere in the sound."""

    said: str
    word: Word
    reading: Reading
    pcm: bytes


def draw_texts(voice: str) -> Iterator[tuple[str, str]]:
    """Each letter and a sentence with it as a dock."""
    random = Random(f"letters {voice.partition('/')[0].removeprefix('kokoro-')}")  # noqa: S311 - chance, not secrecy
    often = [(letter, at) for at in range(_OFTEN) for letter in _SHIPPED]
    seldom = [(letter, at) for at in range(_SELDOM) for letter in ascii_uppercase if letter not in _SHIPPED]
    for letter, at in (*often, *seldom):
        shape = _SHAPES[(at + ord(letter)) % len(_SHAPES)] if at < len(_SHAPES) // 2 else random.choice(_SHAPES)
        count, pallet = random.choice(_COUNTS), " ".join(random.choices(_DIGITS, k=3))
        yield letter, shape.format(letter=letter, count=count, pallet=pallet)


class _Hearing:
    """The product's recogniser by itself, with some letters for docks."""

    def __init__(self, letters: str) -> None:
        settings = load_settings(Settings, None)
        self.form = load_forms(settings.forms_directory)["pallet-move"]
        with TemporaryDirectory(prefix="dockvoice-letters-") as folder:
            Path(folder, "docks.csv").write_text("value\n" + "\n".join(letters) + "\n", encoding="utf-8")
            self.catalogue = Catalogue.load(Path(folder))
        self._reader = make_recogniser(settings, self.form, self.catalogue)
        self._reader.letter_discriminants = None

    def hear(self, audio: Path, said: str) -> _Letter | None:
        """The letter behind the last "dock" of a recording; None if no letter was heard there."""
        pcm = soundfile.read(audio, dtype="int16")[0].tobytes()
        reading = asyncio.run(recognise_clip(self._reader, self.form.name, pcm)).reading
        behind = [word for before, word in pairwise(reading.words) if before.text == "dock"]
        if not behind or len(behind[-1].text) > 1 or behind[-1].end <= behind[-1].start:
            return None
        return _Letter(said, behind[-1], reading, pcm)


def _measure_variants(letter: _Letter, random: np.random.Generator) -> Iterator[_Floats]:
    """The letter clean, and in noise at times a little off."""
    yield measure_letter(letter.pcm, letter.word.start, letter.word.end)
    sound = np.frombuffer(letter.pcm, "<i2") / 32_768
    for _ in range(_NOISY):
        noise = generate_noise(str(random.choice(_NOISES)), len(sound) / SAMPLE_RATE, int(random.integers(1 << 30)))
        noisy = limit_peak(mix_at_snr(sound, noise[: len(sound)], random.uniform(*_NOISE_DB)))
        early, late = random.uniform(-_SHIFT_S, _SHIFT_S, 2)
        ends = round((letter.word.end + random.uniform(*_ENDS_S)) * SAMPLE_RATE)
        pcm = (noisy[:ends] * 32_767).astype("<i2").tobytes()
        yield measure_letter(pcm, letter.word.start + early, letter.word.end + late)


def fit_discriminants(measured: _Floats, said: Sequence[str]) -> Discriminants:
    """Fit Fisher's discriminants: the directions in which the letters' means differ most, by the letters' deviation."""
    letters, of = sorted(set(said)), np.array(said)
    means = np.array([measured[of == letter].mean(axis=0) for letter in letters])
    centred = measured - means[np.searchsorted(letters, of)]
    within = centred.T @ centred / (len(measured) - len(letters))
    scale = np.sqrt(np.diag(within))
    alike = (1 - _TOWARDS_ROUND) * within / np.outer(scale, scale) + _TOWARDS_ROUND * np.eye(len(within))
    whiten = np.linalg.inv(np.linalg.cholesky(alike)).T / scale[:, None]
    middle = means.mean(axis=0)
    _, _, directions = np.linalg.svd((means - middle) @ whiten, full_matrices=False)
    projection = whiten @ directions[: len(letters) - 1].T
    whole = np.vstack([projection, -middle @ projection])
    return Discriminants(whole, {one: np.append(mean, 1.0) @ whole for one, mean in zip(letters, means, strict=True)})


def format_table(found: Discriminants) -> str:
    """The discriminants as `load_discriminants` reads them."""
    rows: Mapping[str, _Floats] = {**{f"x{at}": row for at, row in enumerate(found.projection)}, **found.means}
    return "".join(f"{name},{','.join(f'{value:.4g}' for value in row)}\n" for name, row in rows.items())


def judge_clips(found: Discriminants, clips: Sequence[Clip], hearing: _Hearing) -> Iterator[tuple[str, bool, bool]]:
    """For each clip of a dock that may be another letter: its condition, if it is right, and if it is taken."""
    for clip in clips:
        said = str((clip.fields or {}).get("dock"))
        if said not in _SHIPPED or not re.search(rf"\bdock {said}\b(?! as )", clip.text):
            continue
        if (letter := hearing.hear(clip.audio, said)) is None:
            continue
        judged = corroborate_letters_by_spectrum(letter.reading, letter.pcm, hearing.form, hearing.catalogue, found)
        dock = letter.reading.fields.get("dock")
        if dock is not None and is_doubtful_letter(dock):
            yield clip.condition, judged.fields["dock"].value == said, judged.fields["dock"].seconded


def _print_judged(name: str, judged: Sequence[tuple[str, bool, bool]]) -> None:
    for condition in dict.fromkeys(one for one, _, _ in judged):
        of = [(right, sure) for one, right, sure in judged if one == condition]
        shares = [
            f"{what} {hits} ({100 * share.least:.1f}-{100 * share.most:.1f} %)"
            for what, hits in (
                ("right without another witness", sum(right and sure for right, sure in of)),
                ("wrong", sum(sure and not right for right, sure in of)),
            )
            if (share := wilson_interval(hits, len(of))) is not None
        ]
        print(f"{name} {condition}: of {len(of)} {', '.join(shares)}")


def main() -> None:
    """Fit, unless only the shipped table is to be tried; print what it bears out."""
    parser = make_parser("lab.bench.letter_sounds", __doc__)
    parser.add_argument("manifests", nargs="*", type=Path, metavar="MANIFEST")
    parser.add_argument("--write", type=Path, metavar="FILE", help=f"write the table; the product reads {TABLE}")
    parser.add_argument("--shipped", action="store_true", help="try the shipped table, and fit nothing")
    options = parser.parse_args()
    if options.shipped:
        found = load_discriminants()
    else:
        random, hearing = np.random.default_rng(1), _Hearing(ascii_uppercase)
        texts = [(voice, said, text) for voice in VOICES for said, text in draw_texts(voice)]
        found_in = (hearing.hear(voice_recording(voice, text)[0], said) for voice, said, text in texts)
        heard = [one for one in found_in if one is not None]
        variants = [(one.said, row) for one in heard for row in _measure_variants(one, random)]
        found = fit_discriminants(np.array([row for _, row in variants]), [said for said, _ in variants])
        print(f"fitted on {len(heard)} of {len(texts)} letters, {len(variants)} variants, by {len(VOICES)} voices")
    if options.write:
        options.write.write_text(format_table(found), encoding="utf-8")
    hearing = _Hearing(_SHIPPED)
    for manifest in options.manifests:
        clips = clips_of_half(read_manifest(manifest), SpeakerHalf.REPORT)
        _print_judged(manifest.parent.name, [*judge_clips(found, clips, hearing)])


if __name__ == "__main__":
    main()
