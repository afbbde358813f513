"""Unit: digits without a label that name another thing, those that a field of the same words has, and places left."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken.language import language_named
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules
from edge.agree.unclear_numbers import read_stray_names
from tests.reading.languages import of_each, said_in, that_say
from tests.rows import each_of
from tests.shipped import catalogue, form


@each_of("code", that_say("bare_place"))
def test_the_digits_of_a_place_name_no_other_thing(code: str) -> None:
    rules = Rules(form("put-away"), catalogue(), language=language_named(code))
    said = parse_typed(said_in(code)["bare_place"], rules)
    found = read_stray_names(said, parse_typed("", rules), rules)
    assert {name: one.value for name, one in found.fields.items()} == {"location": "A-01-02"}


@each_of(("code", "said"), of_each("left_behind"))
def test_a_place_that_goods_left_is_not_where_they_are(code: str, said: str) -> None:
    reading = parse_typed(said, Rules(form("pallet-move"), catalogue(), language=language_named(code)))
    dock = reading.fields.get("dock")
    assert reading.not_understood is not None or dock is None or dock.value is None
