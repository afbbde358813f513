"""Makes and evaluates slow, torn speech: `python -m lab.bench.slow [--kept] [--make-only] [--details FILE]`.

Sentences of the form pallet-move are drawn by a seed. Pauses of 0.3 to 1.5 s part words and numbers; "uh" stands
between digits; numbers are begun anew; zeros are doubled. Each piece is synthesised alone, slowly, and put between
silences. The clips and their manifest are cached in `.cache/slow`. Needs flite, festival and festvox-us-slt-hts.
`--kept`: other sentences by other voices, on which nothing was tuned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.spoken.in_words import BELOW_HUNDRED
from dockvoice_protocol.records import FieldValue
from edge.config import Settings
from edge.records import SAMPLE_RATE
from lab.bench.command import REPOSITORY, evaluate_sources, make_parser, print_results
from lab.bench.library import tabulate_by_voice
from lab.bench.voices import Synthesiser, make_synthesisers, trim
from lab.evaluate import load_clip_sources
from lab.noises import Sound
from lab.operator_speech import AFTER_S, BEFORE_S
from lab.scoring import read_manifest

_KEPT_AT = REPOSITORY / ".cache" / "slow"

_COUNT = 75  # Sentences of each half.

_STRETCH = 1.4  # Factor on the duration of flite's and festival's words.

_ESPEAK_PACE = 0.55  # Times its usual pace: 90 to 100 words a minute.

_LONG, _SHORT = (0.3, 1.5), (0.2, 0.7)
"""Seconds of silence between two parts of a sentence or number, and around a hesitation."""

_HESITATIONS = ("uh", "um", "er")
_DOCKS = {"A": "alpha", "B": "bravo", "C": "charlie", "D": "delta", "E": "echo", "F": "foxtrot", "G": "golf"}
_UNITS = ("units", "boxes", "cases", "cartons")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_Pause = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Piece:
    """Words said in one go, and the silence behind them in seconds."""

    text: str
    pause_s: float


@dataclass(frozen=True, slots=True)
class SlowSentence:
    """A sentence in pieces, its entry, and how its identifier is torn."""

    pieces: tuple[Piece, ...]
    fields: Mapping[str, FieldValue]
    kind: str

    @property
    def text(self) -> str:
        """The words with the silences between them: "pallet two (0.8) seven"."""
        said = " ".join(f"{piece.text} ({piece.pause_s:.1f})" for piece in self.pieces[:-1])
        return f"{said} {self.pieces[-1].text}"


class SlowSpeaker:
    """Draws slow sentences from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - chance, not secrecy

    def sentences(self, count: int) -> Iterator[SlowSentence]:
        """Sentences whose identifiers are torn in each way in turn."""
        ways = (
            self._digit_by_digit,
            self._in_groups,
            self._with_hesitation,
            self._begun_anew,
            self._with_doubled_zero,
            self._in_pairs,
        )
        for way, _ in zip(cycle(ways), range(count), strict=False):
            identifier, pieces = way()
            yield self._sentence(identifier, pieces, way.__name__.strip("_").replace("_", "-"))

    def _sentence(self, identifier: str, number: Sequence[Piece], kind: str) -> SlowSentence:
        choose = self._random.choice
        opening = choose(("pallet", "pallet", "pallet number", "next pallet is", "okay, pallet", "moving pallet"))
        named = [Piece(opening, choose((0.0, self._pause(_LONG)))), *number]
        quantity, counted = self._quantity()
        dock = choose(list(_DOCKS))
        said = choose((dock, _DOCKS[dock], _DOCKS[dock]))
        place = choose(
            (
                [Piece(f"dock {said}", self._pause(_LONG))],
                [Piece("dock", self._pause(_LONG)), Piece(said, self._pause(_LONG))],
                [self._hesitation(), Piece(f"dock {said}", self._pause(_LONG))],
            )
        )
        order = choose(
            ((named, counted, place), (named, counted, place), (place, named, counted), (counted, named, place))
        )
        pieces = [piece for part in order for piece in part]
        fields: dict[str, FieldValue] = {"pallet_id": identifier, "quantity": quantity, "dock": dock}
        return SlowSentence(tuple(self._joined(pieces)), fields, kind)

    @staticmethod
    def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
        """The pieces, those without silence behind them joined with the next."""
        begun = ""
        for piece in pieces:
            if not piece.pause_s:
                begun += f"{piece.text} "
                continue
            yield Piece(begun + piece.text, piece.pause_s)
            begun = ""

    def _digit_by_digit(self) -> tuple[str, list[Piece]]:
        digits = self._digits(3, 6)
        return digits, [Piece(self._spell(one), self._pause(_LONG)) for one in digits]

    def _in_groups(self) -> tuple[str, list[Piece]]:
        digits = self._digits(4, 9)
        return digits, [Piece(self._spell(one), self._pause(_LONG)) for one in self._groups(digits)]

    def _with_hesitation(self) -> tuple[str, list[Piece]]:
        digits = self._digits(3, 6)
        at = self._random.randrange(1, len(digits))
        first, last = self._spell(digits[:at]), self._spell(digits[at:])
        return digits, [Piece(first, self._pause(_SHORT)), self._hesitation(), Piece(last, self._pause(_LONG))]

    def _begun_anew(self) -> tuple[str, list[Piece]]:
        digits = self._digits(3, 5)
        first = self._spell(digits[: self._random.randrange(1, len(digits))])
        again = Piece(self._spell(digits), self._pause(_LONG))
        return digits, [Piece(first, self._pause(_SHORT)), self._hesitation(), again]

    def _with_doubled_zero(self) -> tuple[str, list[Piece]]:
        rest = self._random.choices("123456789", k=self._random.randint(1, 3))
        at = self._random.choice((0, 0, len(rest), self._random.randrange(len(rest) + 1)))
        zeros = self._random.choice(("double oh", "double zero", "oh oh", "zero zero", "double | oh", "oh | oh"))
        said = [*rest[:at], "00", *rest[at:]]
        digits = "".join(said)
        pieces: list[Piece] = []
        for one in said:
            parts = zeros.split(" | ") if one == "00" else [self._spell(one)]
            pieces += [Piece(part, self._random.choice((0.0, self._pause(_LONG)))) for part in parts]
        return digits, [*pieces[:-1], Piece(pieces[-1].text, self._pause(_LONG))]

    def _in_pairs(self) -> tuple[str, list[Piece]]:
        pairs = [str(self._random.randint(11, 99)) for _ in range(self._random.randint(2, 3))]
        said = [(_words(pair) if int(pair) % 10 else self._spell(pair)) for pair in pairs]
        return "".join(pairs), [Piece(one, self._pause(_LONG)) for one in said]

    def _quantity(self) -> tuple[int, list[Piece]]:
        unit = self._random.choice(_UNITS)
        whole = self._random.choice(
            (self._random.randint(2, 19), self._random.randint(21, 99), self._random.randint(101, 199))
        )
        words = _words(str(whole)).split()
        parted = self._random.choice((len(words), len(words), self._random.randint(1, len(words))))
        first, last = " ".join(words[:parted]), " ".join((*words[parted:], unit))
        pieces = [Piece(first, self._pause(_LONG)), Piece(last, self._pause(_LONG))]
        if parted == len(words) and self._random.random() < 2 / 3:
            pieces = [Piece(f"{first} {unit}", self._pause(_LONG))]
        return whole, [self._hesitation(), *pieces] if self._random.random() < 1 / 4 else pieces

    def _digits(self, least: int, most: int) -> str:
        return "".join(self._random.choices("0123456789", k=self._random.randint(least, most)))

    def _groups(self, digits: str) -> Iterator[str]:
        while digits:
            size = self._random.randint(2, 3)
            yield digits[:size]
            digits = digits[size:]

    def _spell(self, digits: str) -> str:
        return " ".join(
            self._random.choice(("oh", "zero")) if digit == "0" else _DIGITS[int(digit)] for digit in digits
        )

    def _hesitation(self) -> Piece:
        return Piece(self._random.choice(_HESITATIONS), self._pause(_SHORT))

    def _pause(self, within: _Pause) -> float:
        return round(self._random.uniform(*within), 2)


