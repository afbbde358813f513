from __future__ import annotations

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import vocabulary
from edge.config import Settings
from edge.understand.stt.transcript_reader import correct_labels
from tests.rows import each_of, rows_of


@pytest.fixture(scope="module")
def known(form: Form) -> frozenset[str]:
    return vocabulary(form, Catalogue.load(load_settings(Settings, None).catalogue_directory))


@each_of(("text", "spelt"), rows_of("labels", "a_misspelt_label_is_spelt_as"))
def test_a_misspelt_label_is_spelt_as_the_form_has_it(form: Form, known: frozenset[str], text: str, spelt: str) -> None:
    assert correct_labels(text, form, known) == spelt


@each_of("text", rows_of("labels", "other_words_stay_as_they_are"))
def test_other_words_stay_as_they_are(form: Form, known: frozenset[str], text: str) -> None:
    left = correct_labels(text, form, known)
    assert left == text or {"A", "H"}.isdisjoint(left.split())


def test_words_of_the_form_and_known_words_are_never_replaced(form: Form) -> None:
    assert correct_labels("ballad", form, {"Ballad"}) == "ballad"
