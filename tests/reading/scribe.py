"""What a careful scribe would have written down of a saying, and how the reader compares:
`python -m tests.reading.scribe`.

The sayings are in `tests/data/sayings.jsonl`, one per row: a sentence, a count said in a frame that is always the same,
or the lines that an operator says in a conversation ("/wait" and "/done": silence until the device is done). `expected`
is written

    742/12/B     this record, at once; "_" is a field that was not said, and is asked for
    ?            no record: the operator is asked, or must say it again
    ?742/12/B    this record or a question, but no other record
    -            no record, since it is none: talk, a question, a denial
    @yes         the act or the command of this name
    ~_/15/_      a correction of the entry at hand, of this field and no other

Of a count it is the number, of a conversation the list of the entries that stand at its end, or "asked or parked".
`tests/data/contestable.toml` lists the sayings of which something else is as good, and those about which the reader may
ask though a scribe would not, each with its reason.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, partial
from itertools import count as counted
from pathlib import Path
from typing import Any

from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.records import Act, FieldValue, Reading
from edge.agent.dialogue_driver import StepResult
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules, decide
from edge.agree.dialogue.session import DialogueSettings
from edge.deliver.device_events import entry_event
from edge.keep.journal import Journal
from edge.records import ClosedBy, Outcome, Reason
from lab.typed_conversation import TypedConversation
from tests.shipped import ROOT, catalogue

DATA = ROOT / "tests" / "data"

SILENCES = 10  # More than the device bears before it gives up: it waits for an answer twice.

SHIPPED = frozenset({"pallet-move", "stock-count"})
"""The forms that there are; some rows are of one that was made for them."""

NOTHING = "asked or parked"

UNUSUAL = frozenset({Reason.UNUSUAL})


class Grade(IntEnum):
    """How an outcome compares with what a scribe would have written, from the best to the worst."""

    RIGHT = 0
    ASKED = 1  # Asked, or "say again", where a scribe would have written it down.
    IDLE = 2  # Asked about what is no entry.
    WRONG = 3  # Something else is written down than a scribe would have, or would at the end.


@dataclass(frozen=True)
class Saying:
    """One row."""

    kind: str
    language: str
    category: str
    said: str  # The text, or the lines of a conversation with " | " between them.
    expected: tuple[str, ...]  # Each is as good as the others; the entries of a conversation are joined by " + ".
    form: str
    contestable: str | None = None  # Why `expected` is not, or not alone, what the row says.

    @property
    def at_once(self) -> bool:
        """Whether a scribe would write down a whole record without a question, and nothing else."""
        return all(one[0] not in "?-@~" and "_" not in one and one != NOTHING for one in self.expected)


@dataclass(frozen=True)
class Made:
    """What was made of a saying, in the notation of `expected`."""

    record: str | None  # What is recorded at once.
    stands: str
    """The fields that are not asked about, and so are recorded once the others are answered; the others are "_"."""
    act: str  # "@yes", "~_/15/_"; empty where it is dictation.
    asks: bool  # Whether there is a question about a field.


def sayings() -> Iterator[Saying]:
    """All of them, in the order of the file."""
    contested = _contested()
    for line in (DATA / "sayings.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if _form(row) not in SHIPPED:
            continue
        said = row["text"] if "text" in row else " | ".join(row["lines"])
        other = contested.get(said)
        expected = (_expected(row),) if other is None else tuple(other["expected"])
        reason = None if other is None else str(other["reason"])
        form = _form(row)
        yield Saying(row["kind"], row["lang"], _category(row), said, expected, form, reason)


def spared() -> dict[str, str]:
    """The sayings about which the reader may ask though a scribe would not, and why."""
    return {row["said"]: row["reason"] for row in _listed().get("asked", ())}


def _contested() -> dict[str, dict[str, Any]]:
    return {row["said"]: row for row in _listed()["saying"]}


@cache
def _listed() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((DATA / "contestable.toml").read_text(encoding="utf-8"))


def _form(row: dict[str, Any]) -> str:
    return str(row.get("form") or ("stock-count" if "B714" in row.get("text", "") else "pallet-move"))


def _category(row: dict[str, Any]) -> str:
    match row["kind"]:
        case "number":
            return f"counts, {row['lang']}"
        case "talk":
            return f"talk, {row['lang']}"
        case _:
            return str(row.get("category") or f"form {_form(row)}")


def _expected(row: dict[str, Any]) -> str:
    expected = row["expected"]
    if row["kind"] == "number":
        return f"742/{expected}/B" if _form(row) == "pallet-move" else f"B714/{expected}/A01"
    if isinstance(expected, list):
        return " + ".join(expected) or NOTHING
    assert isinstance(expected, str), f"what is expected must be settled in contestable.toml: {row}"
    return expected


# ---- what is made of it ----


@cache
def rules(form: str, language: str) -> Rules:
    """Those of a device as shipped."""
    loaded = load_form(ROOT / "schemas" / "forms" / f"{form}.schema.json")
    return Rules(loaded, catalogue(), language=language_named(language))


def made(text: str, under: Rules) -> Made:
    """What a device makes of a sentence that comes when nothing is open."""
    reading = parse_typed(text, under)
    verdict = decide(reading, ClosedBy.PAUSE, under)
    fields = dict(verdict.fields)
    doubts = [because for because in verdict.reasons if because.field is not None]
    for doubt in doubts:
        said = reading.fields.get(str(doubt.field))
        if doubt.reason in UNUSUAL and said is not None and said.value is not None:
            fields[str(doubt.field)] = said.value  # what was said is understood; only whether it can be is asked
    record = _noted(fields, under) if verdict.outcome is Outcome.ACCEPT else None
    return Made(record, _noted(fields, under), _act(reading, under), verdict.outcome is Outcome.ASK)


def _act(reading: Reading, under: Rules) -> str:
    match reading.act:
        case Act.RECORD:
            return ""
        case Act.AMEND:
            sure = {name: one.value for name, one in reading.fields.items() if one.value is not None and not one.rivals}
            return f"~{_noted(sure, under)}"
        case Act.COMMAND:
            return f"@{reading.command}"
        case Act.CANCEL | Act.YES | Act.NO | Act.CONTEXT:
            return f"@{reading.act}"


def _noted(fields: dict[str, FieldValue], under: Rules) -> str:
    return "/".join(str(fields.get(field.name, "_")) for field in under.form.fields)


def conversed(lines: Sequence[str], under: Rules, directory: Path) -> str:
    """The entries that stand after a conversation, joined by " + "."""
    entries: dict[str, str] = {}

    def take(stepped: StepResult) -> None:
        if stepped.row is None:
            return
        event = json.loads(stepped.row.body)
        data = event["data"]
        entries.pop(data.get("amends") or data.get("cancels"), None)
        if "cancels" not in data:
            entries[event["id"]] = _noted(data["fields"], under)

    with Journal.open(directory) as journal:
        talk = TypedConversation(
            under, journal, partial(entry_event, site="north", device="dock-3"), lambda: 0.0, DialogueSettings()
        )
        take(talk.start())
        for line in lines:
            if line in {"/wait", "/done"}:
                silences = counted()
                while talk.due is not None and next(silences) < SILENCES:
                    take(talk.expire_deadline())
            else:
                take(talk.say(line))
    return " + ".join(entries.values()) or NOTHING


# ---- how it compares ----


def graded(saying: Saying) -> tuple[Grade, str]:
    """The grade of a saying, and what was made of it."""
    under = rules(saying.form, saying.language)
    if saying.kind == "talk":
        with tempfile.TemporaryDirectory(prefix="dockvoice-scribe-") as scratch:
            # An empty journal is copied: to make one takes ten times as long as what is said in it.
            directory = shutil.copytree(_empty().name, Path(scratch) / "journal")
            stands = conversed(saying.said.split(" | "), under, directory)
        return min(_of_talk(expected, stands) for expected in saying.expected), stands
    found = made(saying.said, under)
    told = found.record or found.act or (f"asks, with {found.stands}" if found.asks else "not understood")
    return min(_of_sentence(expected, found) for expected in saying.expected), told


@cache
def _empty() -> tempfile.TemporaryDirectory[str]:
    """A directory with a journal in it, for as long as the program runs."""
    made = tempfile.TemporaryDirectory(prefix="dockvoice-scribe-")
    Journal.open(Path(made.name)).close()
    return made


def _of_talk(expected: str, stands: str) -> Grade:
    allowed = expected.removeprefix("?")
    if stands == allowed or (stands == NOTHING and expected != allowed):
        return Grade.RIGHT
    none_other = stands == NOTHING or set(stands.split(" + ")) <= set(allowed.split(" + "))
    return Grade.ASKED if none_other else Grade.WRONG


def _of_sentence(expected: str, found: Made) -> Grade:
    match expected[0]:
        case "?" if expected != "?":
            return Grade.WRONG if _of_record(expected[1:], found) is Grade.WRONG else Grade.RIGHT
        case "?" | "-" if found.record is not None:
            return Grade.WRONG
        case "?":
            return Grade.RIGHT
        case "-":
            return Grade.IDLE if found.asks or found.act.startswith("~") else Grade.RIGHT
        case "@" | "~":
            return _of_act(expected, found)
        case _:
            return _of_record(expected, found)


def _of_act(expected: str, found: Made) -> Grade:
    if found.act == expected:
        return Grade.RIGHT
    return Grade.ASKED if found.record is None and not found.act else Grade.WRONG


def _of_record(expected: str, found: Made) -> Grade:
    values = found.act[1:] if found.act.startswith("~") else found.stands
    if values == expected and not found.act:
        return Grade.RIGHT
    differ = any(one not in {"_", meant} for one, meant in zip(values.split("/"), expected.split("/"), strict=True))
    return Grade.WRONG if differ else Grade.ASKED


# ---- the table ----


def main() -> None:
    """Print how many of each category are right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="list what is not right")
    options = parser.parse_args()
    by_category: dict[str, Counter[Grade]] = defaultdict(Counter)
    at_once: Counter[Grade] = Counter()
    for saying in sayings():
        grade, told = graded(saying)
        for category in (saying.category, f"all {saying.kind}s"):
            by_category[category][grade] += 1
        if saying.at_once:
            at_once[grade] += 1
        if options.misses and grade is not Grade.RIGHT:
            print(f"{grade.name:<6} {saying.language} {saying.said}  ->  {told}; not {' or '.join(saying.expected)}")
    by_category["recorded at once by a scribe"] = at_once
    print(f"{'':<36}{'n':>5}{'right':>7}{'WRONG':>7}{'asked':>7}{'asked for nothing':>19}")
    for category, grades in by_category.items():
        figures = f"{grades.total():>5}{grades[Grade.RIGHT]:>7}{grades[Grade.WRONG]:>7}{grades[Grade.ASKED]:>7}"
        print(f"{category:<36}{figures}{grades[Grade.IDLE]:>19}")
    print(f"\nof what a scribe would record at once, right: {at_once[Grade.RIGHT] / at_once.total():.1%}")


if __name__ == "__main__":
    main()
