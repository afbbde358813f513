"""`python -m tests.meaning`: sentences made from what they mean, and what the reader makes of them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from math import sqrt
from pathlib import Path
from typing import Any

from tests.meaning.frames import LANGUAGES
from tests.meaning.sentences import Sentence, sentences

BATCH = 5000  # Sentences a reader takes at once: it starts in two seconds.
FAULTS = ("WRONG", "needless", "obeyed", "held")
_EPILOG = """\
Each sentence is built from a frame: a form, its values, and how the speaker means them (done, planned, asked, denied,
corrected, ...), so that what may be recorded of it is known. They go to `dockvoice forms read --lines`.

WRONG     recorded, though the frame says nothing is done, or says other values
needless  of those done, plain and complete, the share that was not recorded at once
obeyed    taken for a command to the device, which none of them is but "trailer done" where a trailer is closed
held      not recorded, but a value kept that was never said for sure

  $ python -m tests.meaning --count 500 --language de --show 10
  $ python -m tests.meaning --count 500000 --seed 7 --processes 8 --write failing.jsonl

The same seed makes the same sentences. Exit code 1 if any is WRONG."""


@dataclass(frozen=True)
class Read:
    """A sentence with what was made of it."""

    sentence: Sentence
    answer: Mapping[str, Any]

    @property
    def fault(self) -> str | None:
        """One of FAULTS, or nothing."""
        fields, outcome = self.answer.get("fields") or {}, self.answer.get("outcome")
        allowed = [one["fields"] for one in self.sentence.accept if one["kind"] in {"rec", "soft"}]
        if outcome == "accept":
            return None if fields in allowed else "WRONG"
        if outcome == "command":  # "trailer done" closes it
            return None if self.sentence.frame.form == "close-trailer" and fields in allowed else "obeyed"
        if self.sentence.plain:
            return "needless"
        asked = {name for one in self.sentence.accept for name, value in one.get("fields", {}).items() if value == "?"}
        return "held" if asked & set(fields) else None

    def row(self) -> dict[str, Any]:
        """As a line of JSON has it."""
        frame = self.sentence.frame
        return {
            "fault": self.fault, "text": self.sentence.text, "language": frame.language, "form": frame.form,
            "mood": frame.mood, "accept": list(self.sentence.accept), "answer": dict(self.answer),
        }  # fmt: skip


@dataclass
class Tally:
    """What was counted of one kind of sentence."""

    sentences: int = 0
    plain: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def count(self, read: Read) -> None:
        self.sentences += 1
        self.plain += read.sentence.plain
        if fault := read.fault:
            self.faults[fault] += 1

    def line(self, name: str) -> str:
        low, high = wilson(self.faults["needless"], self.plain)
        share = f"{self.faults['needless'] / self.plain:6.1%} ({low:.1%} to {high:.1%})" if self.plain else "     -"
        wrong, most = self.faults["WRONG"], wilson(self.faults["WRONG"], self.sentences)[1]
        others = f"{self.faults['obeyed']:>8}{self.faults['held']:>6}"
        return f"{name:16}{self.sentences:>9}{wrong:>7} {f'(<{most:.2%})':9}{others}{self.plain:>8}  {share}"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    z, share = 1.96, hits / of
    middle = share + z * z / (2 * of)
    spread = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + z * z / of)), min(1.0, (middle + spread) / (1 + z * z / of))


def read(batch: Sequence[Sentence]) -> list[Read]:
    """What the program makes of each."""
    lines = (
        json.dumps({"text": one.text, "language": one.frame.language, "form": one.frame.form}, ensure_ascii=False)
        for one in batch
    )
    command = [str(Path(sys.executable).with_name("dockvoice")), "forms", "read", "--lines"]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    if done.returncode != 0 or len(answers) != len(batch):
        raise RuntimeError(f"{len(batch)} sent, {len(answers)} back, exit code {done.returncode}: {done.stderr[-500:]}")
    return [Read(one, answer) for one, answer in zip(batch, answers, strict=True)]


def batches(made: Iterator[Sentence], count: int, size: int = BATCH) -> Iterator[list[Sentence]]:
    """The first so many, a batch at a time."""
    while count > 0:
        yield list(islice(made, min(size, count)))
        count -= size


def read_all(made: Iterable[list[Sentence]], processes: int) -> Iterator[Read]:
    """All of them in order; no more than the processes have in hand is kept."""
    with ThreadPoolExecutor(processes) as pool:
        waiting: deque[Future[list[Read]]] = deque()
        for batch in made:
            waiting.append(pool.submit(read, batch))
            if len(waiting) > processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


class Report:
    """What is counted, and the first examples of each fault."""

    def __init__(self, show: int) -> None:
        self._show = show
        self._tallies: dict[str, dict[str, Tally]] = {}
        self._examples: dict[str, list[Read]] = {fault: [] for fault in FAULTS}

    @property
    def wrong(self) -> int:
        return sum(of.faults["WRONG"] for of in self._tallies.get("all", {}).values())

    def count(self, one: Read) -> None:
        frame = one.sentence.frame
        for table, name in (("all", "all"), ("language", frame.language), ("mood", frame.mood), ("form", frame.form)):
            self._tallies.setdefault(table, {}).setdefault(name, Tally()).count(one)
        if (fault := one.fault) and len(self._examples[fault]) < self._show:
            self._examples[fault].append(one)

    def print(self) -> None:
        print(f"{'':16}{'sentences':>9}{'WRONG':>7}{'obeyed':>18}{'held':>6}{'plain':>8}  needless (95 %)")
        for name, tallies in self._tallies.items():
            if name != "all":
                print(f"\nby {name}")
            for key in sorted(tallies):
                print(tallies[key].line(key))
        for fault, reads in self._examples.items():
            for one in reads:
                frame = one.sentence.frame
                print(f"\n{fault}: {frame.language} {frame.form} {frame.mood}\n  {one.sentence.text}")
                print(f"  may be: {json.dumps(one.sentence.accept, ensure_ascii=False)}")
                print(f"  became: {json.dumps(one.answer, ensure_ascii=False)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(arguments)
    made = sentences(options.seed, options.language or LANGUAGES)
    report = Report(options.show)
    with options.write.open("w", encoding="utf-8") if options.write else nullcontext() as write:
        for number, one in enumerate(read_all(batches(made, options.count, options.batch), options.processes), start=1):
            report.count(one)
            if write and one.fault:
                write.write(json.dumps(one.row(), ensure_ascii=False) + "\n")
            if sys.stderr.isatty() and (number % 100 == 0 or number == options.count):
                end = "\n" if number == options.count else ""
                print(f"\r{number} of {options.count}, {report.wrong} WRONG", end=end, file=sys.stderr)
    report.print()
    return 1 if report.wrong else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.meaning", description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20_000, help="so many sentences (default: %(default)s)")
    parser.add_argument("--seed", default=os.environ.get("SEED", "1"), help="chance (default: SEED, or 1)")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="only this one; may be given again")
    parser.add_argument("--processes", type=int, default=1, help="readers side by side (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=BATCH, help="sentences a reader takes at once (%(default)s)")
    parser.add_argument("--show", type=int, default=5, metavar="K", help="examples of each fault (%(default)s)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="all that failed, as JSON lines")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
