"""The questions about a draft before it may be held: the shortest that settles each doubt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken import contains_check, is_murmur
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Word
from edge.agree.decide import AS_MEANT, NO_CIRCUMSTANCES, Circumstances, Rules, decide
from edge.agree.dialogue.table import State
from edge.agree.merging import MEANT, agreement_mark
from edge.agree.one_breath import find_telling_field, split_if_several
from edge.agree.readings import SHORTEST_NAME, values_of
from edge.agree.unclear_numbers import count_digits
from edge.records import Cause, ClosedBy, ConfirmationKind, Draft, Outcome, Reason, Verdict
from edge.records.speech import Prompt, Say

_UNSETTLED_BY_YES = frozenset(
    {Reason.FIELD_MISSING, Reason.FIELD_AMBIGUOUS, Reason.FIELD_INVALID, Reason.NOT_IN_CATALOGUE, Reason.COUNT_DIFFERS}
)
"""Doubts that a yes cannot settle: there is no single value to accept, or it is to be counted again."""


class Topic(StrEnum):
    """The kind of a question."""

    FIELD = "field"
    CHOICE = "choice"
    FIELD_RIGHT = "field right"
    ENTRY_RIGHT = "entry right"
    CANCEL = "cancel"  # Whether to cancel an entry, or give up one in review.
    DROP = "drop"  # Whether to drop the open entry.
    INSTEAD = "instead"  # Whether another thing after a word of correction replaces the entry.
    NEXT_OR_INSTEAD = "next or instead"  # Whether an identifier spoken alone is the next entry's or a correction.
    PROOF = "proof"
    WRONG = "wrong"  # What is wrong with the entry that was read back.
    CLOSE = "close"  # Whether to close a trailer.
    REOPEN = "reopen"  # Whether to reopen the closed trailer of the entry.


OF_VALUE = frozenset({Topic.FIELD, Topic.CHOICE, Topic.FIELD_RIGHT, Topic.PROOF})
"""Questions for a value of the open entry, or about one."""

_STATES = {
    Topic.FIELD: State.ASKING,
    Topic.WRONG: State.ASKING,
    Topic.CHOICE: State.CHOOSING,
    Topic.FIELD_RIGHT: State.CONFIRMING,
    Topic.ENTRY_RIGHT: State.CONFIRMING,
    Topic.CANCEL: State.CONFIRMING,
    Topic.DROP: State.CONFIRMING,
    Topic.INSTEAD: State.CONFIRMING,
    Topic.NEXT_OR_INSTEAD: State.CHOOSING,
    Topic.CLOSE: State.CONFIRMING,
    Topic.REOPEN: State.CONFIRMING,
    Topic.PROOF: State.PROVING,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what its answer applies to."""

    about: Topic
    field: str | None = None
    candidates: tuple[FieldValue, ...] = dataclasses.field(default=(), repr=False)
    """The values that a yes, or a choice, accepts."""
    fields: Mapping[str, FieldValue] = dataclasses.field(default_factory=dict, repr=False)  # The values it reads out.
    check: int = 0  # Index of the check digits that are asked for.
    checks: int = 1  # How many check digits the place has.
    other: Draft | None = None  # The next entry, unless it corrects this one; of CANCEL, the one in review.
    unspoken: bool = False  # Asked only on timeout: the next utterance may answer it.
    before: Mapping[str, FieldValue] = dataclasses.field(default_factory=dict, repr=False)
    """For INSTEAD: the first field, with its current value, that differs from `fields`; empty: none."""
    why: Reason | None = None  # The doubt that led to it.
    unexplained: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    """For FIELD_RIGHT: words that made the value doubtful. A yes records it without them, so the prompt reads them
    out. For FIELD: those that gave no value, where they have more than the answer says: another name, or number."""
    prompt: Prompt | None = None  # Replaces the usual prompt.

    @property
    def state(self) -> State:
        """The state that waits for its answer."""
        return _STATES[self.about]

    @property
    def is_about_implausible_value(self) -> bool:
        """Whether it asks about a value that was heard clearly but is implausible."""
        return self.about is Topic.REOPEN or (self.about is Topic.FIELD_RIGHT and self.why in AS_MEANT)


