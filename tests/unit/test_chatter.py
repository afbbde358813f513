from __future__ import annotations

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Word
from edge.understand.reading_builder import is_chatter
from tests.rows import each_of, rows_of


def words(text: str) -> list[Word]:
    return [Word(word, at, at + 0.9, 1.0) for at, word in enumerate(text.split())]


@each_of("heard", rows_of("chatter", "what_may_be_meant_for_the"))
def test_what_may_be_meant_for_the_device_is_no_talk(form: Form, catalogue: Catalogue, heard: str) -> None:
    assert not is_chatter(words(heard), form, catalogue)


@each_of("heard", rows_of("chatter", "what_a_grammar_makes_of_talk"))
def test_what_a_grammar_makes_of_talk_is_chatter(form: Form, catalogue: Catalogue, heard: str) -> None:
    assert is_chatter(words(heard), form, catalogue)
