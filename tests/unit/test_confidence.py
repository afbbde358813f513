from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import pytest

from dockvoice_protocol.records import FieldReading, FieldValue, Word
from edge.understand.local.confidence import Alternative, likeliest_meaning
from edge.understand.reading_builder import UNKNOWN
from tests.rows import each_of

TEMPERATURE = 0.7


def words(text: str, confidence: float = 1.0) -> tuple[Word, ...]:
    return tuple(Word(word, float(at), at + 0.9, confidence) for at, word in enumerate(text.split()))


def alternative(text: str, behind: float = 0.0) -> Alternative:
    """`behind` the first in units of the temperature: 1 is less likely by a factor of e."""
    return Alternative(100.0 - behind * TEMPERATURE, words(text))


def read(said: Sequence[Word]) -> Mapping[str, FieldReading]:
    """Each word is `field=value`; "?" and "[unk]" mean nothing for it, "a|b" either; other words name no field."""
    return {name: meaning(value) for name, _, value in (word.text.partition("=") for word in said) if value}


def meaning(value: str) -> FieldReading:
    known: list[FieldValue] = [] if value in {"?", UNKNOWN} else list(value.split("|"))
    return FieldReading(known[0] if known else None, (value,), 1.0, tuple(known[1:]))


def likely(
    hearings: Sequence[Sequence[Alternative]], reading: Callable[[Sequence[Word]], Mapping[str, FieldReading]] = read
) -> tuple[Sequence[Word], Mapping[str, FieldReading]]:
    """Of fields that may hold anything but "0"."""
    return likeliest_meaning(hearings, reading, lambda _, value: value != "0")


def confidences(*hearings: Sequence[Alternative]) -> dict[str, float]:
    return {name: field.confidence for name, field in likely(hearings)[1].items()}


def test_words_that_mean_no_value_are_hardly_what_was_said() -> None:
    fields = likely([[alternative("dock=?"), alternative("dock=B", 1)]])[1]
    assert fields["dock"].value == "B"
    assert fields["dock"].confidence == pytest.approx(0.964, abs=0.001)


@each_of(("parts", "chosen"), [({"almond"}, "almond milk"), ((), None)])
def test_a_part_of_a_longer_value_beside_a_value_is_hardly_what_was_said(
    parts: Collection[str], chosen: FieldValue | None
) -> None:
    def reading(said: Sequence[Word]) -> Mapping[str, FieldReading]:
        whole = said[-1].text == "milk"
        sugar = FieldReading("sugar" if whole else None, ("sugar",) if whole else ("sugar", "almond"), 1.0)
        milk = {"milk": FieldReading("almond milk", ("almond", "milk"), 1.0)} if whole else {}
        return {"sugar": sugar if whole else replace(sugar, runner_up="sugar"), **milk}

    hearings = [[alternative("sugar and almond"), alternative("sugar and almond milk", 2)]]
    fields = likeliest_meaning(hearings, reading, lambda _, __: True, parts)[1]
    assert fields["milk"].value == chosen


def test_words_that_mean_no_value_are_what_was_said_where_nothing_else_is_near() -> None:
    near_enough_to_be_read = 6.0 / TEMPERATURE - 0.01
    fields = likely([[alternative("dock=?"), alternative("dock=B", near_enough_to_be_read)]])[1]
    assert (fields["dock"].value, fields["dock"].runner_up) == (None, "B")


def test_words_beyond_the_grammar_count_against_a_value_as_they_are() -> None:
    fields = likely([[alternative("dock=[unk]"), alternative("dock=B")]])[1]
    assert fields["dock"].value is None
    assert fields["dock"].confidence == pytest.approx(0.5)


def test_a_field_left_out_is_not_made_up_for_and_doubted_where_it_is_likely() -> None:
    fields = likely([[alternative("dock=B"), alternative("dock=B quantity=4", 0.5)]])[1]
    assert (fields["quantity"].value, fields["quantity"].runner_up) == (None, "4")


def test_a_value_that_a_field_may_not_hold_is_hardly_what_was_said() -> None:
    fields = likely([[alternative("dock=0"), alternative("dock=B", 1)]])[1]
    assert (fields["dock"].value, fields["dock"].runner_up) == ("B", "0")


