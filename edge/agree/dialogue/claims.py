"""Claims: the dialogue's kernel. Each value stays with the thing that it describes, and no claim is lost.

A claim is one thing's draft: its values, the utterances that gave them, and the identifying fields of the form
(`Form.identifies`). An utterance with a value opens a claim or joins one. Each step of the dialogue proposes a change;
`park_lawbreaking_claims` compares the claims before and after the step, and its orders, and enforces two laws:

*Attribution*: a claim keeps its identifiers. They change only by a word of correction with no other value or with all
values repeated (`may_rename`), by the answer to a question for that field, or by a yes to a question that named both;
no value moves from one claim to another.

*Conservation*: a claim ends in exactly one of: recorded, parked in review, dropped by the operator, given up aloud.
Until then it is open. No value that was surely said vanishes: a claim, an order or the standing context has it.

A claim that would break a law is parked in review and the breach is reported. Pure: every order is seen here before it
leaves the dialogue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import Act, FieldReading, Reading
from edge.agree.dialogue.interface import Breach, Law, Order
from edge.agree.readings import find_differing_identifiers, likely_values, possible_values, values_of, without_inherited
from edge.records import Commit, Draft, Note, Park, StoreDropped
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say


class Relation(StrEnum):
    """How an utterance's identifiers relate to those of a claim."""

    NONE = "no thing"  # No identifier: its values belong to the open claim.
    SAME = "the same thing"
    ANOTHER = "another thing"  # With at least one value of it.
    NAME = "another thing, by name alone"
    UNCLEAR = "unclear"  # It has an identifier without a value.


def relate_claims(
    claim: Reading, reading: Reading, identifies: Sequence[str], needed: Collection[str] = ()
) -> Relation:
    """How `reading` relates to `claim`; fields filled in from the context are ignored.

    Also ANOTHER where `reading` has an identifier and further fields, and the claim's identifier was not understood, or
    the claim has none and different values; and where the values differ and it repeats only some of the `needed`
    identifiers: "item A100, 26 pieces" over a count elsewhere.
    """
    own = without_inherited(reading).fields
    named = [name for name in identifies if name in own]
    more = own.keys() - set(identifies)
    if find_differing_identifiers(claim, reading, named):
        return Relation.ANOTHER if more else Relation.NAME
    if find_differing_identifiers(claim, reading, more) and is_partly_named(claim, reading, needed):
        return Relation.ANOTHER
    unclear = [name for name in named if not possible_values(own[name])]
    anew = [name for name in named if not possible_values(claim.fields.get(name))]
    known = any(name in claim.fields for name in anew if name not in unclear)
    if more and anew and (known or any(_is_unlike(claim.fields.get(name), own[name]) for name in (*more, *unclear))):
        return Relation.ANOTHER
    if unclear:
        return Relation.UNCLEAR
    return Relation.SAME if named else Relation.NONE


def is_partly_named(claim: Reading, reading: Reading, needed: Iterable[str]) -> bool:
    """Whether `reading` repeats some of the claim's `needed` identifiers, lacks the rest, and has another field."""
    known = {name for name in needed if possible_values(claim.fields.get(name))}
    own = without_inherited(reading).fields.keys()
    return bool(known & own) and not known <= own and not own <= known


def _is_unlike(before: FieldReading | None, reading: FieldReading) -> bool:
    """Whether both have words and different values; a value that was not understood is compared by its words."""
    if before is None or not (before.words and reading.words):
        return False
    if possible_values(before):
        return bool(possible_values(reading)) and not set(possible_values(before)) & set(possible_values(reading))
    long, short = sorted((before.words, reading.words), key=len, reverse=True)
    return not any(long[at : at + len(short)] == short for at in range(len(long)))


