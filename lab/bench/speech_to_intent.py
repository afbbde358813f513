"""Orders of people in noise, beside published figures: `python -m lab.bench.speech_to_intent [--source REPOSITORY]`.

The set is the speech-to-intent benchmark of Picovoice (https://github.com/Picovoice/speech-to-intent-benchmark,
Apache-2.0): 619 orders at a coffee shop by more than 50 people, in noise of a kitchen and of a café. It is cloned on
first use into `.cache/speech-to-intent`, or taken from `--source`, a checkout or a git directory. The clips are mixed
as its `src/mix.py` does, with a seed, and written with a manifest that `dockvoice evaluate` reads, and heard with the
form `tests/data/forms/barista.schema.json`. A noise whose recording the source lacks is left out, and reported.

Theirs is the share of commands of which every labelled slot was understood. Ours is the share recorded at once, which
also asks that no other slot was read; "as they count" adds the orders that were read right, but asked about.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile

from dockvoice_protocol.config import load_settings
from edge.config import Settings
from edge.records import SAMPLE_RATE
from lab.bench.command import REPOSITORY, evaluate_sources, make_parser, print_results
from lab.evaluate import load_clip_sources
from lab.noises import Sound
from lab.report.comparing import NONE, Table, format_share
from lab.report.goals import tabulate_causes_of_not_right
from lab.report.lines import ClipLine, write_lines
from lab.report.measures import count_marks, group_by, group_by_condition
from lab.report.statistics import speaker_half
from lab.scoring import Mark, read_manifest

FORMS = REPOSITORY / "tests" / "data" / "forms"
FORM = "barista"
_KEPT = REPOSITORY / ".cache" / "speech-to-intent"
_PUBLIC = "https://github.com/Picovoice/speech-to-intent-benchmark.git"

FIELDS = {
    "size": "size",
    "roast": "roast",
    "numberOfShots": "number_of_shots",
    "coffeeDrink": "coffee_drink",
    "milkAmount": "milk_amount",
    "sugarAmount": "sugar_amount",
}
"""The form's fields, by the benchmark's slots."""

CLEAN = "clean"
NOISES = ("cafe", "kitchen")
SNRS_DB = (24, 21, 18, 15, 12, 9, 6)  # The benchmark's signal-to-noise ratios, dB.

PUBLISHED: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "Picovoice Rhino": {"cafe": (99, 99, 98, 98, 98, 96, 91), "kitchen": (99, 99, 99, 99, 98, 97, 96)},
    "Microsoft LUIS": {"cafe": (93, 93, 91, 90, 89, 85, 83), "kitchen": (93, 93, 92, 91, 90, 89, 86)},
    "IBM Watson": {"cafe": (96, 95, 94, 92, 88, 76, 50), "kitchen": (96, 95, 95, 93, 89, 84, 72)},
    "Amazon Lex": {"cafe": (87, 87, 87, 87, 84, 82, 71), "kitchen": (88, 87, 87, 87, 85, 84, 80)},
    "Google Dialogflow": {"cafe": (82, 83, 82, 79, 76, 70, 63), "kitchen": (83, 82, 81, 80, 78, 78, 70)},
}
"""Command acceptance in % at `SNRS_DB`, by engine and noise: `src/plot.py` of the benchmark at commit 47b1ca63."""

_FRAME = 2048  # Samples of a frame of `mix`, as in the benchmark.


def mix(speech: Sound, noise: Sound, snr_db: float) -> Sound:
    """Speech in noise as the benchmark mixes it; both have the same length, at least one frame of 2048 samples.

    The ratio is that of the loudest frame of the speech to the loudest frame of the noise. The peak is then half of
    full scale.
    """
    scale = np.sqrt(_loudest_frame(speech) / (_loudest_frame(noise) * 10 ** (snr_db / 10)))
    mixed = speech + scale * noise
    return np.asarray(mixed / (2 * np.abs(mixed).max()))


def _loudest_frame(sound: Sound) -> float:
    """The energy of the loudest frame."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return float((frames**2).sum(axis=1).max())


def mix_clip(name: str, speech: Sound, noise: Sound, snr_db: int) -> Sound:
    """A clip in a stretch of the noise that is chosen by its name and the ratio: the same in every run."""
    seed = int.from_bytes(sha256(f"{name} {snr_db}".encode()).digest()[:8])
    start = int(np.random.default_rng(seed).integers(len(noise) - len(speech)))
    return mix(speech, noise[start : start + len(speech)], snr_db)


