"""Fits the sounds of words: `python -m lab.bench.word_sounds [MANIFEST ...] [--write FOLDER]`.

Voices of one half of the speakers say docks, numbers and sentences of every form; the product's recogniser hears them,
and each word is measured where it was heard, clean and in made noise. The clips of each manifest by speakers of the
other half are then read by the recogniser alone and with the fit: how many readings are right. Needs what
`lab.bench.letters` needs; the recordings are cached likewise, and take an hour of a processor.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice
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
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import sample_sentences
from dockvoice_protocol.records import Reading, Word
from edge.config import Settings
from edge.records import SAMPLE_RATE
from edge.understand.local.factory import make_recogniser
from edge.understand.local.vosk import VoskInterpreter
from edge.understand.word_sounds import (
    LETTERS_TABLE,
    PROJECTED,
    WORDS_TABLE,
    Sound,
    Sounds,
    WordSounds,
    load_sounds,
)
from lab.bench.command import make_parser
from lab.bench.letters import voice_recording
from lab.bench.recogniser import recognise_clip
from lab.noises import generate_noise, limit_peak, mix_at_snr
from lab.report.statistics import SpeakerHalf, clips_of_half
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
_OFTEN, _SELDOM = 8, 3
"""Sentences of a voice with each letter of the shipped catalogue, and with each other one."""

_NUMBERS, _FORMS = 24, 24
"""Sentences of a voice with numbers of all kinds, and of the forms."""

_DRAWN = 40
"""Sentences of a form of which the one with the most words not yet said is taken."""

_LONGEST = 15  # Words of a sentence of a form.

_FEWEST = 12
"""Measures of a word without which it is not fitted: four recordings, in noise too."""

_COUNTS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("fourteen", "fifteen", "sixteen", "eighteen", "twenty", "thirty", "forty", "fifty"),
)
_TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = ("units", "cases", "boxes", "pieces", "cartons")
_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero")
_ZERO_FIRST = ("zero", *_DIGITS[:-1])
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
_NUMBER_SHAPES = (
    "pallet {pallet}, {count} {unit}, dock F.",
    "pallet {pallet}, {count} {unit}.",
    "dock F, {count} {unit}, pallet {pallet}.",
    "{count} {unit}, pallet {pallet}.",
    "pallet {pallet} with {count} {unit}.",
    "okay, pallet {pallet}, {count} {unit} to dock F please.",
)

_NOISES, _NOISE_DB = ("pink", "white", "forklift_engine"), (3.0, 20.0)
_NOISY = 2
"""Of each recording, so many in noise, between these ratios."""

_SHIFT_S = 0.03
"""In noise a recogniser's times are as far off."""

_DIRECTIONS = 60
"""Directions of the projection: with more, letters of voices left out are told apart no better."""

_TOWARDS_ROUND = 0.05
"""The part of the deviations that is taken for equal in all directions: they are counted from few voices (Friedman,
1989, "Regularized discriminant analysis")."""

_ZERO, _DOUBLED, _WITH_ONES, _WITH_HUNDREDS = 0.85, 0.25, 0.3, 0.15
"""How often a digit is drawn and is no "oh", a digit comes again, and a count has ones or hundreds."""

_PALLET_MOVE = "pallet-move"


class _Recording(NamedTuple):
    """A sentence that was said, and the words that were heard."""

    said: str
    words: tuple[Word, ...]
    pcm: bytes


def _draw_letters(voice: str) -> Iterator[str]:
    """Sentences with each letter as a dock."""
    random = Random(f"letters {voice.partition('/')[0].removeprefix('kokoro-')}")  # noqa: S311 - chance, not secrecy
    often = [(letter, at) for at in range(_OFTEN) for letter in _SHIPPED]
    seldom = [(letter, at) for at in range(_SELDOM) for letter in ascii_uppercase if letter not in _SHIPPED]
    for letter, at in (*often, *seldom):
        shape = _SHAPES[(at + ord(letter)) % len(_SHAPES)] if at < len(_SHAPES) // 2 else random.choice(_SHAPES)
        count, pallet = random.choice(_COUNTS), " ".join(random.choices(_DIGITS, k=3))
        yield shape.format(letter=letter, count=count, pallet=pallet)


