"""Amendments: the steps that change, replace or cancel an entry on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from dockvoice_protocol.forms.spoken import begins_with_no, is_correction
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.dialogue import context, drafting, parking, reference, repeating, several, works
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic, hold_if_accepted, judge_draft
from edge.agree.dialogue.session import DialogueSession, entry_terms, list_own_entries, name_of, read_out_entry
from edge.agree.dialogue.table import State
from edge.agree.merging import find_fields_with_another_old_value, read_correction_of_number, with_fields
from edge.agree.off_talk import begins_with_foreign_words, has_remark
from edge.agree.one_breath import pick_by_answer, split_if_several
from edge.agree.readings import (
    find_differing_identifiers,
    likely_values,
    only_adds_fields,
    values_of,
    without_inherited,
)
from edge.records import Cause, Commit, Draft, LastEntry, Note, Outcome, Reason, StoreDropped, Verdict
from edge.records.speech import Prompt, Say

_SURE = Verdict(Outcome.ACCEPT, (), {})  # The verdict on an order to cancel, which a yes is asked for.


def begin_or_replace_last(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin an entry with a complete sentence while nothing is open; after a correcting word replace the last."""
    if not is_correction(utterance.reading.words, session.rules.language):
        return drafting.begin_entry(session, utterance, may_commit_at_once=True)
    last, named = session.recorded.last, session.find_own_entry(values_of(utterance.reading))
    if named is None and (aside := _correct_put_aside(session, utterance)):
        return aside
    named = named or _find_entry_with_other_item(session, utterance.reading)
    if named is not None and drafting.is_sure_correction(session, utterance):
        # Values inherited from the current context do not apply to an earlier entry.
        return correct_named_or_last(session, replace(utterance, reading=without_inherited(utterance.reading)))
    if last is None or session.settings.is_closing(last.draft):
        return drafting.begin_entry(session, utterance, may_commit_at_once=True)
    draft = _draft_replacement_of_last(
        session, last, replace(drafting.read_with_acoustic_doubts(session, utterance), act=Act.RECORD), utterance
    )
    verdict = drafting.judge_after_utterance(session, draft, utterance)
    if drafting.is_sure_correction(session, utterance) and not correction_names_another_than_last(session, draft):
        return drafting.begin_draft(session, utterance, draft, verdict)
    kept = Verdict(Outcome.HOLD, verdict.reasons, verdict.fields)
    return [utterance.note_utterance(kept), *ask_if_replaces_last(session, draft, verdict, draft.reading)]


