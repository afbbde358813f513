"""Public number suites, read as counts and as identifiers: `python -m tests.reading.suites`.

`tests/data/number_suites.toml` has the whole numbers up to 99,999 of NeMo text processing (both directions, cardinals),
Recognizers-Text (number models) and duckling (numeral corpora): what is said, and its value. Each stands in a sentence
that is otherwise plain. `--misses` lists what is not understood. A row that is contested has its reason there.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from tests.reading.languages import said_in
from tests.reading.scribe import DATA, made, rules

FORM = "pallet-move"
PALLET, COUNT = 742, 12
SHORTEST = 100  # Identifiers of the form have three digits or more.


class Understood(Enum):
    """What became of a number."""

    RIGHT = auto()
    WRONG = auto()
    REFUSED = auto()  # Asked about, or not understood.


@dataclass(frozen=True, slots=True)
class Number:
    """One row."""

    language: str
    suite: str
    said: str
    value: int

    def as_count(self) -> Understood:
        """Said before a unit."""
        return self._judged(PALLET, self.said, f"{PALLET}/{self.value}/B")

    def as_identifier(self) -> Understood:
        """Said behind the label of an identifier."""
        return self._judged(self.said, COUNT, f"{self.value}/{COUNT}/B")

    def _judged(self, pallet: object, count: object, meant: str) -> Understood:
        found = made(said_in(self.language)["frame"].format(pallet=pallet, count=count), rules(FORM, self.language))
        if found.stands == meant:
            return Understood.RIGHT
        return Understood.REFUSED if found.record is None else Understood.WRONG


def numbers() -> Iterator[Number]:
    """All rows but those that are contested; nobody counts none."""
    table = tomllib.loads((DATA / "number_suites.toml").read_text(encoding="utf-8"))
    contested = table.pop("contested")
    for language, suites in table.items():
        for suite, rows in suites.items():
            for said, value in rows.items():
                if value and said not in contested.get(language, {}):
                    yield Number(language, suite, said, value)


def main() -> None:
    """Print what is understood in each language and suite."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="list what is not right")
    options = parser.parse_args()
    counts: dict[str, Counter[Understood]] = defaultdict(Counter)
    identifiers: dict[str, Counter[Understood]] = defaultdict(Counter)
    for one in numbers():
        judged = {"count": one.as_count()} | ({"identifier": one.as_identifier()} if one.value >= SHORTEST else {})
        for told in (f"{one.language} {one.suite}", f"{one.language}, all"):
            counts[told][judged["count"]] += 1
            identifiers[told].update([judged["identifier"]] if "identifier" in judged else [])
        if options.misses:
            for how, what in judged.items():
                if what is not Understood.RIGHT:
                    print(f"{one.language} {one.suite}: {one.said} = {one.value}, as {how}: {what.name.lower()}")
    print(f"{'':<24}{'counts':>7}{'wrong':>7}{'refused':>9}{'':>4}{'identifiers':>12}{'wrong':>7}{'refused':>9}")
    for told in sorted(counts):
        print(f"{told:<24}{_figures(counts[told], 7)}{'':>4}{_figures(identifiers[told], 12)}")


def _figures(found: Counter[Understood], width: int) -> str:
    refused = found[Understood.REFUSED] / max(1, found.total())
    return f"{found.total():>{width}}{found[Understood.WRONG]:>7}{refused:>9.1%}"


if __name__ == "__main__":
    main()
