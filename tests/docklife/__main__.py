"""Dock life: random operators, and two laws. `python -m tests.docklife --lives 1000 --seed 7`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random

from tests.docklife.device import Device
from tests.docklife.laws import broken
from tests.docklife.life import FORMS, Life, Line, beginning, held
from tests.docklife.operator import SILENCE, lived
from tests.docklife.speech import LANGUAGES

LIVES_OF_A_DEVICE = 1000
"""A device takes as long to start as to live forty lives; in smaller shares the processes would end together sooner."""

ALARM = "conversation_breach"  # Why something waits that a step would have lost, or mixed with another thing.


@dataclass(slots=True)
class Count:
    """What lives came to."""

    lives: int = 0
    things: int = 0
    questions: int = 0
    recorded: int = 0
    waits: int = 0
    alarms: int = 0  # What the dialogue put aside itself, since a step would have broken a law.
    breaches: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)  # The shortest life of each that broke a law, as a play.

    def add(self, other: Count) -> None:
        """Count other lives as well."""
        for name in ("lives", "things", "questions", "recorded", "waits", "alarms"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.breaches += other.breaches
        self.broken += other.broken


def counted(first: int, lives: int, wanted: argparse.Namespace) -> Count:
    """So many lives, from this number on: the same number and seed make the same life."""
    count, device = Count(), Device()
    for number in range(first, first + lives):
        random = Random(f"{wanted.seed}-{number}")
        form = wanted.form or FORMS[number % len(FORMS)]
        language = wanted.language or LANGUAGES[number // len(FORMS) % len(LANGUAGES)]
        listens = random.random() < 0.5 if wanted.operator is None else wanted.operator == "listens"
        life = lived(Life(beginning(form, language, random)), device, random, listens=listens, cut=wanted.cut)
        count.lives += 1
        count.things += len(life.things)
        count.questions += life.questions
        count.recorded += len(life.result["stands"])
        count.waits += len(life.result["waits"])
        alarms = sum(one["why"] == ALARM for one in life.result["waits"])
        count.alarms += alarms
        if alarms and wanted.alarms:
            count.broken.append(shown(life, number))
        if found := broken(life):
            for one in found:
                count.breaches[f"{one.split(':')[0]} {form} {language} {'listens' if listens else 'goes on'}"] += 1
            count.broken.append(shown(shortest(life, device), number))
    device.close()
    return count


def shortest(life: Life, device: Device) -> Life:
    """The life without the lines that are not needed for it to break a law."""
    lines = list(life.lines)
    for at in reversed(range(len(lines) - SILENCE)):  # what is open at the end is lost by nobody
        fewer = lines[:at] + lines[at + 1 :]
        if not _makes_sense(fewer) or any(line.text.startswith("/refuse") for line in lines[at + 1 :]):
            continue  # An event that is refused must be there.
        again = held(Life(life.begin, life.things, first_values=life.first_values), device, iter(fewer))
        if broken(again):
            lines, life = fewer, again
    return life


def _makes_sense(lines: list[Line]) -> bool:
    """Is nothing said of a thing that was not named before?"""
    named: set[int] = set()
    for line in lines:
        if line.thing is not None and (line.names or line.misnamed is not None):
            named.add(line.thing)
        elif line.thing is not None and line.thing not in named:
            return False
    return True


def shown(life: Life, number: int) -> str:
    """A life as one reads it."""
    rows = [f"life {number}: {json.dumps(life.begin)}"]
    for line, turn in zip(life.lines, life.turns, strict=True):
        rows.append(
            f"> {line.text}"
            + (f"   (meant {life.things[line.thing].key})" if line.misnamed and line.thing is not None else "")
        )
        rows += [f"      {one}" for one in turn["said"]]
    rows += [f"  stands {one['fields']}" for one in life.result["stands"]]
    rows += [f"  waits {one['fields']} {one['said']}" for one in life.result["waits"]]
    return "\n".join((*rows, *(f"  !! {one}" for one in broken(life))))


def wanted_by(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cut", action="store_true", help="a power cut at a random line of each life")
    parser.add_argument("--operator", choices=("listens", "goes-on"))
    parser.add_argument("--form", choices=FORMS)
    parser.add_argument("--language", choices=LANGUAGES)
    parser.add_argument("--alarms", action="store_true", help="show the lives, too, in which the dialogue alarmed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", type=int, default=10, help="so many of the lives that break a law")
    return parser.parse_args(arguments)


def main() -> int:
    """Hold lives, print what they came to; 1 where a law was broken."""
    wanted = wanted_by(sys.argv[1:])
    total = of(wanted)
    for text in total.broken[: wanted.show]:
        print(text, end="\n\n")
    for name, times in sorted(total.breaches.items()):
        print(f"{times:6} {name}")
    asked = total.questions / max(1, total.things)
    print(f"seed {wanted.seed}: lives {total.lives}, things {total.things}, recorded {total.recorded}, ", end="")
    print(f"waiting {total.waits}")
    print(f"broken laws {sum(total.breaches.values())}, alarms {total.alarms}; questions a thing {asked:.2f}")
    return 1 if total.breaches else 0


def of(wanted: argparse.Namespace) -> Count:
    """What all lives come to, in several processes."""
    share = max(1, min(LIVES_OF_A_DEVICE, wanted.lives // wanted.processes))
    starts = range(0, wanted.lives, share)
    total = Count()
    with ProcessPoolExecutor(wanted.processes) as pool:
        jobs = [pool.submit(counted, start, min(share, wanted.lives - start), wanted) for start in starts]
        for job in jobs:
            total.add(job.result())
    return total


if __name__ == "__main__":
    sys.exit(main())
