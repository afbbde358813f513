"""Measures docks said as a single letter: `python -m lab.bench.letters [--count N] [--details FILE]`.

Ten synthetic voices speak 200 sentences of the form pallet-move each, drawn by a seed: "pallet four seven two, twelve
units, dock D". In two of three sentences docks A to H are the whole catalogue, in the others every letter is a dock.
Rules were chosen on half of the voices; the other half is counted apart, though one for A and E came of it, too.
Recordings are cached in `.cache/library` and `.cache/languages`. Needs flite, festival and festvox-us-slt-hts, and
`pip install -e ./protocol -e . -e './lab[voices]'`; all of it takes an hour of a processor.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from random import Random
from string import ascii_uppercase
from tempfile import TemporaryDirectory

from dockvoice_protocol.config import load_settings
from edge.config import Settings
from lab.bench.command import REPOSITORY, evaluate_sources, make_parser, print_results
from lab.bench.language_voices import synthesise
from lab.bench.library import cached_recording, tabulate_groups
from lab.bench.voices import keep_recording
from lab.evaluate import load_clip_sources
from lab.report.lines import ClipLine
from lab.scoring import Clip

_CACHE = REPOSITORY / ".cache" / "languages"

COUNT = 200  # Sentences of each voice.

_FEW, _EVERY = "ABCDEFGH", ascii_uppercase  # The letters of the shipped catalogue, and those of the other one.

_RHYMING = ("BCDEG", "BCDEGPTVZ")  # Those said twice as often, in each catalogue: a short consonant tells them apart.

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_COUNTS = {8: "eight", 12: "twelve", 14: "fourteen", 20: "twenty", 35: "thirty-five", 50: "fifty"}
_UNITS = ("units", "boxes", "cases", "pieces")
_SHAPES = (
    "pallet {pallet}, {count} {unit}, dock {letter}.",
    "dock {letter}, pallet {pallet}, {count} {unit}.",
    "pallet {pallet}, dock {letter}, {count} {unit}.",
    "{count} {unit} to dock {letter}, pallet {pallet}.",
    "pallet {pallet} to dock {letter}, {count} {unit}.",
    "okay, pallet {pallet}, {count} {unit} to dock {letter}.",
    "dock {letter}, {count} {unit}, pallet {pallet}.",
    "pallet number {pallet}, quantity {count}, dock {letter}.",
)

_FITTED = ("flite-slt", "flite-kal16", "espeak-f2", "pico/en-us", "kokoro-am_adam/en-us")
_KEPT = ("festival-cmu_us_slt_arctic_hts", "flite-awb", "espeak-m4", "pico/en-gb", "kokoro-bf_lily/en-gb")
"""The voices of each half; behind a slash the accent, for voices that have several."""

HALVES = {**dict.fromkeys(_FITTED, "fitted"), **dict.fromkeys(_KEPT, "kept")}  # The half of each voice.


def draw_sentences(letters: str, rhyming: str, seed: str) -> Iterator[tuple[str, dict[str, str | int]]]:
    """Endless sentences, none twice, with their entries: all letters in turn, shuffled anew each time."""
    drawn: set[str] = set()
    random, shapes = Random(seed), cycle(_SHAPES)  # noqa: S311 - chance, not secrecy
    while True:
        said = [*letters, *rhyming]
        random.shuffle(said)
        for letter, shape in zip(said, shapes, strict=False):
            digits = random.choices(range(1, 10), k=3)
            count = random.choice([*_COUNTS])
            words = " ".join(_WORDS[digit - 1] for digit in digits)
            text = shape.format(pallet=words, count=_COUNTS[count], unit=random.choice(_UNITS), letter=letter)
            if text not in drawn:
                drawn.add(text)
                yield text, {"pallet_id": "".join(map(str, digits)), "quantity": count, "dock": letter}


def make_clips(voice: str, letters: str, count: int) -> Iterator[Clip]:
    """Clips of so many sentences in a voice, spoken on first use."""
    rhyming = _RHYMING[letters == _EVERY]
    for text, fields in islice(draw_sentences(letters, rhyming, f"{voice} {letters}"), count):
        audio, end = voice_recording(voice, text)
        condition = f"docks {letters[0]} to {letters[-1]}"
        yield Clip(audio=audio, fields=fields, condition=condition, speaker=voice, speech_end=end, text=text)


def voice_recording(voice: str, text: str) -> tuple[Path, float]:
    """The recording, and where its speech ends, seconds."""
    name, _, accent = voice.partition("/")
    if not accent:
        return cached_recording(name, text)
    weights = _CACHE / "kokoro"
    return keep_recording(_CACHE, f"{voice} {text}", lambda: synthesise(name, text, accent, weights))


def evaluate_letters(settings: Settings, voices: Sequence[str], count: int) -> Iterator[ClipLine]:
    """Evaluate a third of each voice's sentences with a dock of every letter, the others with docks A to H."""
    every = count // 3
    for voice in voices:
        clips = (make_clips(voice, _FEW, count - every), make_clips(voice, _EVERY, every))
        with TemporaryDirectory(prefix="dockvoice-letters-") as folder:
            Path(folder, "docks.csv").write_text("value\n" + "".join(f"{one}\n" for one in _EVERY), encoding="utf-8")
            forms = settings.forms.model_copy(update={"catalogue": Path(folder)})
            other = settings.model_copy(update={"forms": forms})
            for some, catalogue in zip(clips, (settings, other), strict=True):
                yield from evaluate_sources(catalogue, load_clip_sources([*some]))
        print(f"{voice}: done", file=sys.stderr, flush=True)


def main() -> None:
    """Print figures by half and voice, and on standard error each clip that was not right."""
    parser = make_parser("lab.bench.letters", __doc__)
    parser.add_argument("--count", type=int, default=COUNT, metavar="N", help=f"sentences of a voice; default {COUNT}")
    parser.add_argument("--voice", action="append", choices=[*HALVES], help="default: all; may be given again")
    parser.add_argument("--details", type=Path, metavar="FILE", help="a JSON line for each clip")
    options = parser.parse_args()
    lines = [*evaluate_letters(load_settings(Settings, None), options.voice or [*HALVES], options.count)]
    print_results(
        lines,
        options.details,
        tabulate_groups("Letters by half", lines, lambda one: f"{HALVES[one.speaker or '']} voices"),
        tabulate_groups("Letters by voice", lines, lambda one: f"{one.speaker}: {one.condition}"),
    )


if __name__ == "__main__":
    main()