def test_what_may_mean_either_value_says_nothing_as_to_which() -> None:
    clear = likely([[alternative("dock=B"), alternative("dock=D", 1)]])[1]
    fields = likely([[alternative("dock=B"), alternative("dock=D", 1), alternative("dock=D|B", 0.5)]])[1]
    assert (fields["dock"].value, fields["dock"].runner_up) == ("B", "D")
    assert fields["dock"].confidence == pytest.approx(clear["dock"].confidence)


def test_a_value_that_only_an_ambiguous_alternative_has_is_no_runner_up() -> None:
    fields = likely([[alternative("dock=B"), alternative("dock=B|D", 1)]])[1]
    assert (fields["dock"].confidence, fields["dock"].runner_up) == (1.0, None)


def test_a_value_that_nothing_but_its_rival_is_clear_against_is_not_believed() -> None:
    fields = likely([[alternative("dock=B|D"), alternative("dock=D", 1)]])[1]
    assert (fields["dock"].value, fields["dock"].rivals, fields["dock"].confidence) == ("B", ("D",), 0.0)


def test_a_meaning_that_many_share_wins_over_a_likelier_one() -> None:
    heard = [alternative("dock=B"), alternative("dock=D", 0.2), alternative("um dock=D", 0.2), alternative("dock=G", 2)]
    said, fields = likely([heard])
    assert (fields["dock"].value, fields["dock"].runner_up) == ("D", "B")
    assert [word.text for word in said] == ["dock=D"]


def test_the_runner_up_is_the_likeliest_other_value_of_all_hearings() -> None:
    once = [alternative("dock=B"), alternative("dock=D", 2), alternative("dock=G", 3)]
    again = [alternative("dock=B"), alternative("dock=G", 1), alternative("dock=D", 4)]
    assert likely([once, again])[1]["dock"].runner_up == "G"


def test_hearings_that_disagree_halve_the_sureness() -> None:
    fields = likely([[alternative("dock=B quantity=4")], [alternative("dock=D quantity=4")]])[1]
    assert fields["dock"].confidence == pytest.approx(0.5)
    assert fields["quantity"].confidence == 1.0


def test_scores_count_within_their_own_hearing_only() -> None:
    loud = [Alternative(9_000.0, words("dock=B")), Alternative(9_000.0 - TEMPERATURE, words("dock=D"))]
    faint = [Alternative(-5.0, words("dock=B")), Alternative(-5.0 - TEMPERATURE, words("dock=D"))]
    assert confidences(loud, faint)["dock"] == pytest.approx(confidences(loud)["dock"])


def test_what_is_far_behind_is_not_read() -> None:
    def unread(said: Sequence[Word]) -> Mapping[str, FieldReading]:
        assert said[0].text != "dock=D"
        return read(said)

    far = Alternative(93.9, words("dock=D"))
    assert likely([[alternative("dock=B"), far]], unread)[1]["dock"].confidence == 1.0


@each_of(
    ("instead", "sure"),
    [("full", False), ("fire", False), ("four", True), ("for", True), ("uh", True), (UNKNOWN, True), ("", True)],
)
def test_a_figure_that_another_word_may_stand_for_is_doubted_though_hardly_any_sentence_has_that(
    instead: str, sure: bool
) -> None:
    def counted(said: Sequence[Word]) -> Mapping[str, FieldReading]:
        return {"pallet_id": meaning("".join("4" for word in said if word.text == "five"))}

    heard = [alternative("pallet five five"), alternative(f"pallet {instead} five", behind=4)]
    assert (likely([heard], counted)[1]["pallet_id"].confidence > 0.9) == sure


def test_a_strange_word_never_takes_the_place_of_a_figure() -> None:
    heard = [alternative("five id=5"), alternative("fire id=6", behind=1)]
    assert likely([heard])[1]["id"].value == "5"


def test_a_word_is_as_sure_as_the_share_that_has_it_at_its_place() -> None:
    said, _ = likely([[alternative("pallet dock=B"), alternative("um dock=B")]])
    assert [(word.text, word.confidence) for word in said] == [("pallet", pytest.approx(0.5)), ("dock=B", 1.0)]


def test_a_word_of_a_command_is_doubted_as_a_field_is_where_only_one_hearing_has_it() -> None:
    [yes], _ = likely([[alternative("yes")], [alternative("us")]])
    assert yes.confidence == pytest.approx(0.5)
