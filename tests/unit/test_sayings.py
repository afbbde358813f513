"""The sayings of `tests/data/sayings.jsonl`: nothing is recorded that a careful scribe would not have written down, and
what he would write down at once is recorded at once. `python -m tests.reading.scribe` prints the table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

from dockvoice_protocol import languages
from dockvoice_protocol.forms.spoken.folding import fold
from tests.reading.scribe import Grade, Saying, graded, sayings, spared
from tests.rows import each_of, every
from tests.tiers import sized

SAYINGS = list(sayings())
READ = SAYINGS[:: sized(quick=3, test=3, nightly=1)]
LANGUAGES = sorted({saying.language for saying in SAYINGS})

AT_ONCE = 0.95
"""Of what a scribe would record at once: what remains is asked about, and an operator bears that once an hour."""

VOCABULARY = 4  # Words of what may be both a saying and a phrase of a language: "hold on a second".

_graded = cache(graded)


@each_of("language", LANGUAGES)
def test_what_is_said_is_written_down_as_a_scribe_would_have(language: str) -> None:
    every([saying for saying in READ if saying.language == language], is_written_down)


def is_written_down(saying: Saying) -> None:
    grade, made = _graded(saying)
    told = f'{saying.language} "{saying.said}": {made}, where a scribe has {" or ".join(saying.expected)}'
    assert grade is not Grade.WRONG, f"written down wrongly: {told}"
    assert grade is not Grade.ASKED or saying.said in spared(), f"needlessly asked: {told}"


@each_of("kind", ["sentence", "number", "talk"])
def test_what_a_scribe_would_record_at_once_is_recorded_at_once(kind: str) -> None:
    grades = Counter(_graded(saying)[0] for saying in READ if saying.kind == kind and saying.at_once)
    assert grades[Grade.RIGHT] >= AT_ONCE * grades.total(), grades


def test_no_language_knows_a_saying_by_heart() -> None:
    said = {one for saying in SAYINGS for line in saying.said.split(" | ") if len(one := words(line)) > VOCABULARY}
    for code in languages.LANGUAGES:
        # Commands are nothing but whole sayings.
        lists = {
            section: words for section, words in languages.load_table(code, "grammar").items() if section != "commands"
        }
        known = {
            listed[at : at + size]
            for listed in map(words, strings(lists))
            for size in range(VOCABULARY + 1, len(listed) + 1)
            for at in range(len(listed) - size + 1)
        }
        assert said & known == set(), code


def words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", fold(text)))


def strings(table: object) -> Iterator[str]:
    match table:
        case str():
            yield table
        case dict():
            yield from (one for part in (*table.keys(), *table.values()) for one in strings(part))
        case list():
            yield from (one for part in table for one in strings(part))
        case _:
            pass
