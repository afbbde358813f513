"""Invariants over sentences made from grammar: nothing is recorded that was not meant, what is asked offers what was
meant, and what is said fluently is recorded at once. By night 60,000 sentences; a failure names the seeds, and
`python -m tests.reading.sentences LANGUAGE FORM SEED` says them again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dockvoice_protocol.languages import LANGUAGES
from edge.agent.typed_input import parse_typed
from edge.agree.decide import decide
from edge.records import ClosedBy, Outcome
from tests.reading.scribe import rules
from tests.reading.sentences import TONGUES, Sentence, sentence
from tests.tiers import SEED, sized

SPOKEN = [("en", "stock-count"), *((language, "pallet-move") for language in TONGUES if language in LANGUAGES)]
"""Every language that can be read; what is counted, in English alone."""

SENTENCES = sized(quick=20, test=50, nightly=2_500)  # In one test: of 2,500 none takes a minute.

PARTS = sized(test=1, nightly=-(-15_000 // (SENTENCES * len(SPOKEN))))

TOLD = 20  # So many failures are told of each kind, and the others counted.

AT_ONCE = 0.95  # Of what is said without a slip and with a pause between the fields.


def faults(said: Sentence, language: str, form: str) -> Iterator[str]:
    """What is wrong with the reading of a sentence."""
    under = rules(form, language)
    reading = parse_typed(said.text, under)
    verdict = decide(reading, ClosedBy.PAUSE, under)
    if verdict.outcome is Outcome.ACCEPT and verdict.fields != said.fields:
        yield f"recorded {dict(verdict.fields)}"
        return
    for name, meant in said.fields.items():
        one = reading.fields.get(name)
        if one is None or one.value is None:
            continue
        if meant not in {one.value, *one.rivals}:
            yield f"{name} is {one.value}" if not one.rivals else f"{name} is asked: {one.value} or {one.rivals}"


def said_in(part: int, language: str, form: str) -> Iterator[tuple[str, Sentence]]:
    for number in range(part * SENTENCES, (part + 1) * SENTENCES):
        seed = f"{SEED}/{number}"
        yield seed, sentence(language, form, seed)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("language", "form"), SPOKEN)
def test_nothing_is_read_that_was_not_meant(language: str, form: str, part: int) -> None:
    found = [
        f"{language} {form} {seed}: {said.text}: {fault}; meant {dict(said.fields)}"
        for seed, said in said_in(part, language, form)
        for fault in faults(said, language, form)
    ]
    assert not found, "\n".join([f"{len(found)} of {SENTENCES}", *found[:TOLD]])


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("language", "form"), SPOKEN)
def test_what_is_said_fluently_is_recorded_at_once(language: str, form: str, part: int) -> None:
    under = rules(form, language)
    plain = [(seed, said) for seed, said in said_in(part, language, form) if said.plain]
    asked = [
        f"{language} {form} {seed}: {said.text}"
        for seed, said in plain
        if decide(parse_typed(said.text, under), ClosedBy.PAUSE, under).outcome is not Outcome.ACCEPT
    ]
    allowed = max(1.0, (1 - AT_ONCE) * len(plain))  # of the few by day, one
    assert len(asked) <= allowed, "\n".join([f"{len(asked)} of {len(plain)}", *asked[:TOLD]])
