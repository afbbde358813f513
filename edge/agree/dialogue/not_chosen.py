"""Puts aside what was said beside the value that the operator chose: "24 cases and 3 pieces", "24 cases"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.session import DialogueSession
from edge.agree.one_breath import pick_by_answer
from edge.agree.readings import likely_values, possible_values, values_of, without_inherited
from edge.agree.terms import find_spoken_units
from edge.agree.two_values import restates, split_by_values
from edge.records import Commit, Draft, Park, make_copy_id
from edge.records.speech import Prompt, Say, Terms

NOT_CHOSEN = "not_chosen"  # The review reason of what was said beside the value that was chosen.


def put_aside_what_was_not_chosen(
    session: DialogueSession, before: Draft | None, utterance: UtteranceHeard, orders: Sequence[Order]
) -> list[Order]:
    """Put aside the other one of two values of a draft, with what was said of it, where a step left one of them.

    Empty where the operator only said the value anew, took the other one back, or where another draft has it; and of
    what is to hold for all that follows, which is one. What is put aside is renamed with the draft.
    """
    fields = None if before is None or before.act is Act.CONTEXT else _find_kept_fields(session, before, orders)
    if before is None or fields is None:
        return []
    kept = {name: one.value for name, one in fields.items() if one.value is not None}
    ids = {_copy_id(before, one.name) for one in session.rules.form.fields}
    waits = [one for one in session.recorded.in_review.drafts if one.utterance_id in ids]
    known = values_of(before.reading)
    renamed = [order for one in waits for order in _rename(one, known, kept, session.rules.identifying_fields)]
    said, told = utterance.reading, {order.prompt for order in orders if isinstance(order, Say)}
    if said.act not in {Act.RECORD, Act.AMEND} or {Prompt.DROPPED, Prompt.DROPPED_ENTRY} & told:
        return renamed
    parked = (order.draft for order in orders if isinstance(order, Park) and order.draft)
    others = [one.reading for one in (*session.queue.drafts, *waits, *parked)]
    found = _read_what_was_not_chosen(
        _read_own_part(before.reading, kept, session.rules), fields, others, session.rules
    )
    if found is None:
        return renamed
    name, rest = found
    likely, units = likely_values(rest), {one.name: one.unit_of for one in session.rules.form.fields}
    differ = {of for of, value in likely.items() if kept.get(of) != value}
    own = {of: value for of, value in likely.items() if {of, units[of]} & differ} or likely
    draft = Draft(_copy_id(before, name), before.form, rest, before.operator)
    said_in = before.utterance_id if {*rest.words} & {*before.reading.words} else before.utterances[-1]
    terms = Terms(find_spoken_units(rest, session.rules))
    park = Park(draft.utterance_id, NOT_CHOSEN, values_of(rest), draft, said_in)
    return [*renamed, park, Say(Prompt.PARKED_ENTRY, own, terms=terms)]


def _copy_id(draft: Draft, name: str) -> str:
    """The id of the copy of an utterance that is put aside where a value of this field was chosen."""
    return make_copy_id(draft.utterance_id, f"not chosen: {name}")


def _find_kept_fields(
    session: DialogueSession, before: Draft, orders: Sequence[Order]
) -> Mapping[str, FieldReading] | None:
    """The fields that the step left of a draft, open or recorded, sure of one value; None: it was parked or dropped."""
    committed = (order.draft for order in orders if isinstance(order, Commit))
    for one in (session.draft, *committed):
        if one is not None and one.utterance_id == before.utterance_id:
            return {name: said for name, said in one.reading.fields.items() if not said.rivals}
    if any(isinstance(order, Say) and order.prompt is Prompt.KEPT_AS_IT_IS for order in orders):
        entries = (one.draft.reading.fields for one in session.recorded.entries if one.event_id == before.replaces)
        return next(entries, None)
    return None


def _read_own_part(before: Reading, kept: Mapping[str, FieldValue], rules: Rules) -> Reading:
    """Of several things in one breath, what was said of the one that was kept; otherwise all."""
    names = {name: before.fields[name] for name in rules.identifying_fields if name in before.fields and name in kept}
    named = {name: replace(one, value=kept[name], rivals=()) for name, one in names.items()}
    own = pick_by_answer(before, replace(before, fields=named), rules)
    return before if own is None else own[0]


def _rename(
    waits: Draft, before: Mapping[str, FieldValue], now: Mapping[str, FieldValue], of: Sequence[str]
) -> list[Order]:
    """Rename what was put aside, where it had the draft's name: "no, pallet 743"."""
    fields, changed = dict(waits.reading.fields), {name: now[name] for name in of if name in now}
    for name, value in changed.items():
        if name in fields and fields[name].value == before.get(name) != value:
            fields[name] = replace(fields[name], value=value)
    if fields == waits.reading.fields:
        return []
    draft = replace(waits, reading=replace(waits.reading, fields=fields))
    return [Park(draft.utterance_id, NOT_CHOSEN, values_of(draft.reading), draft)]


def _read_what_was_not_chosen(
    before: Reading, now: Mapping[str, FieldReading], others: Sequence[Reading], rules: Rules
) -> tuple[str, Reading] | None:
    """A field, and what was said with its other value and the identifiers of that; None: nothing is left over.

    All that was said, with the values that are not kept, where those that were chosen are of both parts. A new value is
    that of one of the two: "no, 25 cases" leaves the 3 pieces.
    """
    kept = {name: one.value for name, one in now.items() if one.value is not None}
    asked_twice = {name: one for name, one in before.fields.items() if one.rivals}
    for name, asked in asked_twice.items():
        if rules.form[name].unit_of in asked_twice:  # A count tells which unit is its own.
            continue
        had = {value for one in others for value in possible_values(one.fields.get(name))}
        left = {*possible_values(asked)} - {kept.get(name), *had}
        parts = split_by_values(name, before, rules) if name in kept and left else None
        two = (
            None
            if parts is None or restates(parts, rules)
            else parts.having(kept[name]) or parts.put_right_by(now[name])
        )
        if two is None:
            continue
        own, other = (_likely_fields(one) for one in two)
        is_mixed = any(kept.get(of) == said.value != own.get(of, said).value for of, said in other.items())
        unkept = {
            of: said for one in (own, other) for of, said in one.items() if kept.get(of) not in {said.value, None}
        }
        stands = {of: said for of, said in two[1].fields.items() if said.is_inherited}
        fields = {**stands, **(unkept if is_mixed else other), **_identifiers_before(name, before, kept, rules)}
        return name, replace(before if is_mixed else two[1], fields=fields)
    return None


def _likely_fields(part: Reading) -> dict[str, FieldReading]:
    """The fields that were said, each with its likely value, to be confirmed, where it has no other.

    Without that value a part would seem to be no more than what is kept. One with several is told by the words alone.
    """
    fields = {name: said for name, said in without_inherited(part).fields.items() if not said.rivals}
    for name, said in fields.items():
        if said.value is None and len(likely := possible_values(said)) == 1:
            fields[name] = replace(said, value=likely[0], confirmed=False)
    return fields


def _identifiers_before(
    name: str, before: Reading, kept: Mapping[str, FieldValue], rules: Rules
) -> dict[str, FieldReading]:
    """The identifiers that a second value of the field shares: of a position its trailer, of a count all."""
    names = rules.identifying_fields
    shared = [one for one in (names[: names.index(name)] if name in names else names) if one in kept]
    known = {one: before.fields[one] for one in shared if one in before.fields}
    return {one: replace(was, value=kept[one], rivals=(), confirmed=True) for one, was in known.items()}