def entry_of(slots: Mapping[str, str]) -> dict[str, str]:
    """The form's fields of a label's slots. Raises KeyError for an unknown slot."""
    return {FIELDS[name]: value.strip() for name, value in slots.items()}  # some values begin with a blank


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """The benchmark's files: a checkout, or a git directory without one."""

    place: Path

    def read(self, path: str) -> bytes | None:
        """A file's content; None where the source lacks it."""
        if (self.place / "data").is_dir():
            file = self.place / path
            return file.read_bytes() if file.is_file() else None
        shown = subprocess.run(  # noqa: S603
            ["git", "--git-dir", self.place, "show", f"HEAD:{path}"],  # noqa: S607
            capture_output=True,
            check=False,
        )
        return shown.stdout if shown.returncode == 0 else None

    def sound(self, path: str) -> Sound | None:
        """A recording's samples, full scale being -1 to 1; None where the source lacks it."""
        if (content := self.read(path)) is None:
            return None
        samples, rate = soundfile.read(io.BytesIO(content))
        if rate != SAMPLE_RATE:
            raise ValueError(f"{path}: has {rate} samples a second; the benchmark's have {SAMPLE_RATE}")
        return np.asarray(samples, np.float64)


def _clone() -> DatasetFiles:
    """The public repository, cloned on first use."""
    place = _KEPT / "repository"
    if not place.is_dir():
        part = place.with_suffix(".part")
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", _PUBLIC, part], check=True)  # noqa: S603, S607
        part.rename(place)
    return DatasetFiles(place)


def write_set(
    source: DatasetFiles,
    noise: str | None,
    snrs_db: Sequence[int],
    names: Sequence[str],
    target: Path,
    *,
    deal: bool = False,
) -> Path:
    """Write the clips of these names, clean (`noise` None) or in noise at each ratio, and a manifest; return its path.

    With `deal`, each clip is in noise at one of the ratios only; the ratios take turns. Raises ValueError where the
    source lacks the noise.
    """
    under = None if noise is None else source.sound(f"data/noise/{noise}.wav")
    if noise is not None and under is None:
        raise ValueError(f"data/noise/{noise}.wav: the source lacks it")
    labels = load_labels(source)
    target.mkdir(parents=True, exist_ok=True)
    lines = []
    for at, name in enumerate(names):
        ratios = (snrs_db[at % len(snrs_db)],) if deal else snrs_db
        speech = source.sound(f"data/speech/clean/{name}")
        if speech is None:
            raise ValueError(f"data/speech/clean/{name}: the source lacks it")
        for snr_db in (None,) if under is None else ratios:
            mixed = speech if under is None or snr_db is None else mix_clip(name, speech, under, snr_db)
            condition = CLEAN if snr_db is None else f"{noise} {snr_db} dB"
            file = target / f"{Path(name).stem} {condition}.flac"
            soundfile.write(file, mixed, SAMPLE_RATE, "PCM_16")
            line = {"audio": file.name, "form": FORM, "fields": labels[name], "condition": condition, "speaker": name}
            lines.append(json.dumps(line | {"noise": noise}))
    manifest = target / "manifest.jsonl"
    manifest.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    return manifest


def load_labels(source: DatasetFiles) -> dict[str, dict[str, str]]:
    """The form's fields of each labelled clip, by its file name. Raises ValueError where the source has no labels."""
    if (content := source.read("data/label/label.json")) is None:
        raise ValueError(f"{source.place}: has no data/label/label.json; name a checkout of {_PUBLIC}")
    return {name: entry_of(label["slots"]) for name, label in json.loads(content).items()}


def choose_clips(source: DatasetFiles, count: int | None, half: str | None) -> tuple[str, ...]:
    """The first `count` of the set's clips by a hash of their names, of one half by another hash; None: all."""
    present = (name for name in load_labels(source) if source.read(f"data/speech/clean/{name}") is not None)
    of_half = (name for name in present if half is None or speaker_half(name) == half)
    return tuple(sorted(of_half, key=lambda name: sha256(f"clip {name}".encode()).digest())[:count])


