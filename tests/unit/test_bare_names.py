"""Unit: digits without a label that name another thing, and those that a field of the same words has."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken.language import language_named
from edge.agent.typed_input import typed
from edge.agree.bare_names import with_bare_name
from edge.agree.decide import Rules
from tests.rows import each_of
from tests.shipped import catalogue, form

PLACES = {
    "en": "location a zero one zero two",
    "de": "platz a null eins null zwei",
    "es": "ubicación a cero uno cero dos",
    "it": "ubicazione a zero uno zero due",
    "pl": "lokalizacja a zero jeden zero dwa",
    "pt": "localização a zero um zero dois",
}


@each_of("code", PLACES)
def test_the_digits_of_a_place_name_no_other_thing(code: str) -> None:
    rules = Rules(form("put-away"), catalogue(), language=language_named(code))
    said = typed(PLACES[code], rules)
    found = with_bare_name(said, typed("", rules), rules)
    assert {name: one.value for name, one in found.fields.items()} == {"location": "A-01-02"}