def _draw_numbers(voice: str) -> Iterator[str]:
    """Sentences with digits, teens and tens."""
    random = Random(f"numbers {voice}")  # noqa: S311 - chance, not secrecy
    counts = [*_TEENS, *_TENS] * 3
    random.shuffle(counts)
    for count in counts[:_NUMBERS]:
        size = random.choice((3, 4, 4, 5))
        digits = [random.choice(_ZERO_FIRST) if random.random() < _ZERO else "oh" for _ in range(size)]
        if random.random() < _DOUBLED:
            digits[random.randrange(1, size)] = digits[0]
        before, behind = "", ""
        if count in _TENS and random.random() < _WITH_ONES:
            behind = f" {random.choice(_DIGITS[:-1])}"
        elif random.random() < _WITH_HUNDREDS:
            before = f"{random.choice(('one', 'two'))} hundred and "
        unit, shape = random.choice(_UNITS), random.choice(_NUMBER_SHAPES)
        yield shape.format(pallet=" ".join(digits), count=f"{before}{count}{behind}", unit=unit)


def _draw_form_sentences(voice: str, forms: Mapping[str, Form], catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Endless names of forms, each with a sentence of it that has words not yet said."""
    random, said = Random(f"voc{voice}"), set[str]()  # noqa: S311 - chance, not secrecy
    while True:
        for name, form in forms.items():
            drawn = sample_sentences(form, catalogue, _DRAWN, seed=random.randrange(1 << 30))
            some = [text for text in drawn if len(text.split()) <= _LONGEST]
            text = max(some, key=lambda text: len({*text.split()} - said))
            said |= {*text.split()}
            yield name, text


class _Hearing:
    """The product's recogniser by itself, or with the sounds of words."""

    def __init__(self, sounds: Sounds | None = None) -> None:
        self._settings = load_settings(Settings, None)
        self.forms = load_forms(self._settings.forms_directory)
        self.catalogue = Catalogue.load(self._settings.catalogue_directory)
        self._sounds = sounds
        self._readers: dict[str, VoskInterpreter] = {}

    def read(self, form: str, pcm: bytes, *, every_letter: bool = False) -> Reading:
        """The reading of a recording; with `every_letter` each is a dock."""
        key = f"{form} {every_letter}"
        if key not in self._readers:
            catalogue = _every_letter_a_dock() if every_letter else self.catalogue
            reader = make_recogniser(self._settings, self.forms[form], catalogue)
            if not isinstance(reader, VoskInterpreter):
                raise SystemExit("understand.recogniser: the sounds of words are of vosk's words; choose vosk")
            reader.sounds = self._sounds
            self._readers[key] = reader
        return asyncio.run(recognise_clip(self._readers[key], form, pcm)).reading


def _every_letter_a_dock() -> Catalogue:
    with TemporaryDirectory(prefix="dockvoice-letters-") as folder:
        Path(folder, "docks.csv").write_text("value\n" + "\n".join(ascii_uppercase) + "\n", encoding="utf-8")
        return Catalogue.load(Path(folder))


def _record(voice: str, hearing: _Hearing) -> Iterator[_Recording]:
    """What a voice says, as it is heard."""
    shipped = {name: form for name, form in hearing.forms.items() if name != "close-trailer"}
    drawn = _draw_form_sentences(voice, shipped, hearing.catalogue)
    texts = [
        *((_PALLET_MOVE, text, True) for text in _draw_letters(voice)),
        *((_PALLET_MOVE, text, False) for text in _draw_numbers(voice)),
        *((name, text, False) for name, text in islice(drawn, _FORMS)),
    ]
    for form, text, every_letter in texts:
        pcm = soundfile.read(voice_recording(voice, text)[0], dtype="int16")[0].tobytes()
        yield _Recording(text, hearing.read(form, pcm, every_letter=every_letter).words, pcm)


def _match_words(recording: _Recording) -> Iterator[tuple[str, Word]]:
    """Each word that was said, and the one that was heard in its place."""
    said = "".join(sign if sign.isalnum() or sign == "'" else " " for sign in recording.said.casefold()).split()
    heard = [word.text for word in recording.words]
    for same, first, last, begin, end in SequenceMatcher(None, said, heard, autojunk=False).get_opcodes():
        if same == "equal" or (same == "replace" and last - first == end - begin == 1):
            yield from zip(said[first:last], recording.words[begin:end], strict=True)


def _measure_words(recording: _Recording, random: np.random.Generator) -> Iterator[tuple[str, _Floats]]:
    """Each word clean, and in noise at times a little off."""
    matched = [(said, word) for said, word in _match_words(recording) if word.end > word.start]
    clean = Sound(recording.pcm)
    yield from ((said, clean.measure(word.start, word.end)) for said, word in matched)
    sound = np.frombuffer(recording.pcm, "<i2") / 32_768
    for _ in range(_NOISY):
        noise = generate_noise(
            str(random.choice(_NOISES)), len(sound) / SAMPLE_RATE + 0.1, int(random.integers(1 << 30))
        )
        noisy = limit_peak(mix_at_snr(sound, noise[: len(sound)], random.uniform(*_NOISE_DB)))
        other = Sound((noisy * 32_767).astype("<i2").tobytes())
        for said, word in matched:
            early, late = random.uniform(-_SHIFT_S, _SHIFT_S, 2)
            yield said, other.measure(word.start + early, word.end + late)


def fit_word_sounds(measured: _Floats, said: Sequence[str], directions: int = _DIRECTIONS) -> WordSounds:
    """Fit Fisher's discriminants: the directions in which the words' means differ most, by the words' deviation."""
    words, of = sorted(set(said)), np.array(said)
    means = np.array([measured[of == word].mean(axis=0) for word in words])
    centred = measured - means[np.searchsorted(words, of)]
    within = centred.T @ centred / (len(measured) - len(words))
    scale = np.sqrt(np.diag(within))
    alike = (1 - _TOWARDS_ROUND) * within / np.outer(scale, scale) + _TOWARDS_ROUND * np.eye(len(within))
    whiten = np.linalg.inv(np.linalg.cholesky(alike)).T / scale[:, None]
    middle = means.mean(axis=0)
    _, _, found = np.linalg.svd((means - middle) @ whiten, full_matrices=False)
    projection = whiten @ found[: min(directions, len(words) - 1)].T
    whole = np.vstack([projection, -middle @ projection])
    return WordSounds.from_means(
        whole, {one: np.append(mean, 1.0) @ whole for one, mean in zip(words, means, strict=True)}
    )


def fit_sounds(measured: _Floats, said: Sequence[str]) -> Sounds:
    """Fit the sounds of words, and by themselves those of letters."""
    letters = [at for at, word in enumerate(said) if len(word) == 1]
    return Sounds(fit_word_sounds(measured, said), fit_word_sounds(measured[letters], [said[at] for at in letters]))


def format_table(found: WordSounds) -> str:
    """The sounds as `load_sounds` reads them."""
    rows = {**{f"{PROJECTED}{at}": row for at, row in enumerate(found.projection)}, **found.means}
    return "".join(f"{name},{','.join(f'{value:.3g}' for value in row)}\n" for name, row in rows.items())


def _print_read(name: str, clips: Sequence[Clip], alone: _Hearing, helped: _Hearing) -> None:
    """Print by condition how many readings are right by the recogniser alone, and with the sounds."""
    right: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        if clip.fields is None:
            continue
        pcm = soundfile.read(clip.audio, dtype="int16")[0].tobytes()
        counts = right[clip.condition]
        counts["clips"] += 1
        for who, hearing in (("alone", alone), ("helped", helped)):
            fields = hearing.read(clip.form, pcm).fields
            counts[who] += {one: of.value for one, of in fields.items()} == dict(clip.fields)
    for condition, counts in right.items():
        print(f"{name} {condition}: of {counts['clips']} read right {counts['alone']}, with sounds {counts['helped']}")


def main() -> None:
    """Fit, unless only the shipped tables are to be tried; print how many clips are read right with it."""
    parser = make_parser("lab.bench.word_sounds", __doc__)
    parser.add_argument("manifests", nargs="*", type=Path, metavar="MANIFEST")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the tables there")
    parser.add_argument("--shipped", action="store_true", help="try the shipped tables, and fit nothing")
    options = parser.parse_args()
    alone = _Hearing()
    if options.shipped:
        found = load_sounds()
    else:
        random = np.random.default_rng(1)
        recordings = (one for voice in VOICES for one in _record(voice, alone))
        rows = [row for recording in recordings for row in _measure_words(recording, random)]
        often = {word for word, count in Counter(said for said, _ in rows).items() if count >= _FEWEST}
        kept = [(said, row) for said, row in rows if said in often]
        found = fit_sounds(np.array([row for _, row in kept]), [said for said, _ in kept])
        print(f"fitted on {len(kept)} of {len(rows)} measures, of {len(often)} words by {len(VOICES)} voices")
    if options.write:
        for name, table in ((WORDS_TABLE, found.words), (LETTERS_TABLE, found.letters)):
            (options.write / name).write_text(format_table(table), encoding="utf-8")
    helped = _Hearing(found)
    for manifest in options.manifests:
        _print_read(manifest.parent.name, clips_of_half(read_manifest(manifest), SpeakerHalf.REPORT), alone, helped)


if __name__ == "__main__":
    main()
