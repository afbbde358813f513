"""Languages: each folder has every file, and each file the parts of the English one."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken.kinds import KINDS
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.languages import LANGUAGES, OWN, load_table
from tests.rows import each_of

MOST_LISTED = 1000  # Phrases of one list; the longest has some 600.
SECTIONS = [kind.section for kind in KINDS.values() if kind.section is not None]


@each_of("code", LANGUAGES)
def test_a_language_has_each_part_of_each_file(code: str) -> None:
    assert load_table(code, "grammar")["code"] == code
    for file in ("grammar", "prompts", "voices", "captions", "misspellings"):
        assert load_table(code, file).keys() >= load_table(OWN, file).keys(), file


@each_of("code", LANGUAGES)
@each_of("section", ("words", "not_a_record", "commands", "deeds", "works", "breaks"))
def test_a_language_has_each_list_that_the_reader_looks_up(code: str, section: str) -> None:
    assert load_table(code, "grammar")[section].keys() >= load_table(OWN, "grammar")[section].keys()


@each_of("code", LANGUAGES)
def test_a_language_has_the_words_of_each_kind_of_field(code: str) -> None:
    for section in SECTIONS:
        assert load_table(code, "grammar")[section].keys() >= load_table(OWN, "grammar")[section].keys(), section


@each_of("code", LANGUAGES)
def test_lists_that_are_listed_phrase_by_phrase_are_short(code: str) -> None:
    """A pattern of several classes once made two million phrases of a deed: 5 s and 400 MB at each start."""
    language = Language.from_table(load_table(code, "grammar"))
    listed = {**language.deeds, **language.commands, **language.breaks}
    assert {name: len(said) for name, said in listed.items() if len(said) > MOST_LISTED} == {}
