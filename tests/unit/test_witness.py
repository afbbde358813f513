from __future__ import annotations

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import FieldValue, Word
from edge.understand.witness import find_contradictions
from tests.rows import each_of, rows_of

Otherwise = dict[str, list[FieldValue]]


def spoken(text: str) -> tuple[Word, ...]:
    """Words said one after the other; a comma is a pause."""
    words, now = [], 0.0
    for part in text.split():
        words.append(Word(part.strip(","), now, now + 0.3, 1.0))
        now += 0.7 if part.endswith(",") else 0.3
    return tuple(words)


@each_of(("first", "heard", "otherwise"), rows_of("witness", "heard"))
def test_a_witness_is_heard_on_the_words_in_question_alone(
    form: Form, catalogue: Catalogue, first: str, heard: str, otherwise: Otherwise
) -> None:
    found = find_contradictions(spoken(first), heard, form, catalogue)
    assert {name: [*both] for name, both in found.items()} == otherwise
