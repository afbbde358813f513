"""Puts aside what was said beside the value that the operator chose: "24 cases and 3 pieces", "24 cases"."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.records import Act, FieldReading, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.session import DialogueSession
from edge.agree.readings import likely_values, possible_values, values_of
from edge.agree.terms import find_spoken_units
from edge.agree.two_values import restates, split_by_value
from edge.records import Commit, Draft, Park, make_copy_id
from edge.records.speech import Prompt, Say, Terms

NOT_CHOSEN = "not_chosen"  # The review reason of what was said beside the value that was chosen.


def put_aside_what_was_not_chosen(
    session: DialogueSession, before: Draft | None, utterance: UtteranceHeard, orders: Sequence[Order]
) -> list[Order]:
    """Put aside the other one of two values of a draft, with what was said of it, where a step left one of them.

    Empty where the operator only said the value anew, took the other one back, or where another draft has it.
    """
    said, after = utterance.reading, _find_draft_after(session, before, orders)
    takes_back = said.act is not Act.RECORD or is_correction(said.words, session.rules.language)
    takes_back |= any(isinstance(order, Say) and order.prompt is Prompt.DROPPED for order in orders)
    if before is None or after is None or takes_back:
        return []
    copy_id = make_copy_id(before.utterance_id, "not chosen")
    others = [*session.queue.drafts, *(order.draft for order in orders if isinstance(order, Park) and order.draft)]
    rest = _read_what_was_not_chosen(before.reading, after.reading, others, session.rules)
    if rest is None or any(one.utterance_id == copy_id for one in session.recorded.in_review.drafts):
        return []
    draft = replace(before, utterance_id=copy_id, reading=rest, support=(), agreed=(), counted=(), stands=(), begun=())
    kept, terms = values_of(after.reading), Terms(find_spoken_units(rest, session.rules))
    likely, units = likely_values(rest), {one.name: one.unit_of for one in session.rules.form.fields}
    differ = {name for name, value in likely.items() if kept.get(name) != value}
    own = {name: value for name, value in likely.items() if {name, units[name]} & differ}
    said_in = before.utterance_id if rest.words else before.utterances[-1]
    aside = Park(copy_id, NOT_CHOSEN, values_of(rest), draft, said_in)
    return [aside, Say(Prompt.PARKED_ENTRY, own, terms=terms)]


def _find_draft_after(session: DialogueSession, before: Draft | None, orders: Sequence[Order]) -> Draft | None:
    """The draft as the step left it, open or recorded; None where it was parked or dropped."""
    committed = (order.draft for order in orders if isinstance(order, Commit))
    ids = set() if before is None else {before.utterance_id}
    return next((one for one in (session.draft, *committed) if one is not None and one.utterance_id in ids), None)


def _read_what_was_not_chosen(
    before: Reading, after: Reading, others: Collection[Draft], rules: Rules
) -> Reading | None:
    """The part of what was said that has the other value of a field, with the identifiers that it is of, or None."""
    for name, asked in before.fields.items():
        chosen = after.fields.get(name)
        kept = {value for one in others for value in possible_values(one.reading.fields.get(name))}
        value = None if chosen is None or chosen.rivals or not asked.rivals else chosen.value
        if not {*possible_values(asked)} - {value, *kept}:
            continue
        parts = None if value is None else split_by_value(name, value, before, rules)
        if parts is not None and not restates(name, parts, values_of(after), rules):
            return replace(parts[1], fields={**_identifiers_before(name, after, rules), **parts[1].fields})
    return None


def _identifiers_before(name: str, reading: Reading, rules: Rules) -> dict[str, FieldReading]:
    """The identifiers that a second value of the field shares: of a position its trailer, of a count all."""
    names = rules.identifying_fields
    shared = names[: names.index(name)] if name in names else names
    return {one: reading.fields[one] for one in shared if one in reading.fields}