def judge_draft(draft: Draft, rules: Rules, circumstances: Circumstances = NO_CIRCUMSTANCES) -> Verdict:
    """The verdict on a draft, without the doubts that the operator has settled by a yes or a recount."""
    # Acoustics of one utterance do not apply to a draft of several: see `merging.unconfirm_doubtful_fields`.
    of = rules.for_context if draft.act is Act.CONTEXT else rules
    known = replace(circumstances, acoustics=None, recounted=frozenset(dict(draft.counted)))
    verdict = decide(draft.reading, ClosedBy.PAUSE, of, known)
    if verdict.outcome is not Outcome.ASK:
        return verdict
    left = tuple(doubt for doubt in verdict.reasons if not _is_agreed(draft, doubt))
    values = values_of(draft.reading)
    if not left:
        return Verdict(Outcome.ACCEPT, (Cause(Reason.COMPLETE),), values, confirm=ConfirmationKind.READBACK)
    if left[0] == verdict.reasons[0]:
        return replace(verdict, reasons=left)
    return Verdict(Outcome.ASK, left, verdict.fields, ask=left[0].field, confirm=ConfirmationKind.FIELD)


def next_question(draft: Draft, verdict: Verdict, rules: Rules, turn: int, *, ended: bool) -> Question | None:
    """The next question; None: the draft may be held.

    `turn` selects the check digits of a place; `ended`: the form's terminator, if it has one, was spoken.
    """
    if verdict.outcome is Outcome.ASK:
        question = _build_doubt_question(draft, verdict, rules)
        # The check digits on its sign also confirm that the place was heard right.
        signed = (
            question.about is Topic.FIELD_RIGHT
            and question.why not in _WHETHER
            and _check_digits_of_candidate(question, rules)
        )
        return (
            build_check_digits_question(str(question.field), question.candidates[0], rules, turn)
            if signed
            else question
        )
    if (place := find_unproved_field(draft, verdict, rules)) is not None:
        return build_check_digits_question(place.name, verdict.fields[place.name], rules, turn)
    return None if ended else Question(Topic.ENTRY_RIGHT, fields=verdict.fields)


def _check_digits_of_candidate(question: Question, rules: Rules) -> tuple[str, ...]:
    catalogue = rules.form[str(question.field)].catalogue
    return () if catalogue is None else rules.catalogue.check_words(catalogue, str(question.candidates[0]))


def build_check_digits_question(name: str, value: FieldValue, rules: Rules, turn: int) -> Question:
    """The question for a place's check digits; `turn` rotates through signs with several."""
    checks = rules.catalogue.check_words(str(rules.form[name].catalogue), str(value))
    return Question(Topic.PROOF, name, fields={name: value}, check=turn % len(checks), checks=len(checks))


def build_field_question(
    name: str, candidates: tuple[FieldValue, ...], why: Reason | None = None, value: FieldValue | None = None
) -> Question:
    """The question for a field, offering one or two candidates if there are any: "15 units, or 50 units?".

    `value` is a value that was understood but is invalid.
    """
    if not candidates:
        return Question(Topic.FIELD, name, fields={} if value is None else {name: value}, why=why)
    return Question(Topic.CHOICE if len(candidates) > 1 else Topic.FIELD_RIGHT, name, candidates, why=why)


