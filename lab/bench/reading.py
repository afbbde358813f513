"""Measures the time to parse utterances into a form's fields: `python -m lab.bench.reading [--runs N]`.

Times are the thread's CPU time. Every input is parsed once and differs from the others, so that caches have no effect.
The alternatives of an utterance are parsed as the agent does: real ones, from two vosk passes over clips (`--clips`),
and harder lists with equal scores and two of twenty words replaced at random. Ranges are 95 % intervals of the true
median and 99th percentile.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory

import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript, sample_sentences
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.forms.spoken.reader import Explained, transcript_words
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.records import FieldValue, NotUnderstood, Reading
from edge.config import Settings
from edge.understand.local.confidence import Alternative, find_likeliest, select_near
from edge.understand.local.factory import locate_vosk_weights
from edge.understand.local.vosk import MOST_ALTERNATIVES, VoskInterpreter
from edge.understand.proposal import read_without_breath
from lab.report.statistics import Z_95

CLIPS = Path("tests/data/speech/set/manifest.jsonl")

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBER_WORDS = (*_DIGITS, *TENS, "eleven", "twelve", "fifteen", "hundred", "thousand", "and", "double", "oh")

_HARDEST = (*_NUMBER_WORDS, *("pallet", "dock", "units", "cases", "no", "not", "to", "of") * 3)
"""Vocabulary of which 200 random words took longest, of a dozen mixes tried."""

_HEARINGS = 2
ALTERNATIVES = _HEARINGS * MOST_ALTERNATIVES
"""Alternatives of one utterance from a recogniser with an n-best list."""

_MANY = 30
"""Distinct alternatives from which a clip is among the hardest: 60 of 321 noisy clips."""

FEWEST = 20
"""Minimum clips for figures."""

WORST_WORDS = 200
"""More words than an utterance of the longest allowed duration can hold."""

_LOCATIONS = "ABCDEFGHIJ"
"""Aisles of the large catalogue, each with a thousand bays."""


Hearings = Sequence[Sequence[Alternative]]
_Job = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Workload:
    """A named sequence of parsing jobs to time."""

    name: str
    jobs: Iterator[_Job]
    """Functions that parse one input each."""
    runs: float = 1.0
    """Share of the runs to spend on it."""


def main() -> None:
    """Time the parser on each workload, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clips", type=Path, nargs="*", default=[CLIPS], help="manifests of recordings for vosk")
    parser.add_argument("--conditions", nargs="*", default=(), help="of these, those in one of these: 10dB 5dB")
    options = parser.parse_args()
    random = Random(options.seed)  # noqa: S311 - chance is seeded on purpose
    with TemporaryDirectory() as scratch:
        works = _build_workloads(Path(scratch), random, options.clips, options.conditions)
    gc.freeze()  # as the agent does once it is ready
    width = max(len(work.name) for work in works)
    print(f"{'ms':<{width}} {'runs':>5} {'first':>9} {'median':>9} {'':>17} {'99 %':>9} {'':>17} {'longest':>9}")
    for work in works:
        first, *ms = map(_time_job_ms, islice(work.jobs, 1 + max(20, round(options.runs * work.runs))))
        ms.sort()
        told = " ".join(
            f"{_percentile(ms, share):>9.2f} {_format_percentile_range(ms, share):>17}" for share in (0.5, 0.99)
        )
        print(f"{work.name:<{width}} {len(ms):>5} {first:>9.2f} {told} {ms[-1]:>9.2f}")
    print("\nfirst: with what is made ready once for a form and a catalogue")


def _build_workloads(
    scratch: Path, random: Random, clips: Sequence[Path], conditions: Sequence[str]
) -> Sequence[Workload]:
    forms = shipped_directory("schemas") / "forms"
    pallets, counts = (load_form(forms / f"{name}.schema.json") for name in ("pallet-move", "stock-count"))
    catalogue = Catalogue.load(shipped_directory("config") / "catalogue")
    large = _large_form(scratch, forms)
    heard = _hearings_of_clips(clips, conditions, pallets, catalogue) if clips else []
    hard = [hearings for hearings in heard if _count_wordings(hearings) >= _MANY]

    def texts(make: Callable[[], str], form: Form = pallets, known: Catalogue = catalogue) -> Iterator[_Job]:
        return (_parse_job(make(), form, known) for _ in count())

    def lists(hearings: Iterator[Hearings]) -> Iterator[_Job]:
        return (_alternatives_job(one, pallets, catalogue) for one in hearings)

    real = [
        Workload("a clip, as vosk heard it", lists(iter(heard))),
        Workload(f"those heard in {_MANY} ways or more", lists(iter(hard))),
    ]
    return (
        Workload("a sentence of 20 words", texts(lambda: _random_sentence(random))),
        *(work for work, these in zip(real, (heard, hard), strict=True) if len(these) > FEWEST),
        Workload(
            f"{ALTERNATIVES} made alternatives",
            lists(_random_alternatives(random, pallets, catalogue) for _ in count()),
            runs=0.1,
        ),
        Workload(f"{WORST_WORDS} number words", texts(lambda: _long_sentence(random, _NUMBER_WORDS)), runs=0.1),
        Workload(f"{WORST_WORDS} labels, cues and numbers", texts(lambda: _long_sentence(random, _HARDEST)), runs=0.1),
        Workload("a sentence, stock-count as shipped", texts(lambda: _stock_count_sentence(random, 2), counts)),
        Workload("a sentence, 10,000 locations", texts(lambda: _stock_count_sentence(random, 3), *large), runs=0.5),
    )