def may_rename(claim: Reading, reading: Reading, identifies: Sequence[str]) -> bool:
    """Whether a correction renames a claim without a question: it has no other value, or repeats all of them.

    With other values, or with a second identifier, it may describe another thing, so a question names both.
    """
    own = without_inherited(reading).fields
    if sum(_is_new(claim.fields.get(name), own.get(name)) for name in identifies) > 1:
        return False
    before, now = (
        {name: possible_values(one) for name, one in without_inherited(of).fields.items() if name not in identifies}
        for of in (claim, reading)
    )
    denied = {str(value) for name in identifies if name in reading.fields for value in reading.fields[name].denied}
    if denied - _collect_identifier_values(claim, identifies):
        return False  # "627 no, 742" does not correct 743
    alike = {name for name in before.keys() & now.keys() if set(before[name]) & set(now[name])}
    return before.keys() & now.keys() == alike and (before.keys() == alike or now.keys() == alike)


def _is_new(before: FieldReading | None, reading: FieldReading | None) -> bool:
    """Whether `reading` has a value, and none that the field had before."""
    now = possible_values(reading)
    return bool(now) and set(possible_values(before)).isdisjoint(now)


def _collect_identifier_values(claim: Reading, identifies: Iterable[str]) -> set[str]:
    return {str(value) for name in identifies for value in possible_values(claim.fields.get(name))}


def sounds_like(one: str, other: str) -> bool:
    """Whether two names are easily misheard: one character more, less or replaced, or two adjacent ones swapped.

    Damerau's single error (Communications of the ACM 7, 1964) covers four of five typing errors, and as many misheard.
    """
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    return one[at + 1 :] == other[at + 1 :] or swapped


@dataclass(frozen=True, slots=True)
class UtteranceFacts:
    """The facts about an utterance that the audit needs."""

    utterance_id: str
    reading: Reading
    corrects: bool  # It has a word of correction, or is a correction.
    renames: bool  # It may rename the open claim: see `may_rename`.
    counts: bool  # It is a valid utterance: not noise, a command or indistinct.


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """What the open question asked for before a step."""

    fields: frozenset[str] = field(default=frozenset(), repr=False)  # The fields it asked for, or offered values of.
    names_both: bool = False  # It named the claim's thing and another one.


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The result of `park_lawbreaking_claims`: the step's orders, with claims parked that would break a law."""

    orders: list[Order]
    closed: frozenset[str] = field(default=frozenset(), repr=False)  # Claims that must be closed.
    breaches: tuple[Breach, ...] = ()


GIVES_UP = frozenset(
    {Prompt.REPEAT, Prompt.NOT_RECORDED, Prompt.RECORDED_BY, Prompt.NOTHING_TO_CORRECT, Prompt.NOTHING_TO_CANCEL}
)
"""Prompts that tell the operator that his words had no effect."""

_PUTS_ASIDE = frozenset({Prompt.PARKED, Prompt.PARKED_ENTRY})

_BREACH = "conversation_breach"  # The review reason of a claim that a step would have lost, or mixed with another.


@dataclass(frozen=True, slots=True)
class OpenDraftsSnapshot:
    """The claims that are open at one moment."""

    claims: tuple[Draft, ...] = ()
    resting: frozenset[str] = field(default=frozenset(), repr=False)  # All utterances that an open draft rests on.
    waiting: frozenset[str] = field(default=frozenset(), repr=False)  # The utterances parked in review, open or not.
    aside: tuple[Draft, ...] = field(default=(), repr=False)
    """The drafts in review that are not open: one that is taken up is compared with what it was there."""
    held: tuple[Mapping[str, FieldReading], ...] = field(default=(), repr=False)
    """The fields of all open drafts, of what waits behind them, and of the standing context."""


