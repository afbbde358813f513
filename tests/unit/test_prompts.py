"""What the device says: in each language short, whole, and without a word of English."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.spoken import parse_command
from dockvoice_protocol.forms.spoken.commands import is_correction
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import FieldValue, Word
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import DeviceStarted
from edge.agree.dialogue.machine import Dialogue
from edge.records import RecentEntries, StandingEntry
from edge.records.speech import Prompt, Say
from edge.speak.wording import prompts, words_by_code
from tests.reading.conversing import heard
from tests.rows import each_of
from tests.sayings import NOON

REPOSITORY = Path(__file__).parent.parent.parent
OTHERS = [language for language in LANGUAGES if language != "en"]
ALIKE = {
    *("correct", "correction", "pause", "attention", "pallet", "no", "headset", "server", "site", "interruption", "on"),
    *("scan", "scanner", "code", "gs", "in", "do", "lot", "minutes"),
}
"""Words that another language has, too."""

MOST_WORDS = 7  # Besides the entry: said in two seconds.


@each_of("language", OTHERS)
def test_no_english_is_left_over(language: str) -> None:
    english = dict(prompts("en")) | {
        (name, code): text for name in TABLES for code, text in words_by_code(name, "en").items()
    }
    ours = dict(prompts(language)) | {
        (name, code): text for name in TABLES for code, text in words_by_code(name, language).items()
    }
    assert set(ours) == set(english)
    left = {key: both for key in english if (both := words(ours[key]) & words(english[key]) - ALIKE)}
    assert left == {}


@each_of("language", LANGUAGES)
def test_no_texts_of_a_copied_language_are_left_over(language: str) -> None:
    ours = prompts(language)
    for other in set(LANGUAGES) - {language}:
        alike = [text for prompt, text in prompts(other).items() if text == ours[prompt] and len(words(text)) > 1]
        assert len(alike) <= ALIKE_BY_CHANCE, f"{language} and {other}: {alike}"


ALIKE_BY_CHANCE = 4  # Texts of two words or more that two languages share, as Spanish and Portuguese do.

TABLES = ("faults", "mended", "reasons", "scans", "aways")


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]+", re.sub(r"\{\w+\}", "", text).lower()) if len(word) > 1}


@each_of("language", LANGUAGES)
def test_what_is_said_is_short(language: str) -> None:
    """But for help, which who asks for it will listen to."""
    long = {
        prompt: text
        for prompt, text in prompts(language).items()
        if not prompt.value.startswith("help") and len(re.sub(r"\{\w+\}", "", text).split()) > MOST_WORDS
    }
    assert long == {}


@each_of("language", LANGUAGES)
def test_what_help_tells_to_say_is_understood(language: str) -> None:
    spoken = language_named(language)
    listed = re.split(r"[.:] ", prompts(language)[Prompt.HELP])[-1].strip(".")
    for said in listed.split(", "):
        heard = [Word(word, at, at + 0.3, 1.0) for at, word in enumerate(said.split())]
        assert parse_command(heard, spoken) is not None or is_correction(heard, spoken), said


@each_of("language", LANGUAGES)
def test_each_language_has_every_reason_that_the_inventory_gives(language: str) -> None:
    given = {*("wrong_source", "unknown_form", "invalid", "malformed", "conflicting_event", "sequence_reused")}
    given |= {*("unstorable", "unknown_event", "already_amended", "already_cancelled", "undeliverable")}
    assert given <= set(words_by_code("reasons", language))


@each_of("language", OTHERS)
def test_forms_that_are_shipped_ask_in_every_language(language: str) -> None:
    for path in (REPOSITORY / "schemas" / "forms").glob("*.schema.json"):
        for field in load_form(path).fields:
            assert field.wording(language).ask, f"{path.name}: {field.name}"


@each_of(
    ("minutes", "told"),
    [
        (0, Say(Prompt.RECORDED)),
        (5, Say(Prompt.RECORDED_AGO, slots={"minutes": "5"})),
        (120, Say(Prompt.RECORDED_AT, slots={"time": "10:00"})),
    ],
)
def test_when_an_entry_was_recorded_is_told(minutes: int, told: Say, rules: Rules) -> None:
    fields: dict[str, FieldValue] = {"pallet_id": "743", "quantity": 12, "dock": "B"}
    dialogue = Dialogue(rules)
    dialogue.handle(DeviceStarted())
    entry = StandingEntry("e1", rules.form.name, fields, None, NOON - timedelta(minutes=minutes))
    dialogue.set_recent_entries(RecentEntries(NOON, (entry,)))
    (said,) = (one for one in dialogue.handle(heard("u1", "look up pallet 743", rules)) if isinstance(one, Say))
    assert (said.prompt, said.slots) == (told.prompt, told.slots)
