"""Measures what is recorded while no one dictates: `python -m lab.bench.nothing_said [--hours H]`.

Sound is generated noise of every kind, silence, babble (four reversed voices at once) and colleagues who talk near the
microphone: the clips' chatter, and synthesised random sentences. Each minute has its own seed and loudness, derived
from `--seed`. Printed are utterances detected, entries recorded, CPU time, and the upper 95 % bound of entries per hour
(Poisson), of this run and, with `--tally`, of all runs in that file. Exits with 1 if anything was recorded.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random

import numpy as np

from dockvoice_protocol.config import load_settings
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.ports import Source
from edge.records import Outcome
from edge.speak.voices import EspeakVoice
from lab.bench.command import REPOSITORY, make_parser
from lab.evaluate import MADE_S, VOICES, ClipSource
from lab.evaluate_command import evaluate_with_progress
from lab.noises import (
    BABBLE,
    LEVEL,
    LOUDNESS_DB,
    NOISE_KINDS,
    RATE,
    SILENCE,
    GeneratedNoise,
    Sound,
    active_rms,
    limit_peak,
    read_all_samples,
)
from lab.operator_speech import SyntheticSpeech, say
from lab.report.comparing import Table, to_markdown
from lab.report.statistics import poisson_upper_bound
from lab.scoring import Clip, ClipResult, read_manifest

_SET = REPOSITORY / "tests" / "data" / "speech" / "set" / "manifest.jsonl"
_WORDS = REPOSITORY / "tests" / "data" / "common_words.txt"

_TALK = "talk"

_SAID = 60  # Number of synthesised sentences, besides the clips' chatter.

_SPEAKERS = ("", "m3", "m4", "m5", "f1", "f2")  # Variants of espeak-ng's voice.

_LENGTHS = (3, 12)  # Minimum and maximum words of a random sentence.

_PAUSES_S = (0.2, 4.0)  # Minimum and maximum pause between two sentences of one talker.

_FAINTER_DB = (0.0, 15.0)  # Attenuation of the second, more distant talker, dB.


@dataclass(frozen=True, slots=True)
class SilenceTotals:
    """Totals for one kind of sound."""

    kind: str
    hours: float
    utterances: int
    asked: int  # Utterances that were neither recorded nor ignored.
    recorded: int
    processor_s: float


def mix_talkers(sayings: Sequence[Sound], seed: int) -> Sound:
    """Mix a minute of two talkers, partly overlapping; the seed draws sentences, pauses and loudness."""
    random = Random(seed)  # noqa: S311 - chance, not secrecy
    sound = np.zeros(round(MADE_S * RATE))
    for loudness_db in (0.0, -random.uniform(*_FAINTER_DB)):
        at = round(random.uniform(*_PAUSES_S) * RATE)
        while at < len(sound):
            said = random.choice(sayings)[: len(sound) - at]
            sound[at : at + len(said)] += said * 10 ** (loudness_db / 20)
            at += len(said) + round(random.uniform(*_PAUSES_S) * RATE)
    return limit_peak(sound * LEVEL * 10 ** (random.uniform(*LOUDNESS_DB) / 20))


def _colleague_speech(clips: Sequence[Clip], seed: int) -> list[Sound]:
    """Speech of colleagues at equal loudness: the chatter of the clips, and synthesised sentences."""
    chatter = [read_all_samples(RecordedSource(clip.audio)) for clip in clips if clip.condition.startswith("chatter")]
    lines = _WORDS.read_text(encoding="utf-8").splitlines()
    made = asyncio.run(_synthesise_all(_random_sentences([line for line in lines if not line.startswith("#")], seed)))
    return [one / active_rms(one) for one in (*chatter, *made)]


def _random_sentences(words: Sequence[str], seed: int) -> list[str]:
    """Sentences of randomly chosen words."""
    random = Random(seed)  # noqa: S311 - chance, not secrecy
    return [" ".join(random.choices(words, k=random.randint(*_LENGTHS))) for _ in range(_SAID)]


async def _synthesise_all(texts: Sequence[str]) -> list[Sound]:
    return [
        await say(EspeakVoice(variant=variant), text) for text, variant in zip(texts, cycle(_SPEAKERS), strict=False)
    ]


def _minutes_of_each_kind(hours: float, seed: int) -> Iterator[tuple[str, list[ClipSource]]]:
    """By kind of sound, its minutes of generated clips; another seed gives others."""
    clips = read_manifest(_SET)
    voices = [read_all_samples(RecordedSource(clip.audio)) for clip in clips if clip.condition == "clean"][:VOICES]
    colleagues = _colleague_speech(clips, seed)
    kinds = (SILENCE, *NOISE_KINDS, BABBLE, _TALK)
    minutes = math.ceil(hours * 3600 / MADE_S / len(kinds))
    for kind in kinds:
        some = []
        for number in range(seed * minutes, (seed + 1) * minutes):
            clip = Clip(audio=Path(f"made/{kind}-{number}"), fields=None, condition=kind)
            some.append(
                ClipSource(clip, partial(_generate_source, kind, number, colleagues if kind == _TALK else voices))
            )
        yield kind, some


def _generate_source(kind: str, number: int, voices: Sequence[Sound]) -> Source:
    return (
        SyntheticSpeech(mix_talkers(voices, number), _TALK)
        if kind == _TALK
        else GeneratedNoise(kind, MADE_S, number, voices)
    )


def _measure_kind(settings: Settings, kind: str, some: Sequence[ClipSource]) -> tuple[SilenceTotals, list[ClipResult]]:
    """Evaluate the sounds of one kind; return the totals and the result of each minute."""
    began = time.process_time()
    results = [one.result for one in evaluate_with_progress(settings, some, doing=kind)]
    outcomes = [one.verdict.outcome for result in results for one in result.decisions]
    recorded = outcomes.count(Outcome.ACCEPT)
    asked = len(outcomes) - recorded - outcomes.count(Outcome.IGNORE)
    hours = sum(one.audio_s for one in results) / 3600
    return SilenceTotals(kind, hours, len(outcomes), asked, recorded, time.process_time() - began), results


def tabulate_kinds(found: Sequence[SilenceTotals]) -> Table:
    """Detections without dictation, a row for each kind of sound, and a total."""
    rows = tuple(
        (
            one.kind,
            f"{one.hours:.2f}",
            str(one.utterances),
            str(one.asked),
            str(one.recorded),
            f"{poisson_upper_bound(one.recorded) / one.hours:.1f}",
            f"{one.processor_s / one.hours:.0f}",
        )
        for one in (*found, _sum_totals(found))
    )
    columns = ("sound", "hours", "utterances", "asked", "recorded", "recorded an hour, at most", "processor s an hour")
    return Table(
        "Where nobody dictates", columns, rows, "At most: with 95 % confidence (Poisson; of none, 3 by hours)."
    )


def _sum_totals(found: Sequence[SilenceTotals]) -> SilenceTotals:
    """The totals of all kinds of sound."""
    return SilenceTotals(
        "together", *(sum(column) for column in zip(*(astuple(one)[1:] for one in found), strict=True))
    )


def summarise_tally(tally: Path) -> str:
    """Sum up all runs that a tally file records."""
    lines = [json.loads(line) for line in tally.read_text(encoding="utf-8").splitlines()]
    hours, recorded = (sum(line[name] for line in lines) for name in ("hours", "recorded"))
    most = poisson_upper_bound(recorded) / hours
    return f"{len(lines)} runs, {hours:.1f} hours in all: {recorded} recorded, at most {most:.2f} an hour"


def main() -> None:
    """Evaluate the sounds and print the totals."""
    parser = make_parser("lab.bench.nothing_said", __doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="in all, each kind as much; default 1")
    parser.add_argument("--seed", type=int, default=1, help="of this run; another one makes other sound")
    parser.add_argument("--tally", type=Path, metavar="FILE", help="add this run to those that the file remembers")
    options = parser.parse_args()
    settings = load_settings(Settings, None)
    found = []
    for kind, some in _minutes_of_each_kind(options.hours, options.seed):
        came, results = _measure_kind(settings, kind, some)
        found.append(came)
        for result in results:
            for one in result.decisions:
                if one.verdict.outcome is Outcome.ACCEPT:
                    print(f"RECORDED in {result.clip.audio}: {one.reading.transcript!r} as {dict(one.verdict.fields)}")
    print(to_markdown(tabulate_kinds(found)))
    if options.tally:
        with options.tally.open("a", encoding="utf-8") as file:
            every = _sum_totals(found)
            totals = {
                "hours": round(every.hours, 4),
                "recorded": every.recorded,
                "processor_s": round(every.processor_s, 1),
            }
            file.write(json.dumps({"seed": options.seed, **totals}) + "\n")
        print(summarise_tally(options.tally))
    sys.exit(1 if any(one.recorded for one in found) else 0)


if __name__ == "__main__":
    main()
