from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dockvoice_protocol.forms.spoken.numerals import LARGEST, Numerals
from dockvoice_protocol.languages import LANGUAGES
from tests.reading.numbers import numerals

FIGURES = ["0", "7", "42", "007", "742", "1.5", "2k", "7:42", "100000", "9" * 40, ".", "-", "k", "²", "٣"]


def vocabulary(known: Numerals) -> list[str]:
    small = known._joiners | {word for phrase in known._counts.half_within for word in phrase}
    return sorted(known._counts.beginnings | known._own | small) + FIGURES


UTTERANCES = st.sampled_from(LANGUAGES).flatmap(
    lambda code: st.tuples(st.just(code), st.lists(st.sampled_from(vocabulary(numerals(code))), min_size=1, max_size=9))
)


@given(UTTERANCES)
def test_no_words_are_read_beyond_their_end_or_beyond_the_largest(utterance: tuple[str, list[str]]) -> None:
    code, said = utterance
    for at in range(len(said)):
        counts = numerals(code).counts(said, at)
        groups = numerals(code).groups(said, at)
        assert all(at < one.end <= len(said) and 0 <= one.value <= LARGEST and one.cost >= 0 for one in counts)
        assert all(at < one.end <= len(said) and one.text.isascii() and one.text.isdigit() for one in groups)
        assert all(one.cost >= 0 and one.behind >= 0 for one in groups)
        assert len({(one.end, one.value) for one in counts}) == len(counts)


@given(UTTERANCES)
def test_no_words_are_two_numbers_at_the_same_cost(utterance: tuple[str, list[str]]) -> None:
    code, said = utterance
    for at in range(len(said)):
        for end in range(at + 1, len(said) + 1):
            usual = [one for one in numerals(code).counts(said, at) if one.end == end and one.cost < 1]
            assert len(usual) <= 1
