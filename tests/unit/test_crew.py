"""Whom a number or a name at sign-on means, and whether that is sure."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken.language import ENGLISH, language_named
from dockvoice_protocol.records import Operator
from edge.agree.crew import find_sign_on_candidates, spell_if_number
from tests.rows import each_of, rows_of

ANA = Operator("op-17", "471", ("ana",))
BEN = Operator("op-18", "4711", ("ben", "big ben"))
PEN = Operator("op-19", "62", ("pen",))
ZOE = Operator("op-20", "007")
DAN = Operator("op-21", "225", ("dan",))
MAX = Operator("op-22", "25", ("max",))
IVO = Operator("op-23", "1004")
LEO = Operator("op-24", "104")
CREW = (ANA, BEN, PEN, ZOE, DAN, MAX)


@each_of(("said", "name", "called"), rows_of("crew", "who_is_surely_meant"))
def test_who_is_surely_meant(said: str, name: str, called: str) -> None:
    (found,) = find_sign_on_candidates(said, CREW, ENGLISH)
    assert (found.operator.name, found.called) == (name, called)
    assert found.sure == (said not in {"four seven one one", "4711", "forty seven eleven"})


@each_of(("said", "name", "asked"), rows_of("crew", "what_is_easily_another_is_asked"))
def test_what_is_easily_another_is_asked(said: str, name: str, asked: str) -> None:
    (found,) = find_sign_on_candidates(said, CREW, ENGLISH)
    assert (found.operator.name, found.sure, found.number_and_name) == (name, False, asked)


def test_a_number_that_may_be_either_of_two_is_sure_of_neither() -> None:
    found = find_sign_on_candidates("one hundred four", (IVO, LEO), ENGLISH)
    assert {one.operator.name: one.sure for one in found} == {"op-23": False, "op-24": False}


@each_of(
    "said", ["", "four", "four seven two", "zoe", "pen four seven one", "ana ben", "ana ana", "six two six two", "7"]
)
def test_nobody_is_meant_by_anything_else(said: str) -> None:
    assert find_sign_on_candidates(said, CREW, ENGLISH) == ()


def test_a_number_is_said_digit_by_digit_in_other_languages_too() -> None:
    (found,) = find_sign_on_candidates("sechs zwei", CREW, language_named("de"))
    assert found.operator is PEN
    assert spell_if_number("vier acht", language_named("de")) == "4 8"
    assert spell_if_number("carl", ENGLISH) == "carl"