def _words(number: str) -> str:
    hundreds, rest = divmod(int(number), 100)
    return f"{BELOW_HUNDRED[hundreds]} hundred and {BELOW_HUNDRED[rest]}" if hundreds else BELOW_HUNDRED[rest]


VOICES = make_synthesisers(
    ("flite-slt", "espeak-m3", "flite-awb", "espeak-plain"), espeak_pace=_ESPEAK_PACE, stretch=_STRETCH
)
KEPT_VOICES = make_synthesisers(
    ("festival-cmu_us_slt_arctic_hts", "espeak-f1", "flite-rms", "espeak-m4"),
    espeak_pace=_ESPEAK_PACE,
    stretch=_STRETCH,
)
"""The voices of the second half: others."""

_SEEDS = (1, 2)


def make_set(folder: Path, voices: Mapping[str, Synthesiser], seed: int, count: int) -> Path:
    """Synthesise the sentences of a seed, the voices in turn; return the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    cached = {name: lru_cache(None)(say) for name, say in voices.items()}
    lines = []
    for at, (sentence, voice) in enumerate(zip(SlowSpeaker(seed).sentences(count), cycle(voices), strict=False)):
        audio = folder / f"{at:03}-{voice}.flac"
        sound = _join_pieces(sentence, cached[voice])
        soundfile.write(audio, sound, SAMPLE_RATE, "PCM_16", format="FLAC")
        line = {
            "audio": audio.name,
            "form": "pallet-move",
            "fields": dict(sentence.fields),
            "condition": "slow",
            "speaker": voice,
            "speech_end": round(len(sound) / SAMPLE_RATE - AFTER_S, 3),
            "text": sentence.text,
            "kind": sentence.kind,
        }
        lines.append(json.dumps(line))
    manifest = folder / "manifest.jsonl"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def _join_pieces(sentence: SlowSentence, say: Synthesiser) -> Sound:
    sounds: list[Sound] = [_silence(BEFORE_S)]
    for piece in sentence.pieces[:-1]:
        sounds += [trim(say(piece.text + ",")), _silence(piece.pause_s)]
    return np.concatenate([*sounds, trim(say(sentence.pieces[-1].text + ".")), _silence(AFTER_S)])


def _silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * SAMPLE_RATE))


def main() -> None:
    """Make the set where it is missing; print figures, and on standard error each clip that was not right."""
    parser = make_parser("lab.bench.slow", __doc__)
    parser.add_argument("--kept", action="store_true", help="the second half: other sentences by other voices")
    parser.add_argument("--count", type=int, default=_COUNT, metavar="N", help=f"sentences; default {_COUNT}")
    parser.add_argument("--make-only", action="store_true", help="print the manifest's place instead")
    parser.add_argument("--details", type=Path, metavar="FILE", help="a JSON line for each clip")
    options = parser.parse_args()
    folder = _KEPT_AT / f"{'kept' if options.kept else 'tuned'}-{options.count}"
    manifest = folder / "manifest.jsonl"
    if not manifest.exists():
        make_set(folder, KEPT_VOICES if options.kept else VOICES, _SEEDS[options.kept], options.count)
    if options.make_only:
        print(manifest)
        return
    sounds = load_clip_sources(read_manifest(manifest))
    lines = evaluate_sources(load_settings(Settings, None), sounds)
    print_results(lines, options.details, tabulate_by_voice(lines))


if __name__ == "__main__":
    main()
