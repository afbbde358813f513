"""How well each form of the library is heard: `python -m lab.bench.library [--form NAME] [--noise-only] [--json]`.

Voices say the sentences of `tests/data/speech/library/sentences.toml`, one each and in turn; each clip goes the
production way twice, clean and in made noise at 20 dB. What was said before is kept in `.cache/library`. Needs Debian's
flite, festival and festvox-us-slt-hts, and the recogniser's weights.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import soundfile
import soxr

from edge.config import Settings, load
from edge.records import SAMPLE_RATE, FieldValue
from lab.evaluate import evaluate, in_noise, recorded
from lab.noises import Sound
from lab.operator_speech import AFTER_S, BEFORE_S
from lab.report.comparing import Table, markdown, percent
from lab.report.goals import GOALS, shortfall
from lab.report.lines import Line, line, write_lines
from lab.report.measures import by_condition, grouped, marks
from lab.report.statistics import wilson
from lab.scoring import Clip, Mark

REPOSITORY = Path(__file__).parents[2]
SENTENCES = REPOSITORY / "tests" / "data" / "speech" / "library" / "sentences.toml"
KEPT = REPOSITORY / ".cache" / "library"

NOISE_DB = 20
"""Speech above the made noise, of the second hearing."""

SILENT = 0.01
"""Of the loudest sample: softer is no speech, at the beginning and the end of what a voice says."""

Sentences = Mapping[str, Mapping[str, Mapping[str, FieldValue]]]


def sentences() -> Sentences:
    """By form, each sentence with the entry it makes."""
    read: Sentences = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))
    return read


def _flite(name: str, text: str) -> Sound:
    return _written(["flite", "-voice", name, "-t", text])


def _festival(name: str, text: str) -> Sound:
    return _written(["text2wave", "-eval", f"(voice_{name})"], text)


def _written(command: Sequence[str], text: str = "") -> Sound:
    """What a program writes to the file behind its option `-o`."""
    with NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run([*command, "-o", file.name], input=text.encode(), capture_output=True, check=True)  # noqa: S603
        samples, rate = soundfile.read(file.name)
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float64)


VOICES: Mapping[str, Callable[[str], Sound]] = {
    "flite-slt": partial(_flite, "slt"),
    "festival-slt": partial(_festival, "cmu_us_slt_arctic_hts"),
    "flite-awb": partial(_flite, "awb"),
    "flite-kal16": partial(_flite, "kal16"),
}
"""Who speaks, in turn: those of whom the recogniser hears at least 80 % of sentences of the form pallet-move, clean and
at 20 dB together (`docs/accuracy.md` has the others' figures)."""


def clips(form: str, said: Mapping[str, Mapping[str, FieldValue]]) -> Iterator[Clip]:
    """The sentences of a form as clips, each in the voice whose turn it is."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for (text, fields), voice in zip(said.items(), cycle(VOICES), strict=False):
        audio = KEPT / f"{sha256(f'{voice} {text}'.encode()).hexdigest()[:16]}.flac"
        if not audio.exists():
            _keep(audio, VOICES[voice](text))
        seconds = soundfile.info(audio).duration
        yield Clip(
            audio=audio,
            form=form,
            fields=dict(fields),
            condition="clean",
            speaker=voice,
            speech_end=seconds - AFTER_S,
            text=text,
        )


def _keep(audio: Path, said: Sound) -> None:
    """The speech between silences, whole or not at all."""
    loud = np.flatnonzero(np.abs(said) > SILENT * np.abs(said).max())
    silence = (round(seconds * SAMPLE_RATE) for seconds in (BEFORE_S, AFTER_S))
    part = audio.with_suffix(".part")
    soundfile.write(part, np.pad(said[loud[0] : loud[-1]], tuple(silence)), SAMPLE_RATE, "PCM_16", format="FLAC")
    part.replace(audio)


def heard(
    settings: Settings, form: str, said: Mapping[str, Mapping[str, FieldValue]], *, noise_only: bool
) -> tuple[Line, ...]:
    """What came of the sentences of a form, clean and in noise."""
    clean = tuple(clips(form, said))
    sounds = [*(() if noise_only else recorded(clean)), *in_noise(clean, [NOISE_DB])]
    return tuple(line(one.result) for one in asyncio.run(evaluate(settings, sounds, lambda: None)))


def by_form(lines: Sequence[Line]) -> Table:
    """A row for each form and condition, held against the goal."""
    rows = (
        _row(f"{form}: {condition}", condition, some)
        for form, of_form in grouped(lines, lambda one: one.form).items()
        for condition, some in by_condition(of_form).items()
    )
    columns = ("form: condition", "n", "right", "asked", "wrong", "right %", "wrong %", "goal")
    return Table("The library", columns, tuple(rows), "In brackets: 95 % intervals (Wilson).")


def by_voice(lines: Sequence[Line]) -> Table:
    """A row for each voice."""
    rows = (_row(str(voice), None, some) for voice, some in grouped(lines, lambda one: one.speaker).items())
    columns = ("voice", "n", "right", "asked", "wrong", "right %", "wrong %")
    return Table("The library by voice", columns, tuple(rows))


def _row(name: str, condition: str | None, lines: Sequence[Line]) -> tuple[str, ...]:
    counted = marks(lines)
    right, wrong = counted[Mark.RIGHT], counted[Mark.WRONG]
    shares = percent(wilson(right, len(lines))), percent(wilson(wrong, len(lines)))
    told = () if condition is None else ("met" if meets(condition, lines) else "missed",)
    return name, *map(str, (len(lines), right, len(lines) - right - wrong, wrong)), *shares, *told


def meets(condition: str, lines: Sequence[Line]) -> bool:
    """Whether as many are right, and as few wrong, as the goal of the condition says."""
    counted, goal = marks(lines), GOALS[condition]
    of = len(lines) / 100
    return counted[Mark.RIGHT] >= goal.right * of and counted[Mark.WRONG] <= goal.wrong * of


def amiss(lines: Sequence[Line]) -> Iterator[str]:
    """Each clip that was not right, with what was heard."""
    for one in lines:
        if one.mark is not Mark.RIGHT:
            yield f"{one.mark} ({one.form}, {one.condition}, {one.speaker}): {one.text}"
            for each in one.heard:
                yield f"    {each.transcript}  {each.verdict} {each.ask or ''} {' '.join(each.reasons)}"
                yield f"    { ({name: (read.value, read.confidence) for name, read in each.readings.items()}) }"


def _as_json(lines: Sequence[Line]) -> Mapping[str, Any]:
    return {
        form: {condition: _counts(condition, some) for condition, some in by_condition(of_form).items()}
        for form, of_form in grouped(lines, lambda one: one.form).items()
    }


def _counts(condition: str, lines: Sequence[Line]) -> Mapping[str, Any]:
    counted = marks(lines)
    return {"n": len(lines), **{mark.value: counted[mark] for mark in Mark}, "met": meets(condition, lines)}


def main() -> None:
    """Hear the forms and print the figures; exits with 1 where a goal is missed."""
    said = sentences()
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench.library", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--form", action="append", choices=[*said], help="default: all; may be given again")
    parser.add_argument("--noise-only", action="store_true", help="not clean: half the time")
    parser.add_argument("--json", action="store_true", help="counts as JSON")
    parser.add_argument("--details", type=Path, metavar="FILE", help="a JSON line for each clip")
    asked = parser.parse_args()
    settings = load(Settings, None)
    lines: list[Line] = []
    for form in asked.form or said:
        lines += (found := heard(settings, form, said[form], noise_only=asked.noise_only))
        right = {name: marks(some)[Mark.RIGHT] for name, some in by_condition(found).items()}
        print(f"{form}: right of {len(said[form])}: {right}", file=sys.stderr, flush=True)
    if asked.details is not None:
        write_lines(asked.details, lines)
    if asked.json:
        print(json.dumps(_as_json(lines), indent=2))
    else:
        print("\n".join(map(markdown, (by_form(lines), by_voice(lines), shortfall(lines)))))
        print("\n".join(amiss(lines)))
    raise SystemExit(not all(told["met"] for form in _as_json(lines).values() for told in form.values()))


if __name__ == "__main__":
    main()
