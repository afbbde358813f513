"""The tables of sayings are as large as they claim to be: cases considered one by one, none made by a loop."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

from dockvoice_protocol.languages import LANGUAGES

TABLES = Path(__file__).parent / "tables"

ALL = 1000
ENGLISH = 600
OTHERS = 75


def counts() -> Counter[str]:
    """Sayings by language; the tables of timed words are English."""
    found: Counter[str] = Counter()
    for path in TABLES.glob("*.toml"):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found["en"] += len({row["say"] for row in table.get("row", ())})
        found[table.get("language", "en")] += sum(len(said) for said in table.get("said", {}).values())
    return found


def test_there_are_as_many_sayings_as_are_claimed_in_every_language() -> None:
    found = counts()
    assert found.total() >= ALL
    assert found["en"] >= ENGLISH
    assert {language for language in LANGUAGES if found[language] >= OTHERS} == set(LANGUAGES)