def render_question(question: Question) -> Say:
    """The question's prompt."""
    match question.about:
        case Topic.FIELD:
            return _render_field_question(question)
        case Topic.CHOICE | Topic.NEXT_OR_INSTEAD:
            prompt = question.prompt or (Prompt.CHOOSE if question.about is Topic.CHOICE else Prompt.NEXT_OR_INSTEAD)
            return Say(prompt, asked=question.field, candidates=question.candidates[:2])
        case Topic.FIELD_RIGHT:
            return _render_confirmation(question)
        case Topic.INSTEAD if question.before:
            ((name, before),) = question.before.items()
            return Say(Prompt.CONFIRM_INSTEAD, asked=name, candidates=(question.fields[name], before))
        case Topic.PROOF if question.checks > 1:
            return Say(Prompt.PROVE_SET, question.fields, {"set": str(question.check + 1)})
        case _:
            return Say(question.prompt or _PLAIN[question.about], question.fields)


def _render_confirmation(question: Question) -> Say:
    """The prompt whether a value is right, with any words that were not understood."""
    value = {str(question.field): question.candidates[0]}
    if question.unexplained and question.why not in _WHETHER:
        return Say(Prompt.CONFIRM_WITHOUT, value, {"words": " ".join(question.unexplained)})
    return Say(_WHETHER.get(question.why, Prompt.CONFIRM_FIELD), value)


def _render_field_question(question: Question) -> Say:
    """The prompt for a field, with the reason if a value was rejected."""
    if question.prompt is not None:
        return Say(question.prompt, question.fields, asked=question.field, candidates=question.candidates)
    refused = _REFUSED.get(question.why)
    if refused is not None and question.fields:
        return Say(refused, question.fields, asked=question.field)
    if question.why in _UNCLEAR and question.unexplained:
        return Say(Prompt.ASK_UNCLEAR_WORDS, slots={"words": " ".join(question.unexplained)}, asked=question.field)
    return Say(Prompt.ASK_UNCLEAR if question.why in _UNCLEAR else Prompt.ASK_FIELD, asked=question.field)


_WHETHER: Mapping[Reason | None, Prompt] = {
    Reason.DOUBLE_COUNT: Prompt.CONFIRM_AGAIN,
    Reason.UNUSUAL: Prompt.CONFIRM_UNUSUAL,
    Reason.NOT_EXPECTED: Prompt.CONFIRM_NOT_EXPECTED,
    Reason.EXPECTED_ELSEWHERE: Prompt.CONFIRM_ELSEWHERE,
    Reason.ALREADY_RECEIVED: Prompt.CONFIRM_RECEIVED,
}
_REFUSED: Mapping[Reason | None, Prompt] = {
    Reason.NOT_IN_CATALOGUE: Prompt.ASK_UNKNOWN,
    Reason.FIELD_INVALID: Prompt.ASK_IMPOSSIBLE,
}
_UNCLEAR = frozenset({Reason.FIELD_AMBIGUOUS, Reason.FIELD_UNSURE})

_PLAIN = {
    Topic.ENTRY_RIGHT: Prompt.CONFIRM_ENTRY,
    Topic.CANCEL: Prompt.CONFIRM_CANCEL,
    Topic.DROP: Prompt.CONFIRM_CANCEL,
    Topic.INSTEAD: Prompt.CONFIRM_ENTRY,
    Topic.PROOF: Prompt.PROVE,
    Topic.WRONG: Prompt.WHAT_IS_WRONG,
    Topic.CLOSE: Prompt.CONFIRM_CLOSE,
    Topic.REOPEN: Prompt.CONFIRM_REOPEN,
}


def hold_if_accepted(verdict: Verdict) -> Verdict:
    """The verdict of a draft that is not committed yet: ACCEPT becomes HOLD."""
    return replace(verdict, outcome=Outcome.HOLD) if verdict.outcome is Outcome.ACCEPT else verdict


def _is_agreed(draft: Draft, doubt: Cause) -> bool:
    if doubt.field is None or doubt.reason in _UNSETTLED_BY_YES:
        return False
    said = draft.reading.fields.get(doubt.field)
    # Which value was said does not tell whether a pallet that is recorded, or on no list, is meant.
    name = f"{MEANT} {doubt.field}" if doubt.reason in AS_MEANT - {Reason.UNUSUAL} else doubt.field
    return said is not None and said.value is not None and agreement_mark(name, said.value) in draft.agreed


