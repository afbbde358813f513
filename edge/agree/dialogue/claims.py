"""Claims: the kernel of the dialogue. What is said of one thing stays with it, and nothing that was said goes under.

A claim is what was said of one thing: the values, the utterances in which they were said, and the identifying fields
of the form (`Form.identifies`), which say of which thing. An utterance that holds a value opens a claim or joins one.
The steps of the dialogue propose what becomes of it; `audit` compares the claims before a step with those after it and
with its orders, and holds two laws:

*Attribution*: a claim keeps its thing. It gets another one only by a word of correction with which nothing else is
said, or all of it again (`may_rename`), by the answer to a question for that very field, or by a yes to a question
that named both; no value passes from one claim to another.

*Conservation*: a claim ends in exactly one of: recorded, put aside for a person, taken back by the operator, given up
aloud. Until then it is open.

What would break a law is put aside for a person instead, and the breach is reported. Pure: no step can get round it,
since no order leaves the dialogue before it was audited.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dockvoice_protocol.records import Act, FieldReading, Reading
from edge.agree.dialogue.orders import Breach, Law, Order
from edge.agree.readings import differing, values_in
from edge.records import Commit, Draft, Drop, Note, Park
from edge.records.speech import Earcon, Prompt, Say, Sound


class Relation(StrEnum):
    """What an utterance says of the thing that a claim is about."""

    NONE = "no thing"  # It names none: its values are of the thing at hand.
    SAME = "the same thing"
    ANOTHER = "another thing"  # And at least one value of it.
    NAME = "another thing, by name alone"
    UNCLEAR = "unclear"  # It names something, and what is not understood.


def relation(claim: Reading, said: Reading, identifies: Sequence[str], needed: Collection[str] = ()) -> Relation:
    """What `said` is to a claim. What was filled in from the context says nothing by itself.

    A whole sentence that names a thing is of another one, too, where the name of the claim was not understood, or where
    it has no name yet and other values; and where it has other values, and leaves out a part of the name that is
    `needed`: "item A100, 26 pieces" over what was counted elsewhere.
    """
    own = {name: one for name, one in said.fields.items() if not one.is_taken}
    named = [name for name in identifies if name in own]
    more = own.keys() - set(identifies)
    if differing(claim, said, named):
        return Relation.ANOTHER if more else Relation.NAME
    if differing(claim, said, more) and is_partly_named(claim, said, needed):
        return Relation.ANOTHER
    unclear = [name for name in named if not values_in(own[name])]
    anew = [name for name in named if not values_in(claim.fields.get(name))]
    known = any(name in claim.fields for name in anew if name not in unclear)
    if more and anew and (known or any(_unlike(claim.fields.get(name), own[name]) for name in (*more, *unclear))):
        return Relation.ANOTHER
    if unclear:
        return Relation.UNCLEAR
    return Relation.SAME if named else Relation.NONE


def is_partly_named(claim: Reading, said: Reading, needed: Iterable[str]) -> bool:
    """Whether a part of the name of a claim is said once more, and the rest of what is `needed` of it is left out."""
    known = {name for name in needed if values_in(claim.fields.get(name))}
    own = {name for name, one in said.fields.items() if not one.is_taken}
    return bool(known & own) and not known <= own and not own <= known


def _unlike(before: FieldReading | None, said: FieldReading) -> bool:
    """Whether both say something, and not the same: of what was not understood, by the words."""
    if before is None or not (before.words and said.words):
        return False
    if values_in(before):
        return bool(values_in(said)) and not set(values_in(before)) & set(values_in(said))
    long, short = sorted((before.words, said.words), key=len, reverse=True)
    return not any(long[at : at + len(short)] == short for at in range(len(long)))


def may_rename(claim: Reading, said: Reading, identifies: Sequence[str]) -> bool:
    """Whether a word of correction gives a claim another name by itself: nothing else is said, or all of it again.

    With other values it may as well be of another thing, and is asked, by both names.
    """
    before, now = (
        {name: values_in(one) for name, one in of.fields.items() if not one.is_taken and name not in identifies}
        for of in (claim, said)
    )
    denied = {str(value) for name in identifies if name in said.fields for value in said.fields[name].denied}
    if denied - _names(claim, identifies):
        return False  # "627 no, 742" is not of 743
    alike = {name for name in before.keys() & now.keys() if set(before[name]) & set(now[name])}
    return before.keys() & now.keys() == alike and (before.keys() == alike or now.keys() == alike)


def _names(claim: Reading, identifies: Iterable[str]) -> set[str]:
    return {str(value) for name in identifies for value in values_in(claim.fields.get(name))}


def sounds_like(one: str, other: str) -> bool:
    """Whether an ear may take one name for the other: a character more, less or another, or two in each other's place.

    Damerau's one error (Communications of the ACM 7, 1964): it covers four of five slips, those of ears too.
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
    """The utterance of a step, as far as the laws ask."""

    utterance_id: str
    reading: Reading
    corrects: bool  # It holds a word of correction, or is one.
    renames: bool  # That may be of the name of the open claim: see `may_rename`.
    counts: bool  # It was heard well enough to count.


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The question that was open before a step."""

    fields: frozenset[str] = field(default=frozenset(), repr=False)  # Those whose value it asked for, or offered.
    names_both: bool = False  # It named the thing of the claim and another one.


@dataclass(frozen=True, slots=True)
class Audited:
    """A step that keeps both laws."""

    orders: list[Order]
    closed: frozenset[str] = field(default=frozenset(), repr=False)  # The claims that must not stay open.
    breaches: tuple[Breach, ...] = ()


GIVES_UP = frozenset({Prompt.REPEAT, Prompt.NOT_RECORDED, Prompt.NOTHING_TO_CORRECT, Prompt.NOTHING_TO_CANCEL})
"""What tells the operator that nothing was made of what he said."""

PUTS_ASIDE = frozenset({Prompt.PARKED, Prompt.PARKED_ENTRY})

BREACH = "conversation_breach"  # Why a claim waits for a person that a step would have lost, or mixed with another.


@dataclass(frozen=True, slots=True)
class Open:
    """What is open at one moment."""

    claims: tuple[Draft, ...] = ()
    resting: frozenset[str] = field(default=frozenset(), repr=False)  # The utterances on which anything open rests.
    waiting: frozenset[str] = field(default=frozenset(), repr=False)
    """The utterances that wait for a person, whether they are open or not."""


def opened(drafts: Sequence[Draft | None], aside: Iterable[Draft], closing: str | None) -> Open:
    """What is open: the draft at hand, first, and what waits for its turn, which a person may as well decide about.

    What stands for all entries, a cancellation and the end of a trailer are about no thing, and no claims.
    """
    found = [one for one in drafts if one is not None]
    about = (one for one in found if one.act in {Act.RECORD, Act.AMEND} and one.form != closing)
    resting = frozenset(name for one in found for name in _utterances(one))
    return Open(tuple(about), resting, frozenset(one.utterance_id for one in (*drafts[1:], *aside) if one is not None))


def audit(
    before: Open,
    after: Open,
    orders: Sequence[Order],
    heard: UtteranceFacts | None,
    asked: AskedFor,
    identifies: Sequence[str],
) -> Audited:
    """The step with these orders, in which what would break a law is put aside."""
    committed = [order.draft for order in orders if isinstance(order, Commit)]
    mixed = {
        one.utterance_id
        for one in (*after.claims, *committed)
        if one not in before.claims and _is_mixed(one, before.claims, heard, asked, identifies)
    }
    kept = [order for order in orders if not (isinstance(order, Commit) and order.draft.utterance_id in mixed)]
    if mixed:  # what is read back or asked of it would be of nothing that is open
        kept = [order for order in kept if not isinstance(order, Say) or order.prompt in {*GIVES_UP, *PUTS_ASIDE}]
    noted = {order.utterance_id for order in kept if isinstance(order, Note)}
    rest = {name for one in (*after.claims, *committed) if one.utterance_id in mixed for name in _utterances(one)}
    ended = {
        *(after.resting - rest),
        *(before.waiting - noted),
        *(name for one in committed if one.utterance_id not in mixed for name in _utterances(one)),
        *(order.utterance_id for order in kept if isinstance(order, Park)),
        *(name for order in kept if isinstance(order, Drop) for name in _utterances(order.draft)),
    }
    lost = {one.utterance_id: one for one in before.claims if one.utterance_id not in ended}
    over = (
        {}
        if heard is None or heard.utterance_id in {*ended, *lost}
        else _left_over(heard, (*after.claims, *_parked(kept)), kept, identifies, mixed)
    )
    kept = [order for order in kept if not (isinstance(order, Note) and order.utterance_id in {*lost, *over})]
    spoken = next((at for at, order in enumerate(kept) if isinstance(order, Say)), len(kept))
    readings = {**{name: one.reading for name, one in lost.items()}, **over}
    aside = [_put_aside(name, reading, lost.get(name), identifies) for name, reading in readings.items()]
    kept[spoken:spoken] = [order for orders in aside for order in orders]
    law = Law.ATTRIBUTION if mixed else Law.CONSERVATION
    return Audited(kept, frozenset(mixed), (Breach(law, tuple(lost or mixed)),) if lost or mixed else ())


def _utterances(claim: Draft) -> tuple[str, ...]:
    return (claim.utterance_id, *claim.support)


def _is_mixed(
    claim: Draft, before: Iterable[Draft], heard: UtteranceFacts | None, asked: AskedFor, identifies: Sequence[str]
) -> bool:
    """Whether the claim has another thing than what was said for it, or values that were said for another one."""
    own = [one for one in before if one.utterance_id in _utterances(claim)]
    changed = {name for one in own for name in differing(one.reading, claim.reading, identifies)}
    if any(not _may_change(name, own, claim, heard, asked) for name in changed):
        return True
    words = set() if heard is None else {word.text for word in heard.reading.words}
    said = {name for name, one in claim.reading.fields.items() if one.words and words.issuperset(one.words)}
    said |= set() if heard is None else {*heard.reading.fields}
    known = {name for one in own for name in one.reading.fields} | said | asked.fields
    # A correction has the values of the entry that it corrects; what is taken up again, those that it had.
    begun = bool(own) or (heard is not None and claim.utterance_id == heard.utterance_id and not heard.corrects)
    return begun and any(name not in known and not one.said_in for name, one in claim.reading.fields.items())


def _may_change(name: str, own: Iterable[Draft], claim: Draft, heard: UtteranceFacts | None, asked: AskedFor) -> bool:
    """Whether the thing of a claim may become another one: never by what merely was said next."""
    if heard is not None and (heard.renames or name in asked.fields or asked.names_both):
        return True
    after = {str(one) for one in values_in(claim.reading.fields[name])}
    parts = {str(value) for one in own for value in values_in(one.reading.fields.get(name))}
    return any(whole.startswith(part) or whole.endswith(part) for whole in after for part in parts)


def _left_over(
    heard: UtteranceFacts,
    after: Iterable[Draft],
    orders: Sequence[Order],
    identifies: Sequence[str],
    mixed: Collection[str],
) -> dict[str, Reading]:
    """What was heard of a thing of which nothing is open, and of which nothing became, nor was the operator told so."""
    said = heard.reading
    names = [name for name in identifies if values_in(said.fields.get(name))]
    again = Sound(Earcon.NOT_UNDERSTOOD) in orders  # with which a question is put again, also for a name
    here = [one.reading for one in after if again or any(values_in(one.reading.fields.get(name)) for name in names)]
    known = any(not differing(one, said, identifies) for one in here)
    told = any(isinstance(order, Say) and order.prompt in GIVES_UP for order in orders)
    holds = heard.counts and said.act in {Act.RECORD, Act.AMEND} and bool(names)
    return {heard.utterance_id: said} if (holds and not (told or known)) or (mixed and said.fields) else {}


def _parked(orders: Iterable[Order]) -> list[Draft]:
    return [order.draft for order in orders if isinstance(order, Park) and order.draft is not None]


def _put_aside(utterance_id: str, reading: Reading, claim: Draft | None, identifies: Iterable[str]) -> list[Order]:
    values = {name: one.value for name, one in reading.fields.items() if one.value is not None}
    likely = {name: one.runner_up for name, one in reading.fields.items() if one.runner_up is not None} | values
    named = {name: likely[name] for name in identifies if name in likely}
    return [Park(utterance_id, BREACH, values, claim), Say(Prompt.PARKED_ENTRY, named) if named else Say(Prompt.PARKED)]
