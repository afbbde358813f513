"""Patterns of phrases: what they stand for, and what finds them, must be the same."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dockvoice_protocol.forms.spoken.folding import Phrase
from dockvoice_protocol.forms.spoken.phrase_list import Classes, PatternError, PhraseList, automaton

CLASSES = {"who": ["i", "we"], "have": ["have", "<who> have got"], "maybe": ["just", ""]}

PATTERNS = {
    "loaded": {"loaded"},
    "[just] loaded": {"just loaded", "loaded"},
    "(put | placed [down]) it": {"put it", "placed it", "placed down it"},
    "<who> <maybe> loaded": {"i just loaded", "we just loaded", "i loaded", "we loaded"},
    "<have> (a | the | ) box": {
        f"{have} {article}box" for have, article in product(["have", "i have got", "we have got"], ["a ", "the ", ""])
    },
    "check-in": {"check in"},
    "[well] [then]": {"well", "then", "well then"},
}


def phrases(*patterns: str) -> PhraseList:
    return PhraseList(map(Classes(CLASSES, spellings).parse, patterns))


def spellings(word: str) -> list[Phrase]:
    return [(word,)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_stands_for_its_phrases_and_finds_just_these(pattern: str) -> None:
    listed, wanted = phrases(pattern), {tuple(said.split()) for said in PATTERNS[pattern]}
    assert set(listed) == wanted
    words = {word for said in wanted for word in said}
    tried = (said for size in range(1, 6) for said in product(sorted(words), repeat=size))
    assert {said for said in tried if said in listed} == wanted


@pytest.mark.parametrize(
    ("pattern", "named"),
    [("put (it", "'(' is not closed"), ("put it]", "']' closes nothing"), ("<wo> put", "who, have, maybe")],
)
def test_a_pattern_that_is_none_says_what_is_wrong(pattern: str, named: str) -> None:
    with pytest.raises(PatternError, match="put") as failed:
        tuple(phrases(pattern))
    assert named in str(failed.value)


def test_all_ends_of_phrases_that_begin_at_a_word_are_found() -> None:
    assert phrases("over", "over to [the]").ends(["right", "over", "to", "the", "dock"], 1) == [2, 3, 4]


def test_a_word_may_be_refused_as_a_phrase_of_its_own() -> None:
    listed = PhraseList(phrases("one", "one more").expansions, lambda word: word != "one")
    assert ("one",) not in listed
    assert ("one", "more") in listed
    assert list(listed) == [("one", "more")]


def test_a_word_with_several_spellings_is_found_in_each() -> None:
    classes = Classes({}, lambda word: [(word,), tuple(word.split("'"))])
    listed = PhraseList([classes.parse("c'est bon")])
    assert set(listed) == {("c'est", "bon"), ("c", "est", "bon")}


def test_samples_have_every_word_of_a_pattern() -> None:
    listed = phrases("(<who> | <who> <maybe>) (put | (placed | left)) [it] here")
    assert {word for said in listed.samples() for word in said.split()} == {
        "i",
        "we",
        "just",
        "put",
        "placed",
        "left",
        "it",
        "here",
    }


@given(some.lists(some.sampled_from(sorted(PATTERNS)), min_size=2, max_size=4, unique=True), some.data())
def test_one_automaton_finds_the_phrases_of_all_lists_under_their_names(
    names: list[str], data: some.DataObject
) -> None:
    state = automaton((phrases(name), name) for name in names)
    said = data.draw(some.sampled_from(sorted(set().union(*(phrases(name) for name in names)))))
    for word in said:
        following = state.behind(word)
        assert following is not None
        state = following
    assert set(state.labels) == {name for name in names if said in phrases(name)}
