"""How long it takes to read what was said to the fields of a form: `python -m lab.bench.reading [--runs N]`.

Each text is read once in a run and is another one each time, so that nothing is had from an earlier reading. The ranges
are those that hold the true median and the true 99 % with 95 % confidence, by the order of what was measured.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory

from edge.config import shipped
from edge.forms.catalogue import Catalogue
from edge.forms.loader import load_form
from edge.forms.model import Form
from edge.forms.spoken import read_transcript
from lab.report.statistics import Z_95

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBER_WORDS = (*DIGITS, *TENS, "eleven", "twelve", "fifteen", "hundred", "thousand", "and", "double", "oh")

ALTERNATIVES = 40
"""As many as a recogniser with a list of its best guesses gives of one utterance."""

WORST_WORDS = 200
"""More than anybody says in the time that an utterance may last."""

LOCATIONS = "ABCDEFGHIJ"
"""Aisles of the large catalogue, each with a thousand bays."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is measured."""

    name: str
    texts: Callable[[Random], Sequence[str]]
    """What is read in one run, one text after the other."""
    form: Form
    catalogue: Catalogue
    runs: float = 1.0
    """The share of the runs that it is worth."""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        works = _works(Path(scratch))
    width = max(len(work.name) for work in works)
    print(f"{'ms':<{width}} {'runs':>5} {'first':>9} {'median':>9} {'':>17} {'99 %':>9} {'':>17} {'longest':>9}")
    for work in works:
        random = Random(options.seed)  # noqa: S311 - chance is seeded on purpose
        first, *ms = [_timed(work, random) for _ in range(1 + max(20, round(options.runs * work.runs)))]
        ms.sort()
        told = " ".join(f"{_percentile(ms, share):>9.2f} {_range(ms, share):>17}" for share in (0.5, 0.99))
        print(f"{work.name:<{width}} {len(ms):>5} {first:>9.2f} {told} {ms[-1]:>9.2f}")
    print("\nfirst: with what is made ready once for a form and a catalogue")


def _works(scratch: Path) -> Sequence[Work]:
    forms = shipped("schemas") / "forms"
    pallets, counts = (load_form(forms / f"{name}.schema.json") for name in ("pallet-move", "stock-count"))
    catalogue = Catalogue.load(shipped("config") / "catalogue")
    return (
        Work("a sentence of 20 words", lambda random: [_sentence(random)], pallets, catalogue),
        Work(f"{ALTERNATIVES} alternatives of one", _alternatives, pallets, catalogue, runs=0.2),
        Work(f"{WORST_WORDS} number words", lambda random: [_numbers(random)], pallets, catalogue, runs=0.2),
        Work("a sentence, stock-count as shipped", lambda random: [_count(random, 2)], counts, catalogue),
        Work("a sentence, 10,000 locations", lambda random: [_count(random, 3)], *_large(scratch, forms), runs=0.2),
    )


def _timed(work: Work, random: Random) -> float:
    texts = work.texts(random)
    began = time.perf_counter()
    for text in texts:
        read_transcript(text, work.form, work.catalogue)
    return (time.perf_counter() - began) * 1000


def _sentence(random: Random) -> str:
    pallet = " ".join(random.choices(DIGITS, k=5))
    count = f"{random.choice(DIGITS[1:])} hundred and {random.choice(TENS)}"
    return f"okay pallet number {pallet} with {count} cases on it for dock {random.choice('ABCDEFGH')} please"


def _alternatives(random: Random) -> Sequence[str]:
    """Guesses at one sentence: in each, two words are others than in the best."""
    best = _sentence(random).split()
    guesses = []
    for _ in range(ALTERNATIVES):
        words = list(best)
        for at in random.sample(range(len(words)), 2):
            words[at] = random.choice(NUMBER_WORDS)
        guesses.append(" ".join(words))
    return guesses


def _numbers(random: Random) -> str:
    return f"pallet {' '.join(random.choices(NUMBER_WORDS, k=WORST_WORDS))} cases"


def _count(random: Random, figures: int) -> str:
    item, bay = (" ".join(random.choices(DIGITS, k=count)) for count in (4, figures))
    return f"location {random.choice('ABC')} {bay}, item B {item}, {random.choice(TENS)} pieces"


def _large(scratch: Path, forms: Path) -> tuple[Form, Catalogue]:
    """The form `stock-count` for a hall with 10,000 locations."""
    schema = (forms / "stock-count.schema.json").read_text(encoding="utf-8")
    changed = schema.replace("^[A-F][0-9]{2}$", f"^[{LOCATIONS[0]}-{LOCATIONS[-1]}][0-9]{{3}}$")
    assert changed != schema, "the form's pattern for a location is another one now"  # noqa: S101 - of a benchmark
    path = scratch / "stock-count.schema.json"
    path.write_text(changed, encoding="utf-8")
    bays = "\n".join(f"{aisle}{bay:03}" for aisle in LOCATIONS for bay in range(1000))
    (scratch / "locations.csv").write_text(f"value\n{bays}\n", encoding="utf-8")
    return load_form(path), Catalogue.load(scratch)


def _percentile(ms: Sequence[float], share: float) -> float:
    return quantiles(ms, n=1000, method="inclusive")[round(share * 1000) - 1]


def _range(ms: Sequence[float], share: float) -> str:
    """Where the true percentile lies with 95 % confidence: between those of the rank, give or take its deviation."""
    reach = Z_95 * math.sqrt(len(ms) * share * (1 - share))
    least = ms[max(0, math.floor(len(ms) * share - reach))]
    most = ms[min(len(ms) - 1, math.ceil(len(ms) * share + reach))]
    return f"({least:.2f} to {most:.2f})"


if __name__ == "__main__":
    main()