def collect_open_claims(
    drafts: Sequence[Draft | None],
    aside: Iterable[Draft],
    closing_form: str | None,
    besides: Iterable[Mapping[str, FieldReading]] = (),
) -> OpenDraftsSnapshot:
    """The open claims: the open draft first, then the queued ones, which are also in review.

    The standing context, a cancellation and the closing of a trailer name no thing, so they are no claims. `besides`:
    the fields of what is held without a draft.
    """
    found = [one for one in drafts if one is not None]
    about = (one for one in found if one.act in {Act.RECORD, Act.AMEND} and one.form != closing_form)
    resting = frozenset(name for one in found for name in one.utterances)
    in_review, opened = tuple(aside), {one.utterance_id for one in found}
    waiting = frozenset(one.utterance_id for one in (*drafts[1:], *in_review) if one is not None)
    left = tuple(one for one in in_review if one.utterance_id not in opened)
    held = (*(one.reading.fields for one in found), *besides)
    return OpenDraftsSnapshot(tuple(about), resting, waiting, left, held)


def park_lawbreaking_claims(
    before: OpenDraftsSnapshot,
    after: OpenDraftsSnapshot,
    orders: Sequence[Order],
    utterance: UtteranceFacts | None,
    asked: QuestionFacts,
    identifies: Sequence[str],
) -> AuditResult:
    """The step's orders, in which every claim that would break a law is parked in review."""
    committed = [order.draft for order in orders if isinstance(order, Commit)]
    mixed = {
        one.utterance_id
        for one in (*after.claims, *committed)
        if one not in before.claims and _is_mixed(one, before, utterance, asked, identifies)
    }
    kept = [order for order in orders if not (isinstance(order, Commit) and order.draft.utterance_id in mixed)]
    if mixed:  # its readback or question would be about a claim that is closed
        kept = [order for order in kept if not isinstance(order, Say) or order.prompt in {*GIVES_UP, *_PUTS_ASIDE}]
    noted = {order.utterance_id for order in kept if isinstance(order, Note)}
    rest = {name for one in (*after.claims, *committed) if one.utterance_id in mixed for name in one.utterances}
    ended = {
        *(after.resting - rest),
        *(before.waiting - noted),
        *(name for one in committed if one.utterance_id not in mixed for name in one.utterances),
        *(order.utterance_id for order in kept if isinstance(order, Park)),
        *(name for order in kept if isinstance(order, StoreDropped) for name in order.draft.utterances),
    }
    lost = {one.utterance_id: one for one in before.claims if one.utterance_id not in ended}
    over = (
        {}
        if utterance is None or utterance.utterance_id in {*ended, *lost}
        else _find_unclaimed_reading(utterance, after, kept, identifies, mixed)
    )
    kept = [order for order in kept if not (isinstance(order, Note) and order.utterance_id in {*lost, *over})]
    spoken = next((at for at, order in enumerate(kept) if isinstance(order, Say)), len(kept))
    readings = {**{name: one.reading for name, one in lost.items()}, **over}
    aside = [_park_claim(name, reading, lost.get(name), identifies) for name, reading in readings.items()]
    kept[spoken:spoken] = [order for orders in aside for order in orders]
    law = Law.ATTRIBUTION if mixed else Law.CONSERVATION
    return AuditResult(kept, frozenset(mixed), (Breach(law, tuple(lost or mixed)),) if lost or mixed else ())


def _is_mixed(
    claim: Draft,
    before: OpenDraftsSnapshot,
    utterance: UtteranceFacts | None,
    asked: QuestionFacts,
    identifies: Sequence[str],
) -> bool:
    """Whether a claim's identifiers changed without permission, or it took values from another claim."""
    # What was said of several in one breath supports each of them, so one that is taken up rests on an open one, too.
    itself = [one for one in before.aside if one.utterance_id == claim.utterance_id]
    own = itself or [one for one in before.claims if one.utterance_id in claim.utterances]
    changed = {name for one in own for name in find_differing_identifiers(one.reading, claim.reading, identifies)}
    if any(not _may_change(name, own, claim, utterance, asked) for name in changed):
        return True
    words = [] if utterance is None else [fold(word.text) for word in utterance.reading.words]
    said = {name for name, one in claim.reading.fields.items() if one.words and _are_said(one.words, words)}
    said |= set() if utterance is None else {*utterance.reading.fields}
    known = {name for one in own for name in one.reading.fields} | said | asked.fields
    # A correction starts with the values of its entry, and a draft taken up from review with its own: not checked.
    begun = bool(own) or (
        utterance is not None and claim.utterance_id == utterance.utterance_id and not utterance.corrects
    )
    return begun and any(name not in known and not one.said_in for name, one in claim.reading.fields.items())


