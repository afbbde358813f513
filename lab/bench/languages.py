"""Measures German, Spanish, French and Italian: `python -m lab.bench.languages [--language de]`.

Voices of `lab.bench.language_voices` speak the sentences of `tests/data/speech/languages` in turn: each frame of
pallet-move so many times with other values, and the library's sentences once. `--make FOLDER` only writes recordings
and a manifest for each language, for `dockvoice evaluate`. Recordings are cached in `.cache/languages`. Needs
`pip install -e ./protocol -e . -e './lab[voices]'`, npm, and `dockvoice models get whisper-base`.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

from num2words import num2words

from dockvoice_protocol.config import load_settings
from edge.config import RecogniserKind, Settings
from lab.bench.command import REPOSITORY, evaluate_sources, make_parser, print_results
from lab.bench.language_voices import FITTED, VOICES, synthesise
from lab.bench.voices import keep_recording
from lab.evaluate import load_clip_sources, mix_clips_with_noise
from lab.report.comparing import Table, format_share
from lab.report.goals import tabulate_causes_of_not_right
from lab.report.lines import ClipLine
from lab.report.measures import count_marks, group_by
from lab.scoring import Clip, Mark

SENTENCES = REPOSITORY / "tests" / "data" / "speech" / "languages"
_KEPT = REPOSITORY / ".cache" / "languages"

SEED = 35
_TIMES = 2  # So often each frame is said: 24 frames and 27 sentences are 75 clips.

_PAIRED = 0.25  # The share of numbers of four figures that are said in pairs, as of the development set.

_LENGTHS = (3, 3, 4, 4, 4, 5)  # Figures of a pallet's number, of which one is drawn.

_MOST, _SELDOM_MORE = 99, 480
_MORE = 0.15  # The share of counts above _MOST.

_NOISE_DB = (10,)

_Said = tuple[str, str, dict[str, Any]]  # A form, a sentence, and its entry.


def load_sentences(language: str, times: int = _TIMES) -> tuple[_Said, ...]:
    """The sentences of a language: each frame `times` times with values drawn by SEED, and those of the library."""
    wordings = tomllib.loads((SENTENCES / f"{language}.toml").read_text(encoding="utf-8"))
    random = Random(f"{SEED} {language}")  # noqa: S311 - chance, not secrecy
    framed = [_fill(frame, wordings, language, random) for frame in wordings["frames"] * times]
    library = [(form, text, entry) for form, said in wordings["sentences"].items() for text, entry in said.items()]
    return tuple(random.sample([*framed, *library], len(framed) + len(library)))


def _fill(frame: str, wordings: Mapping[str, Any], language: str, random: Random) -> _Said:
    digits = "".join(random.choices("0123456789", k=random.choice(_LENGTHS)))
    dock = random.choice(list(wordings["docks"]))
    count = random.randint(_MOST + 1, _SELDOM_MORE) if random.random() < _MORE else random.randint(2, _MOST)
    count += count % 10 == 1  # "veintiuna cajas", "einundzwanzig": what a one becomes is the language's own affair
    pairs = (digits[:2], digits[2:])
    if len(digits) == 4 and random.random() < _PAIRED and all(pair[0] not in "0" for pair in pairs):  # noqa: PLR2004 - pairs
        said = " ".join(num2words(int(pair), lang=language) for pair in pairs)
    else:
        said = " ".join(wordings["figures"][int(digit)] for digit in digits)
    text = frame.format(p=said, n=num2words(count, lang=language), d=random.choice(wordings["docks"][dock]))
    return "pallet-move", text[0].upper() + text[1:], {"pallet_id": digits, "quantity": count, "dock": dock}


def make_clips(language: str, times: int = _TIMES) -> tuple[Clip, ...]:
    """A clip of each sentence; the voices take turns."""
    said = load_sentences(language, times)
    return tuple(_make_clip(language, voice, *one) for one, voice in zip(said, cycle(VOICES[language]), strict=False))


def _make_clip(language: str, voice: str, form: str, text: str, entry: dict[str, Any]) -> Clip:
    kokoro = _KEPT / "kokoro"
    audio, end_s = keep_recording(
        _KEPT, f"{voice} {language} {text}", lambda: synthesise(voice, text, language, kokoro)
    )
    return Clip(audio=audio, form=form, fields=entry, condition="clean", speaker=voice, speech_end=end_s, text=text)


def write_set(language: str, clips: Sequence[Clip], folder: Path) -> Path:
    """Copy the clips' recordings to a folder, and write their manifest there; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.jsonl"
    with manifest.open("w", encoding="utf-8") as file:
        for number, clip in enumerate(clips, 1):
            name = f"{language}-{number:03}-clean.flac"
            shutil.copyfile(clip.audio, folder / name)
            copied = clip.model_copy(update={"audio": Path(name)})
            file.write(json.dumps(copied.model_dump(mode="json"), ensure_ascii=False) + "\n")
    return manifest