def tabulate(lines: Sequence[ClipLine]) -> Table:
    """A row for each condition, for each noise, and for each half of the clips in noise; beside the published."""
    rows = [_row(name, some, _published(name)) for name, some in group_by_condition(lines).items()]
    noisy = [one for one in lines if one.noise is not None]
    for noise, some in group_by(noisy, lambda one: one.noise).items():
        measured = {one.condition for one in some}
        each = [figures for name in measured if (figures := _published(name))]
        rows.append(_row(f"{noise}, all", some, tuple(sum(column) / len(each) for column in zip(*each, strict=True))))
    for half, some in group_by(lines, lambda one: f"{speaker_half(str(one.speaker))} half").items():
        rows.append(_row(half, some, ()))
    columns = ("condition", "n", "right", "asked", "wrong", "right %", "as they count %", "wrong %", *PUBLISHED)
    return Table("Speech to intent", columns, tuple(rows), "In brackets: 95 % intervals (Wilson).")


def _published(condition: str) -> tuple[float, ...]:
    """The published figures of a condition, by engine; none for clean speech."""
    noise, _, snr = condition.partition(" ")
    if not snr:
        return ()
    at = SNRS_DB.index(int(snr.removesuffix(" dB")))
    return tuple(of[noise][at] for of in PUBLISHED.values())


def _row(name: str, lines: Sequence[ClipLine], published: Sequence[float]) -> tuple[str, ...]:
    counted, of = count_marks(lines), len(lines)
    right, wrong = counted[Mark.RIGHT], counted[Mark.WRONG]
    understood = right + sum(one.mark in {Mark.ASKED, Mark.MISSED} and one.would_be_right for one in lines)
    shares = (format_share(hits, of) for hits in (right, understood, wrong))
    published_shares = [f"{share:.3g}" for share in published] or [NONE] * len(PUBLISHED)
    return name, str(of), str(right), str(of - right - wrong), str(wrong), *shares, *published_shares


def evaluate_set(settings: Settings, manifest: Path) -> tuple[ClipLine, ...]:
    """The line of each clip of a manifest, evaluated with the form of the benchmark."""
    of_forms = settings.model_copy(update={"forms": settings.forms.model_copy(update={"directory": FORMS})})
    return evaluate_sources(of_forms, load_clip_sources(read_manifest(manifest)))


def main() -> None:
    """Hear the clips clean and in each noise; print the table, and on standard error what was not right."""
    parser = make_parser("lab.bench.speech_to_intent", __doc__)
    parser.add_argument("--source", type=Path, help="a checkout of the benchmark, or its git directory")
    parser.add_argument("--noise", action="append", choices=[CLEAN, *NOISES], help="default: all; may be given again")
    parser.add_argument("--snr", default=",".join(map(str, SNRS_DB)), metavar="DB[,DB]", help="default: as published")
    parser.add_argument("--clips", type=int, metavar="COUNT", help="only so many, chosen by a hash of their names")
    parser.add_argument("--deal", action="store_true", help="each clip at one of the ratios only, in turn")
    parser.add_argument("--half", choices=["train", "report"], help="only one half of the clips, by a hash")
    parser.add_argument("--details", type=Path, metavar="FILE", help="a JSON line for each clip")
    options = parser.parse_args()
    if unknown := set(options.snr.split(",")) - set(map(str, SNRS_DB)):
        parser.error(f"--snr {', '.join(sorted(unknown))}: nothing is published for it; allowed: {SNRS_DB}")
    snrs_db = [int(one) for one in options.snr.split(",")]
    settings = load_settings(Settings, None)
    try:
        source = _clone() if options.source is None else DatasetFiles(options.source)
        names = choose_clips(source, options.clips, options.half)
    except (OSError, subprocess.CalledProcessError) as fault:
        parser.error(f"the set cannot be fetched or read ({fault}); name a checkout of it by --source")
    except ValueError as fault:
        parser.error(str(fault))
    lines: list[ClipLine] = []
    for noise in options.noise or (CLEAN, *NOISES):
        if noise != CLEAN and source.read(f"data/noise/{noise}.wav") is None:
            print(f"{noise}: not measured: the source lacks data/noise/{noise}.wav", file=sys.stderr, flush=True)
            continue
        manifest = write_set(
            source, None if noise == CLEAN else noise, snrs_db, names, _KEPT / noise, deal=options.deal
        )
        lines += (found := evaluate_set(settings, manifest))
        right = {name: count_marks(some)[Mark.RIGHT] for name, some in group_by_condition(found).items()}
        print(f"{noise}: right of {len(names)}: {right}", file=sys.stderr, flush=True)
        if options.details is not None:
            write_lines(options.details, lines)
    print_results(lines, None, tabulate(lines), tabulate_causes_of_not_right(lines))


if __name__ == "__main__":
    main()