_SHORTEST_PLURAL = 5
"""Letters of a word that may be a label and an ending of one letter: neither "at" nor "sixty" is dock A or a six."""


def _are_said(own: Iterable[str], words: Sequence[str]) -> bool:
    """Whether the utterance has a value's words; the label of each one of several is said once: "pallets"."""
    known = {*words, *(word[:-1] for word in words if len(word) > _SHORTEST_PLURAL)}
    return known.issuperset(map(fold, own))


def _may_change(
    name: str, own: Iterable[Draft], claim: Draft, utterance: UtteranceFacts | None, asked: QuestionFacts
) -> bool:
    """Whether an identifier of the claim may change: by permission, or if the new value extends the old one."""
    if utterance is not None and (utterance.renames or name in asked.fields or asked.names_both):
        return True
    after = {str(one) for one in possible_values(claim.reading.fields[name])}
    parts = {str(value) for one in own for value in possible_values(one.reading.fields.get(name))}
    return any(whole.startswith(part) or whole.endswith(part) for whole in after for part in parts)


def _find_unclaimed_reading(
    utterance: UtteranceFacts,
    after: OpenDraftsSnapshot,
    orders: Sequence[Order],
    identifies: Sequence[str],
    mixed: Collection[str],
) -> dict[str, Reading]:
    """The utterance's reading by its id, if the step left it, or a value of it, nowhere and told no such thing.

    Only of a valid utterance; or, where a claim was mixed, of one that has any field.
    """
    said, ordered = utterance.reading, _list_drafts(orders)
    names = [name for name in identifies if possible_values(said.fields.get(name))]
    again = (
        PlayEarcon(Earcon.NOT_UNDERSTOOD) in orders
    )  # this earcon repeats a question, which may ask for an identifier
    parked = [order.draft for order in orders if isinstance(order, Park) and order.draft is not None]
    here = [
        one.reading
        for one in (*after.claims, *parked)
        if again or any(possible_values(one.reading.fields.get(name)) for name in names)
    ]
    known = not names or any(not find_differing_identifiers(one, said, identifies) for one in here)
    held = (*after.held, *(one.reading.fields for one in ordered))
    known &= again or all(_is_held(name, one, held) for name, one in said.fields.items())
    given_up = any(isinstance(order, Say) and order.prompt in GIVES_UP for order in orders)
    holds = utterance.counts and said.act in {Act.RECORD, Act.AMEND}
    return {utterance.utterance_id: said} if (holds and not (given_up or known)) or (mixed and said.fields) else {}


def _is_held(name: str, said: FieldReading, held: Iterable[Mapping[str, FieldReading]]) -> bool:
    """Whether a sure value of an utterance is held; one in doubt is asked about, and an inherited one was not said."""
    return said.value is None or said.is_inherited or any(said.value in possible_values(of.get(name)) for of in held)


def _list_drafts(orders: Iterable[Order]) -> list[Draft]:
    """The drafts that a step recorded, parked or dropped."""
    drafts = [order.draft for order in orders if isinstance(order, Commit | Park | StoreDropped)]
    return [one for one in drafts if one is not None]


def _park_claim(utterance_id: str, reading: Reading, claim: Draft | None, identifies: Iterable[str]) -> list[Order]:
    likely = likely_values(reading)
    named = {name: likely[name] for name in identifies if name in likely}
    return [
        Park(utterance_id, _BREACH, values_of(reading), claim),
        Say(Prompt.PARKED_ENTRY, named) if named else Say(Prompt.PARKED),
    ]