def tabulate(lines: Sequence[ClipLine], language: str) -> Iterator[Table]:
    """The outcomes by condition, those of voices that were fitted and of others apart, and by voice."""
    halves = group_by(lines, lambda one: f"{'fitted' if one.speaker in FITTED[language] else 'others'}")
    parts = {"all": lines, **halves}
    rows = [
        _row(f"{language}, {name}: {condition}", some)
        for name, part in parts.items()
        for condition, some in group_by(part, lambda one: one.condition).items()
    ]
    columns = (
        "language: condition",
        "n",
        "right",
        "asked",
        "missed",
        "wrong",
        *_READINGS,
        *(f"{one} %" for one in _READINGS),
    )
    yield Table(f"Language {language}", columns, tuple(rows), f"In brackets: 95 % intervals (Wilson). {_READING_NOTE}")
    voices = group_by(lines, lambda one: f"{one.speaker}: {one.condition}")
    yield Table(
        f"Voices of {language}", ("voice: condition", *columns[1:]), tuple(_row(*one) for one in voices.items())
    )


_READINGS: Mapping[str, Callable[[ClipLine], bool]] = {
    "read right": lambda one: one.would_be_right,
    "misread": lambda one: one.is_complete and not one.would_be_right,
}
_READING_NOTE = "Read right, misread: each field has one value, and all are as they were said, or not all are."


def _row(name: str, lines: Sequence[ClipLine]) -> tuple[str, ...]:
    counted = count_marks(lines)
    marks = [counted[mark] for mark in (Mark.RIGHT, Mark.ASKED, Mark.MISSED, Mark.WRONG)]
    read = [sum(map(reading, lines)) for reading in _READINGS.values()]
    shares = (format_share(count, len(lines)) for count in read)
    return name, *map(str, (len(lines), *marks, *read)), *shares


def main() -> None:
    """Make the sets, or measure them; print figures, and on standard error each clip that was not right."""
    parser = make_parser("lab.bench.languages", __doc__)
    parser.add_argument("--language", action="append", choices=[*VOICES], help="default: all; may be given again")
    parser.add_argument("--times", type=int, default=_TIMES, help="how often each frame is said")
    parser.add_argument("--first", type=int, help="only so many sentences of each language")
    parser.add_argument("--make", type=Path, metavar="FOLDER", help="write a set of each language there, and end")
    parser.add_argument("--in-noise", type=int, nargs="*", default=_NOISE_DB, metavar="DB", help="default: 10")
    parser.add_argument("--details", type=Path, metavar="FOLDER", help="for a file of JSON lines of each language")
    options = parser.parse_args()
    for language in options.language or VOICES:
        clips = make_clips(language, options.times)[: options.first]
        if options.make is not None:
            print(write_set(language, clips, options.make / language))
            continue
        # By this name of vosk's the device knows the language; its weights are not asked for.
        understand = {"engine": RecogniserKind.WHISPER, "model": f"small-{language}"}
        settings = load_settings(Settings, None, speak={"language": language}, understand=understand)
        sounds = [*load_clip_sources(clips), *mix_clips_with_noise(clips, options.in_noise)]
        sounds.sort(key=lambda one: one.clip.form)
        lines = evaluate_sources(settings, sounds)
        details = options.details and options.details / f"{language}.jsonl"
        print_results(lines, details, *tabulate(lines, language), tabulate_causes_of_not_right(lines))


if __name__ == "__main__":
    main()