def _time_job_ms(job: _Job) -> float:
    began = time.thread_time()
    job()
    return (time.thread_time() - began) * 1000


def _parse_job(text: str, form: Form, catalogue: Catalogue) -> _Job:
    return lambda: read_transcript(text, form, catalogue)


def _alternatives_job(hearings: Hearings, form: Form, catalogue: Catalogue) -> _Job:
    def allows(name: str, value: FieldValue) -> bool:
        return form[name].allows(value) and catalogue.knows(form[name].catalogue, value)

    def weigh() -> object:
        explained = Explained()
        known = form, catalogue
        return find_likeliest(
            hearings, lambda words: read_without_breath(words, *known, explained=explained)[1], allows
        )

    return weigh


class _AlternativesRecorder(VoskInterpreter):
    """Vosk as in the agent, but it stores its alternatives and does not parse them."""

    heard: Hearings = ()

    def _propose(self, hearings: Hearings, _: Explained) -> Reading:
        self.heard = hearings
        return Reading(self.name, "", (), {}, NotUnderstood.NO_WORDS)


def _hearings_of_clips(
    manifests: Sequence[Path], conditions: Sequence[str], form: Form, catalogue: Catalogue
) -> Sequence[Hearings]:
    """Vosk's alternatives for each clip of the manifests, or for those of the given conditions."""
    try:
        weights = locate_vosk_weights(load_settings(Settings, None))
    except Misconfigured as fault:
        print(f"no clips are read: {fault}\n")
        return []
    ear, heard = _AlternativesRecorder(weights, form, catalogue, sample_sentences(form, catalogue)), []
    for manifest in manifests:
        for line in manifest.read_text(encoding="utf-8").splitlines():
            clip = json.loads(line)
            if conditions and clip["condition"].split()[-1] not in conditions:
                continue
            samples, _ = soundfile.read(manifest.parent / clip["audio"], dtype="int16")
            attention = ear.attend()
            attention.hear(bytes(samples.tobytes()))
            attention.expect()
            heard.append(ear.heard)
    return heard


def _count_wordings(hearings: Hearings) -> int:
    """Number of distinct wordings among the alternatives that are parsed."""
    return len({tuple(word.text for word in one.words) for hearing in hearings for one in select_near(hearing)})


def _random_sentence(random: Random) -> str:
    pallet = " ".join(random.choices(_DIGITS, k=5))
    count = f"{random.choice(_DIGITS[1:])} hundred and {random.choice(TENS)}"
    return f"okay pallet number {pallet} with {count} cases on it for dock {random.choice('ABCDEFGH')} please"


def _random_alternatives(random: Random, form: Form, catalogue: Catalogue) -> Hearings:
    """Alternatives of one random sentence, each with two words replaced."""
    best = _random_sentence(random).split()
    guesses = []
    for _ in range(ALTERNATIVES):
        words = list(best)
        for at in random.sample(range(len(words)), 2):
            words[at] = random.choice(_NUMBER_WORDS)
        guesses.append(Alternative(0.0, transcript_words(" ".join(words), form, catalogue, ENGLISH)))
    return guesses[::_HEARINGS], guesses[1::_HEARINGS]


def _long_sentence(random: Random, words: Sequence[str]) -> str:
    return f"pallet {' '.join(random.choices(words, k=WORST_WORDS))} cases"


def _stock_count_sentence(random: Random, figures: int) -> str:
    item, bay = (" ".join(random.choices(_DIGITS, k=count)) for count in (4, figures))
    return f"location {random.choice('ABC')} {bay}, item B {item}, {random.choice(TENS)} pieces"


def _large_form(scratch: Path, forms: Path) -> tuple[Form, Catalogue]:
    """The form `stock-count` for a hall with 10,000 locations."""
    schema = (forms / "stock-count.schema.json").read_text(encoding="utf-8")
    changed = schema.replace("^[A-F][0-9]{2}$", f"^[{_LOCATIONS[0]}-{_LOCATIONS[-1]}][0-9]{{3}}$")
    assert changed != schema, "the form's pattern for a location is another one now"  # noqa: S101 - of a benchmark
    path = scratch / "stock-count.schema.json"
    path.write_text(changed, encoding="utf-8")
    bays = "\n".join(f"{aisle}{bay:03}" for aisle in _LOCATIONS for bay in range(1000))
    (scratch / "locations.csv").write_text(f"value\n{bays}\n", encoding="utf-8")
    return load_form(path), Catalogue.load(scratch)


def _percentile(ms: Sequence[float], share: float) -> float:
    return quantiles(ms, n=1000, method="inclusive")[round(share * 1000) - 1]


def _format_percentile_range(ms: Sequence[float], share: float) -> str:
    """Format the 95 % interval of a percentile, from order statistics."""
    reach = Z_95 * math.sqrt(len(ms) * share * (1 - share))
    least = ms[max(0, math.floor(len(ms) * share - reach))]
    most = ms[min(len(ms) - 1, math.ceil(len(ms) * share + reach))]
    return f"({least:.2f} to {most:.2f})"


if __name__ == "__main__":
    main()