def _build_doubt_question(draft: Draft, verdict: Verdict, rules: Rules) -> Question:
    name = str(verdict.ask)
    said, field, why = draft.reading.fields.get(name), rules.form[name], verdict.reasons[0].reason
    if why is Reason.FIELD_INVALID and field.catalogue is not None:
        why = Reason.NOT_IN_CATALOGUE  # "There is no dock 9": operators know the places, and no pattern
    unnamed = name in rules.identifying_fields and (said is None or said.value is None or said.rivals)
    parts = split_if_several(draft.reading, rules) if unnamed else ()
    if (telling := find_telling_field(parts, rules)) is not None:
        offered = tuple(values_of(part)[telling] for part in parts)
        return Question(Topic.FIELD, telling, offered, why=why, prompt=Prompt.ONE_BY_ONE)
    if why is Reason.COUNT_DIFFERS:
        pallet = rules.form.expects[FieldRole.PALLET]
        of = {pallet: values_of(draft.reading)[pallet]}  # the pallet may be in doubt itself, and is then asked about
        return Question(Topic.FIELD, name, fields=of, why=why, prompt=Prompt.COUNT_AGAIN)
    candidates = verdict.candidates or _list_offered_values(said, why, field, rules)
    if said is None:
        return build_field_question(name, candidates, why)
    question = build_field_question(name, candidates, why, said.value)
    if question.about is Topic.CHOICE and said.scanned:
        return replace(question, prompt=Prompt.CHOOSE_SCANNED)
    if question.about is Topic.FIELD:
        return replace(question, unexplained=said.words if _has_more(name, said, rules) else ())
    words = [Word(one, 0.0, 0.0, 1.0) for one in said.unexplained]
    return replace(question, unexplained=() if is_murmur(words, rules.language) else said.unexplained)  # "25 yes"


def _has_more(name: str, said: FieldReading, rules: Rules) -> bool:
    """Whether the words that gave no value have more than one answer says: "pallet 742, 743", "twelve, two dented"."""
    if name in rules.identifying_fields:
        return count_digits(said.words, rules) >= 2 * SHORTEST_NAME
    split = groupby(said.words, lambda word: count_digits([word], rules) > 0)
    numbers = [[*words] for is_number, words in split if is_number]
    counts = rules.language.numerals.counts
    counted = [words for words in numbers if any(counts([fold(word)], 0) for word in words)]  # "Oh" is none.
    return len(counted) > 1 or any(count_digits(words, rules) >= SHORTEST_NAME for words in numbers)


def _list_offered_values(
    reading: FieldReading | None, reason: Reason, field: FormField, rules: Rules
) -> tuple[FieldValue, ...]:
    """The one or two values that may have been meant; empty if there are more, since a list is not listened to."""
    if reading is None or reading.value is None or reason in _UNSETTLED_BY_YES - {Reason.FIELD_AMBIGUOUS}:
        return ()
    likely = (reading.value, *reading.rivals)
    if reason is Reason.FIELD_UNSURE:
        likely = (reading.value, *(() if reading.runner_up is None else (reading.runner_up,)))
        if len(likely) == 1:
            return ()
    known = tuple(dict.fromkeys(value for value in likely if rules.allows_value(field, value)))
    return known if len(known) in {1, 2} and len(known) == len(set(likely)) else ()


def find_unproved_field(draft: Draft, verdict: Verdict, rules: Rules) -> FormField | None:
    """The first place of a draft whose check digits were not said yet; None where there is none."""
    for one in rules.form.fields:
        value = verdict.fields.get(one.name)
        if one.catalogue is None or value is None or agreement_mark(one.name, value) in draft.proved:
            continue
        checks, said = rules.catalogue.check_words(one.catalogue, str(value)), draft.reading.fields.get(one.name)
        known = said is not None and (said.is_inherited or contains_check(said.words, checks, rules.language))
        if checks and not known:
            return one
    return None