def correct_named_or_last(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Correct the entry that is named, else that at hand, while nothing is open; a refused one is recorded anew."""
    reading = drafting.read_with_acoustic_doubts(session, utterance)
    of = session.rules.identifying_fields
    own_entry = session.find_own_entry(values_of(reading))
    if own_entry is None and (aside := _correct_put_aside(session, utterance)):
        return aside
    named = find_corrected_entry(session, reading)
    last = named or _find_unnamed_entry(session, reading)
    if last is None or session.settings.is_closing(last.draft):
        elsewhere = works.announce_last_is_of_other_form(session) if last is None else []
        return [utterance.note_as_heeded(), *(elsewhere or [session.say(Prompt.NOTHING_TO_CORRECT)])]
    is_last, before = reference.is_surely_at_hand(session, last), last.draft.reading
    takes_back = is_correction(reading.words, session.rules.language)
    unnamed = reading.fields.keys() <= before.fields.keys() - {*of}
    if begins_with_foreign_words(reading, session.rules, behind_cue=unnamed):
        return repeating.ask_to_repeat(session, utterance)
    old = find_fields_with_another_old_value(before, reading)
    reading = read_correction_of_number(before, reading, session.rules)
    right = replace(before, fields={**before.fields, **reading.fields})
    right = context.move_to_other_trailer(session, right, before, utterance.reading, is_earlier=named is not None)
    draft = _draft_replacement_of_last(session, last, right, utterance)
    is_remark = named is not None and not takes_back
    if session.recorded.changes_nothing(draft) and not last.refused:  # It only names an entry, or says that again.
        return _take_nothing_new(session, utterance, last, is_remark=is_remark)
    session.recorded.last = last
    newest = session.find_own_entry(session.identifiers_of(last.fields))
    is_newest = newest is None or last.refused or newest.event_id == last.event_id
    if is_newest and is_remark:
        draft = _require_yes_for_remark(session, last, reading, draft)
        own = {
            name: replace(reading.fields[name], said_in=(utterance.utterance_id,))
            for name in of
            if name in reading.fields
        }
        draft = replace(draft, reading=replace(draft.reading, fields={**draft.reading.fields, **own}))
    if named is None:
        draft = _let_unnamed_trailer_stand(session, utterance, last, draft)
        session.needs_yes |= {draft.utterance_id} if is_newest and (old or not is_last) else set()
    drafting.require_yes_if_place_is_left(session, utterance, before, draft)
    verdict = drafting.judge_after_utterance(session, draft, utterance)
    remarks = len(reading.fields) > 1 or any(name in old for name in of) or has_remark(reading, session.rules)
    differs = bool(find_differing_identifiers(before, reading, of[:1] if of[0] in reading.fields else of))
    differs &= not takes_back or (named is None and remarks)
    if differs or not is_newest or (own_entry is None and _is_one_of_several(session, last, reading)):
        # "Correction, pallet 742, fifteen units" may be about an entry before the last; "743, not 742" about the next.
        noted = utterance.note_utterance(hold_if_accepted(verdict))
        return [noted, *ask_if_replaces_last(session, draft, verdict, reading)]
    return drafting.begin_draft(session, utterance, draft, verdict)


def _let_unnamed_trailer_stand(
    session: DialogueSession, utterance: UtteranceHeard, last: LastEntry, draft: Draft
) -> Draft:
    """The draft, which needs a yes where "change the trailer to 5502" may be of that entry, or of what follows, too."""
    head = utterance.reading.fields.keys() & {*session.rules.form.standing_fields[:1]}
    if not head or not context.has_trailer_of_context(session, last):
        return draft
    session.needs_yes.add(draft.utterance_id)
    stands, own = session.context.fields, draft.reading.fields  # The door and order that it keeps go with it.
    kept = [name for name, one in stands.items() if name in own and own[name].value == one.value and name not in head]
    return replace(draft, stands=tuple((name, utterance.utterance_id) for name in (*head, *kept)))


def _require_yes_for_remark(session: DialogueSession, last: LastEntry, reading: Reading, draft: Draft) -> Draft:
    """The draft of what is told of a record by its name; it needs a yes where it changes that, or on another trailer.

    There the yes to the whole entry is also one to what is said of it, "pallet 742 was 14": one question, not two.
    """
    own = reading.fields.keys() - {*session.rules.identifying_fields}
    is_elsewhere = context.differs_from_context(session, last)
    is_asked = any(not reading.fields[name].confirmed for name in own)
    changes = any(last.fields.get(name, one) != one for name, one in values_of(reading).items() if name in own)
    denied = any(last.fields.get(name) in reading.fields[name].denied for name in own)
    if is_elsewhere or (changes and not (is_asked or denied)):
        session.needs_yes.add(draft.utterance_id)
    told = own - {*session.rules.form.standing_fields} if is_elsewhere else set[str]()
    fields = {name: replace(one, confirmed=one.confirmed or name in told) for name, one in draft.reading.fields.items()}
    return replace(draft, reading=replace(draft.reading, fields=fields))


def draft_addition(session: DialogueSession, draft: Draft, correction: Reading | None = None) -> Draft | None:
    """The draft, as a correction of the entry on record that it names; None where there is none.

    Without a word of correction only where it adds to that, and changes nothing.
    """
    entry = session.find_own_entry(values_of(draft.reading))
    if entry is None or entry.refused or context.differs_from_context(session, entry):
        return None
    adds = only_adds_fields(draft.reading, entry.fields, session.rules)
    if entry.draft.form != draft.form or not (adds or correction):
        return None
    session.recorded.last, before = entry, entry.draft
    by = before.utterances
    known = {name: replace(one, said_in=one.said_in or by) for name, one in before.reading.fields.items()}
    said = {**without_inherited(draft.reading).fields, **({} if correction is None else correction.fields)}
    right = replace(before.reading, fields={**known, **said})
    return replace(_draft_replacement_of_last(session, entry, right, draft), support=draft.support)


def find_corrected_entry(session: DialogueSession, reading: Reading) -> LastEntry | None:
    """The operator's entry that it names, else the one that it says is not meant: "not pallet 740, pallet 750"."""
    of = session.rules.identifying_fields
    denied = {
        name: reading.fields[name].denied[0] for name in of if name in reading.fields and reading.fields[name].denied
    }
    said = values_of(reading)
    named = _find_changed_entry(session, said) or session.find_own_entry(said | denied)
    return named or session.find_own_entry(denied) or _find_entry_with_other_item(session, reading)


def _find_entry_with_other_item(session: DialogueSession, reading: Reading) -> LastEntry | None:
    """The operator's entry of the thing that a correction gives another item: "correction, pallet 742, item A200".

    Of an item at a place, the entry that has one of both. None where that may be the open thing.
    """
    said = values_of(without_inherited(reading))
    name, known = name_of(session, said), {} if session.draft is None else session.open_identifiers
    if not name or name.items() & known.items():
        return None
    if len(name) > 1:
        entries = (one for part in name for one in list_own_entries(session, {part: name[part]}))
        return next(entries, None)
    others = session.identifiers_of(said).keys() - name.keys()
    return _find_changed_entry(session, {one: value for one, value in said.items() if one not in others})


def has_part_of_name(session: DialogueSession, entry: LastEntry, reading: Reading) -> bool:
    """Whether an entry has but a part of the name that is said, the item or the place: another one may be meant."""
    name = name_of(session, entry.fields)
    return 0 < len(name.items() & name_of(session, values_of(reading)).items()) < len(name)


def _is_one_of_several(session: DialogueSession, entry: LastEntry, reading: Reading) -> bool:
    """Whether another entry may be meant as well as the one that gets another item, or place."""
    name, of = name_of(session, entry.fields), session.rules.identifying_fields
    differs = find_differing_identifiers(entry.draft.reading, reading, of)
    is_whole = name_of(session, values_of(reading)) == name
    more = (is_whole and len(list_own_entries(session, name)) > 1) or has_part_of_name(session, entry, reading)
    return bool(differs) and more


def _find_unnamed_entry(session: DialogueSession, reading: Reading) -> LastEntry | None:
    """The entry at hand, or another one of that thing, where the reading has a value of that: "lot 20418, 13 cases"."""
    last, said = reference.find_entry_at_hand(session), values_of(reading)
    if last is None or last.refused or session.identifiers_of(said):
        return last
    return _find_changed_entry(session, {**said, **session.identifiers_of(last.fields)}) or last


def _find_changed_entry(session: DialogueSession, said: Mapping[str, FieldValue]) -> LastEntry | None:
    """The entry of the thing that shares most values, but for one that has them all: it corrects that not."""
    entries = list_own_entries(session, said)
    return next((one for one in entries if not said.items() <= one.fields.items()), next(iter(entries), None))


def _correct_put_aside(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Take up the draft in review that is named, corrected: it needs a yes. Tell that a cancelled entry is none.

    Empty for what names neither.
    """
    reading = without_inherited(drafting.read_with_acoustic_doubts(session, utterance))
    named = session.identifiers_of(values_of(reading))
    aside = reference.find_put_aside(session, named)
    if aside is None or aside.act is not Act.RECORD:
        other_item = _find_entry_with_other_item(session, reading)
        is_known = session.is_recorded_or_in_review(named) and other_item is None
        return [utterance.note_as_heeded(), *say_no_own_entry(session, named)] if is_known else []
    session.queue.replace(aside.utterance_id)
    aside = replace(aside, operator=aside.operator or session.recording_operator)
    session.open(aside, judge_draft(aside, session.rules))
    session.needs_yes.add(aside.utterance_id)
    return several.choose_of_several(session, utterance, reading) or drafting.revise_draft(
        session, utterance, with_fields(aside, reading.fields, utterance.utterance_id)
    )


def say_no_own_entry(session: DialogueSession, named: Mapping[str, FieldValue]) -> Sequence[Say]:
    """Tell that the operator has no entry of that name; another's is told as his, and stays."""
    form, own = session.rules.form.name, {None, session.recording_operator}
    others = (one for one in session.recorded.list_standing_entries() if one.draft.operator not in own)
    entry = next((one for one in others if one.draft.form == form and named.items() <= one.fields.items()), None)
    if entry is None:
        return [session.say(Prompt.NOT_RECORDED, named)]
    slots = {"operator": session.settings.spoken_name_of(str(entry.draft.operator))}
    told = Say(Prompt.RECORDED_BY, entry.fields, slots, terms=entry_terms(session, entry))
    return session.make_repeatable_together([told, Say(Prompt.KEPT_AS_IT_IS)])


def ask_what_is_wrong_with_last(
    session: DialogueSession, utterance: UtteranceHeard, named: LastEntry | None = None
) -> list[Order]:
    """Ask what is wrong with the named entry, else with that at hand: a "no" came too late for the undo window."""
    last = named or reference.find_entry_at_hand(session)
    prompt, session.recorded.last = Prompt.LAST_ENTRY if last == session.recorded.last else Prompt.RECORDED, last
    if last is None:
        return [utterance.note_as_heeded(), *works.announce_last_is_of_other_form(session)]
    if session.settings.is_closing(last.draft):
        return ask_to_cancel_named_or_last(session, utterance)
    session.draft = _draft_replacement_of_last(session, last, last.draft.reading, utterance)
    noted = utterance.note_utterance(Verdict(Outcome.HOLD, (Cause(Reason.ANSWER),), {}))
    return [noted, read_out_entry(session, last, prompt), *session.ask(Question(Topic.WRONG))]


def _take_nothing_new(
    session: DialogueSession, utterance: UtteranceHeard, last: LastEntry, *, is_remark: bool
) -> list[Order]:
    """Read out the entry that a remark tells nothing new of, "pallet 742 is wet"; else ask what is wrong with it."""
    if not is_remark or utterance.reading.fields.keys() <= {*session.rules.identifying_fields}:
        return ask_what_is_wrong_with_last(session, utterance, last)
    session.draft = _draft_replacement_of_last(session, last, last.draft.reading, utterance)
    told = read_out_entry(session, last, Prompt.RECORDED)
    return [utterance.note_as_heeded(), *parking.drop_draft(session), told]


def ask_to_cancel_named_or_last(
    session: DialogueSession, utterance: UtteranceHeard, corrected: LastEntry | None = None
) -> list[Order]:
    """Ask whether to cancel the named entry, else that at hand, or what was put aside since; a refused one is given up.

    Without a question only where it is named, or the last one. `corrected`: the entry that is meant by any name.
    """
    recorded, named = session.recorded, session.identifiers_of(values_of(utterance.reading))
    last = session.find_own_entry(values_of(utterance.reading)) if named else reference.find_entry_at_hand(session)
    aside = reference.find_put_aside(session, named) if named else reference.find_draft_put_aside_last(session)
    last, aside = (last, aside) if corrected is None else (corrected, None)
    if aside is not None:
        return _ask_to_drop_put_aside(session, utterance, aside)
    if last is None:
        if not named and (elsewhere := works.announce_last_is_of_other_form(session)):
            return [utterance.note_as_heeded(), *elsewhere]
        announced = say_no_own_entry(session, named) if named else [session.say(Prompt.NOTHING_TO_CANCEL)]
        return [utterance.note_as_heeded(), *announced]
    standing = recorded.find_applied_event(last.event_id)
    if standing is None:
        asks = not named and recorded.last is not None and recorded.last.event_id != last.event_id
        recorded.last = last
        if not asks:
            return [utterance.note_as_heeded(), *give_up_refused_last(session)]
    if last.refused:
        recorded.mending = utterance.utterance_id, last.event_id
    question = build_cancel_question(session, last)
    return _ask_to_cancel(session, utterance, question, last.draft.form, standing or last.event_id)


def ask_to_cancel_more(session: DialogueSession, utterance: UtteranceHeard, but: str | None) -> list[Order]:
    """Ask whether to cancel what else is known by the name of what was dropped; empty where nothing is.

    Who deletes a pallet by its name means each entry of it, on record or in review. `but`: the event, or the utterance,
    that is cancelled or dropped now.
    """
    named = session.identifiers_of(values_of(utterance.reading))
    standing = (one for one in list_own_entries(session, named) if not one.refused)
    entries = (one for one in standing if not session.settings.is_closing(one.draft))
    left = [one for one in entries if session.recorded.find_applied_event(one.event_id) != but]
    if left:
        return ask_to_cancel_named_or_last(session, utterance, left[0])
    aside = [one for one in reference.list_put_aside(session, named) if one.utterance_id != but]
    return _ask_to_drop_put_aside(session, utterance, aside[0]) if aside else []


def ask_again_behind_another(session: DialogueSession, said: Reading) -> list[Order]:
    """Leave the question whether to cancel for what is said of another entry, and ask it again behind that.

    Behind a "no" it is answered, and told.
    """
    draft, fields = session.open_draft, session.current_question.fields
    denies = begins_with_no(said.words, session.rules.language)
    if session.topic is not Topic.CANCEL or denies or session.settings.is_closing(draft):
        return parking.drop_open_question(session)
    named = {name: FieldReading(value, (), 1.0) for name, value in fields.items()}
    order = replace(draft, reading=replace(draft.reading, fields=named))
    asked_now = session.identifiers_of(values_of(said))
    cancels = (one for one in session.waiting_orders if one.act is Act.CANCEL)
    anew = [one for one in cancels if session.identifiers_of(values_of(one.reading)) == asked_now]
    session.waiting_orders = (*(one for one in session.waiting_orders if one not in anew), order)
    session.close_draft()
    return [StoreDropped(one) for one in anew]


def queue_order_of_record(session: DialogueSession, utterance: UtteranceHeard) -> Note:
    """The record of an order to drop what is open; where its name is on record too, it waits to be asked about."""
    entry = session.find_own_entry(values_of(utterance.reading))
    if entry is None or entry.refused or session.settings.is_closing(entry.draft):
        return utterance.note_as_heeded()
    standing = session.recorded.find_applied_event(entry.event_id)
    order = _draft_order(session, utterance, entry.draft.form, standing)
    session.waiting_orders = (*session.waiting_orders, order)
    return utterance.note_utterance(hold_if_accepted(_SURE))


def ask_waiting_order(session: DialogueSession, before: Sequence[Order]) -> list[Order]:
    """Ask again about the order to cancel that waits last; one whose entry was cancelled or dropped since is done.

    So is one whose entry is corrected by `before`, the orders of the step so far: the correction came behind it.
    """
    changed = {one.draft.replaces for one in before if isinstance(one, Commit)} - {None}
    orders: list[Order] = []
    while session.state is State.IDLE and session.waiting_orders and session.waiting_orders[-1].act is Act.CANCEL:
        *left, order = session.waiting_orders
        session.waiting_orders = tuple(left)
        orders += [StoreDropped(order)] if order.replaces in changed else ask_about_order(session, order)
    return orders


def ask_about_order(session: DialogueSession, order: Draft) -> list[Order]:
    """Ask again whether to cancel what an order names, unless that was cancelled or dropped since."""
    values = values_of(order.reading)
    aside = reference.find_put_aside(session, session.identifiers_of(values))
    if session.find_own_entry(values) is None and aside is None:
        return [StoreDropped(order)]
    return ask_to_cancel_named_or_last(session, UtteranceHeard(order.utterance_id, order.reading))


def _ask_to_drop_put_aside(session: DialogueSession, utterance: UtteranceHeard, aside: Draft) -> list[Order]:
    """Ask whether to drop a draft in review; of several things in one breath the one that is named, else one by one."""
    picked = pick_by_answer(aside.reading, utterance.reading, session.rules)
    if picked is None:  # Else the others are asked about in turn.
        session.queue.replace(aside.utterance_id)
    if picked is not None or not split_if_several(aside.reading, session.rules):
        meant = aside.reading if picked is None else picked[0]
        return _ask_to_cancel(session, utterance, Question(Topic.CANCEL, fields=likely_values(meant), other=aside))
    verdict = judge_draft(aside, session.rules)
    return [utterance.note_as_heeded(), *drafting.ask_or_read_back_or_commit(session, aside, verdict, None)]


def _ask_to_cancel(
    session: DialogueSession,
    utterance: UtteranceHeard,
    question: Question,
    form: str | None = None,
    replaces: str | None = None,
) -> list[Order]:
    """Ask whether to cancel an event's entry, or the question's other draft."""
    session.draft, session.verdict = _draft_order(session, utterance, form, replaces), _SURE
    return [utterance.note_utterance(hold_if_accepted(_SURE)), *session.ask(question)]


def _draft_order(
    session: DialogueSession, utterance: UtteranceHeard, form: str | None = None, replaces: str | None = None
) -> Draft:
    form, operator = form or session.rules.form.name, session.recording_operator
    return Draft(utterance.utterance_id, form, utterance.reading, operator, act=Act.CANCEL, replaces=replaces)


def build_cancel_question(session: DialogueSession, last: LastEntry) -> Question:
    """The question whether to cancel an entry; cancelling a closing reopens the trailer."""
    if session.settings.is_closing(last.draft):
        trailer = session.settings.to_trailer_field(last.fields, session.rules.form)
        return Question(Topic.CANCEL, fields=trailer, prompt=Prompt.CONFIRM_REOPEN)
    return Question(Topic.CANCEL, fields=last.fields)


def find_entry_to_cancel(session: DialogueSession) -> LastEntry | None:
    """The entry that the open question may cancel; None if there is none, or it is no longer remembered."""
    return find_entry_replaced_by(session, session.open_draft) if session.topic is Topic.CANCEL else None


def find_entry_replaced_by(session: DialogueSession, draft: Draft) -> LastEntry | None:
    """The entry on record that a draft replaces; None if there is none, or it is no longer remembered."""
    recorded = session.recorded
    known = (*(() if recorded.last is None else (recorded.last,)), *recorded.entries)
    of = draft.replaces
    return next((one for one in known if of is not None and recorded.find_applied_event(one.event_id) == of), None)


def give_up_refused_last(session: DialogueSession) -> list[Order]:
    """Give up the last entry, which the inventory refused: there is nothing to cancel."""
    recorded = session.recorded
    recorded.resolve_refusals(None if recorded.last is None else recorded.last.event_id)
    recorded.last = None
    return [session.say(Prompt.DROPPED)]


def correction_names_another_than_last(session: DialogueSession, draft: Draft) -> bool:
    """Whether a correction, spoken as a complete sentence, names another thing than the last entry."""
    last, rules = session.recorded.last, session.rules
    if last is None or draft.act is not Act.AMEND or not is_correction(draft.reading.words, rules.language):
        return False
    return bool(find_differing_identifiers(last.draft.reading, draft.reading, rules.identifying_fields))


def find_renamed_entry(session: DialogueSession, draft: Draft) -> LastEntry | None:
    """The entry on record that a draft would give another name; None for any other draft."""
    entry = find_entry_replaced_by(session, draft) if draft.act is Act.AMEND else None
    if entry is None:
        return None
    differs = find_differing_identifiers(entry.draft.reading, draft.reading, session.rules.identifying_fields)
    return entry if differs else None


def ask_if_replaces_last(session: DialogueSession, draft: Draft, verdict: Verdict, reading: Reading) -> list[Order]:
    """Ask whether the draft replaces the last entry, or is one of its own.

    As an entry of its own it has only the values in `reading`.
    """
    session.draft, session.verdict = draft, verdict
    last, values = session.recorded.last, likely_values(draft.reading)
    alone = replace(
        draft, reading=replace(reading, act=Act.RECORD), act=Act.RECORD, replaces=None, agreed=(), proved=(), counted=()
    )
    before = find_first_difference(session, {} if last is None else last.fields, values)
    return session.ask(Question(Topic.INSTEAD, fields=values, other=alone, before=before))


def find_first_difference(
    session: DialogueSession, before: Mapping[str, FieldValue], said: Mapping[str, FieldValue]
) -> dict[str, FieldValue]:
    """The first field, with its value in `before`, that differs from `said`, identifiers first; empty if none does."""
    known = {**session.identifiers_of(before), **before}
    differing = ((name, value) for name, value in known.items() if name in said and said[name] != value)
    return dict(islice(differing, 1))


def _draft_replacement_of_last(
    session: DialogueSession, last: LastEntry, reading: Reading, utterance: UtteranceHeard | Draft
) -> Draft:
    """A draft that replaces the last entry; it is a new entry where the inventory refused that."""
    standing = session.recorded.find_applied_event(last.event_id)
    if last.refused:
        session.recorded.mending = utterance.utterance_id, last.event_id
    return Draft(
        utterance.utterance_id,
        session.rules.form.name,
        reading,
        session.recording_operator,
        act=Act.RECORD if standing is None else Act.AMEND,
        replaces=standing,
        agreed=last.draft.agreed,
        proved=last.draft.proved,
        counted=last.draft.counted,
    )
