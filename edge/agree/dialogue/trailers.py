"""Trailers: the steps that tell what was received, what is missing and where a pallet goes, and close or reopen one.

All of it is from this device's data. A closing is an entry, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import LACKING, TODAY, is_correction, is_listed_command
from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.records import Act, Command, FieldReading, FieldValue, PlaceKind, Reading, ReceivingPlace
from edge.agree.decide import Rules
from edge.agree.dialogue import context, drafting, parking, repeating, status
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic, hold_if_accepted
from edge.agree.dialogue.session import DialogueSession, list_known_things, terms_on_record
from edge.agree.dialogue.table import AGREEING
from edge.agree.expectations import (
    EntryTotals,
    Expectations,
    entries_at_place,
    find_by_last_digits,
    find_missing_pallets,
    named_place,
    sum_entries,
)
from edge.agree.merging import (
    agreement_mark,
    rivals_are_mishearings,
    settle_rivals_by_value,
    with_agreed_value,
    with_support,
)
from edge.agree.readings import likely_values, values_of
from edge.agree.terms import has_reliable_check_digit
from edge.records import (
    Cause,
    Commit,
    ConfirmationKind,
    Draft,
    Outcome,
    Park,
    Reason,
    StandingEntry,
    Verdict,
    make_copy_id,
)
from edge.records.speech import SHORTEN_FROM_DIGITS, Prompt, Say

_FEWEST_ASKED = 2  # The fewest last characters that identify a pallet in a query, which changes nothing.

_JUST_NOW, _THIS_HOUR = timedelta(minutes=1), timedelta(hours=1)


def find_current_place(session: DialogueSession) -> ReceivingPlace | None:
    """The trailer, else the door, where the operator works; None: unknown."""
    form, draft = session.rules.form, session.draft if session.state in AGREEING else None
    if draft is not None and (named := named_place(form, values_of(draft.reading))) is not None:
        return named
    if (named := named_place(form, context.context_values(session))) is not None:
        return named
    for one in session.recorded.list_standing_entries():
        if session.settings.is_closing(one.draft):  # what was received before belongs to the closed trailer
            return None
        if session.own_entry_or_none(one) is not None and (named := named_place(form, one.fields)) is not None:
            return named
    return None


def _find_receiving_form(session: DialogueSession) -> Form:
    """The form that receives pallets: the current one, or another of the device with expected receipts."""
    forms = (session.rules.form, *session.works.forms)
    return next((form for form in forms if form.expects), session.rules.form)


def _find_queried_place(session: DialogueSession, utterance: UtteranceHeard) -> ReceivingPlace | None:
    """The place that the utterance names, else the one where the operator works."""
    return named_place(session.rules.form, values_of(utterance.reading)) or find_current_place(session)


def _ask_which_place(session: DialogueSession) -> list[Say]:
    """Ask for the trailer, in the words of this form: another may be chosen right behind it."""
    form = session.rules.form
    return [Say(Prompt.ASK_FIELD, asked=form.trailer_and_door_fields[0], form=form.name)]


def _as_place_field(session: DialogueSession, place: ReceivingPlace) -> dict[str, FieldValue]:
    """A place as the value of its field in the current form."""
    name = session.rules.form.roles.get(FieldRole(place.kind))
    return {} if name is None else {name: place.name}


def expand_last_digits(session: DialogueSession, reading: Reading, expected: Expectations) -> Reading:
    """The reading, with last digits replaced by the full number of the pallet expected at the operator's place.

    Several matches are asked about; a number that is itself expected, at any place, is unchanged. Of two rivals the
    expected one is taken.
    """
    name, place = session.rules.form.expects.get(FieldRole.PALLET), named_place(session.rules.form, values_of(reading))
    one, here = reading.fields.get(str(name)), place or find_current_place(session)
    if reading.is_scan or one is None or here is None or not isinstance(one.value, str):
        return _expand_end_of_known(session, reading)
    if one.rivals:
        return _choose_expected_number(str(name), one, here, reading, expected, session.rules)
    if expected.lines_for_pallet(one.value):
        return reading
    found = find_by_last_digits(one.value, (line.pallet for line in expected.lines_at(here)), SHORTEN_FROM_DIGITS)
    return _expand_end_of_known(session, reading) if found == (one.value,) else _with_whole(reading, str(name), found)


def _expand_end_of_known(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, with the last digits of a thing that this device knows, as it calls that: "end 3420".

    A new entry may be of another thing with this short number, so it is asked; a correction, or a drop, is not.
    """
    name, language = next(iter(session.rules.identifying_fields), ""), session.rules.language
    one, offered = reading.fields.get(name), session.question.candidates if session.question is not None else ()
    if reading.is_scan or one is None or not isinstance(one.value, str) or one.rivals or one.value in offered:
        return reading
    known = [*list_known_things(session), {} if _find_open_entry(session) is None else session.open_identifiers]
    numbers, field = [str(of[name]) for of in known if name in of], session.rules.form[name]
    said_by_end = [of for of in numbers if of == one.value or has_reliable_check_digit(field, of)]
    found = find_by_last_digits(one.value, said_by_end, SHORTEN_FROM_DIGITS)
    is_known = reading.act is not Act.RECORD or is_correction(reading.words, language)
    if found == (one.value,) or (is_known and len(found) > 1):
        return reading
    return _with_whole(reading, name, found if is_known else (one.value, *found))


def _with_whole(reading: Reading, name: str, found: Sequence[str]) -> Reading:
    said = replace(reading.fields[name], value=found[0], rivals=tuple(found[1:]), by_end=True)
    return replace(reading, fields={**reading.fields, name: said})


def _choose_expected_number(
    name: str, one: FieldReading, here: ReceivingPlace, reading: Reading, expected: Expectations, rules: Rules
) -> Reading:
    """The reading, with the one of several likely numbers that is expected here, if no list has another of them.

    One that was received already is asked about, and so are two numbers that were spoken: "pallet 742 or 743".
    """
    known = [value for value in map(str, (one.value, *one.rivals)) if expected.lines_for_pallet(value)]
    if len(known) != 1 or all(line.received or place != here for place, line in expected.lines_for_pallet(known[0])):
        return reading
    if not rivals_are_mishearings(name, known[0], reading, rules):
        return reading
    sure = replace(reading, fields={**reading.fields, name: replace(one, value=known[0], rivals=())})
    return settle_rivals_by_value(name, known[0], sure, rules)


# What is missing, and totals.


@status.answers_command(Command.WHAT_IS_LEFT)
def _say_missing_pallets(session: DialogueSession, utterance: UtteranceHeard) -> Sequence[Say]:
    """Say which announced pallets were not received; or what the open entry still lacks."""
    form = _find_receiving_form(session)
    if session.question is not None and is_listed_command(LACKING, utterance.reading.words, session.rules.language):
        return [session.say_question(session.question)]
    if not form.trailer_and_door_fields:
        return status.say_pending_counts(session, utterance)
    if (place := _find_queried_place(session, utterance)) is None:
        return _ask_which_place(session)
    fields, (numbers, aside) = _as_place_field(session, place), _list_reviews_at_place(session, place)
    lacking = find_missing_pallets(place, session.expected, form, session.lately.entries)
    if lacking is None:
        return [Say(Prompt.NOT_ANNOUNCED, fields)]
    missing = _say_count_and_numbers(
        session, Prompt.LEFT, Prompt.LEFT_MANY, [one for one in lacking if one not in numbers]
    )
    return [*(missing or [Say(Prompt.LEFT_NONE, fields)]), *aside]


@status.answers_command(Command.HOW_MANY_ON_TRAILER)
def _say_totals(session: DialogueSession, utterance: UtteranceHeard) -> Sequence[Say]:
    """Say the totals received at a place, by all operators of this device."""
    if (place := _find_queried_place(session, utterance)) is None:
        return _ask_which_place(session) if session.rules.form.trailer_and_door_fields else [Say(Prompt.REPEAT)]
    return [*_read_out_totals(session, place), *_list_reviews_at_place(session, place)[1]]


@status.answers_command(Command.HOW_MANY_HERE)
def _say_count_so_far(session: DialogueSession, utterance: UtteranceHeard) -> Sequence[Say]:
    """Say the count so far: of the shift or today if asked for; of the trailer named or current, else of the dock."""
    form, named = session.rules.form, values_of(utterance.reading)
    if is_listed_command(TODAY, utterance.reading.words, session.rules.language):
        own = None if session.operator is None else Say(Prompt.TOTAL, slots={"name": session.operator})
        return [own or Say(Prompt.TALLY_ALL)]
    if named_place(form, named) is not None or (not named and find_current_place(session) is not None):
        return _say_totals(session, utterance)
    return status.say_todays_tally(session, utterance)


def _read_out_totals(session: DialogueSession, place: ReceivingPlace) -> list[Say]:
    """Say the totals received at a place, by item, unit and condition; refused entries are counted apart."""
    form = _find_receiving_form(session)
    sums: EntryTotals = sum_entries(entries_at_place(session.lately.entries, form, place), form, session.expected)
    prompt = Prompt.SUMS if FieldRole.PALLET in form.roles else Prompt.SUMS_RECORDED
    first = Say(prompt, _as_place_field(session, place), {"count": str(sums.things)})
    counts = (Say(Prompt.SUM, counted, form=form.name) for counted in sums.counts)
    conditions = (
        Say(Prompt.SUM_OF, {name: value}, {"count": str(count)}, form=form.name)
        for name, value, count in sums.conditions
    )
    refused = [Say(Prompt.SUM_REFUSED, slots={"count": str(sums.refused)})] if sums.refused else []
    return [first, *counts, *conditions, *refused]


def _list_reviews_at_place(session: DialogueSession, place: ReceivingPlace) -> tuple[tuple[str, ...], list[Say]]:
    """The pallet numbers in review that may belong to a place, and the prompts that announce them."""
    form, pallet = session.rules.form, session.rules.form.expects.get(FieldRole.PALLET)
    values = [likely_values(one.reading) for one in session.recorded.in_review.drafts if one.act is Act.RECORD]
    here = [one for one in values if named_place(form, one) in {None, place}]
    numbers = tuple(str(one[pallet]) for one in here if pallet is not None and pallet in one)
    without = len(here) - len(numbers)
    unknown = [Say(Prompt.ASIDE, slots={"count": str(without)})] if without else []
    return numbers, [*_say_count_and_numbers(session, Prompt.ASIDE_LISTED, Prompt.ASIDE_MANY, numbers), *unknown]


def _say_count_and_numbers(session: DialogueSession, few: Prompt, many: Prompt, numbers: Sequence[str]) -> list[Say]:
    """The prompt with the count and the first few numbers; empty for no numbers."""
    if not numbers:
        return []
    prompt = few if len(numbers) <= status.MOST_READ_OUT else many
    form, first = _find_receiving_form(session), tuple(numbers[: status.MOST_READ_OUT])
    slots = {"count": str(len(numbers))}
    return [Say(prompt, slots=slots, asked=form.expects[FieldRole.PALLET], candidates=first, form=form.name)]


# One pallet.


@status.answers_command(Command.WHERE_TO)
def _say_where_pallet_is(session: DialogueSession, utterance: UtteranceHeard) -> Sequence[Say]:
    """Say where a pallet goes, or is: the named one, else that of the open or last entry."""
    named = session.identifiers_of(values_of(utterance.reading)) or _identifiers_at_hand(session)
    return _say_status_of_named_thing(session, named, Prompt.NOTHING_KNOWN) if named else [Say(Prompt.NO_ENTRY)]


@status.answers_command(Command.LAST_ENTRY)
def say_named_or_last_entry(session: DialogueSession, utterance: UtteranceHeard) -> Sequence[Say]:
    """Read out the named entry, else the last one."""
    named = session.identifiers_of(values_of(utterance.reading))
    if not named:
        return status.say_last_entries(session, utterance)
    return _say_status_of_named_thing(session, named, Prompt.NOT_RECORDED)


def _find_open_entry(session: DialogueSession) -> Draft | None:
    """The draft that is being agreed, if it is of an entry."""
    draft = session.draft if session.state in AGREEING else None
    is_entry = draft is not None and draft.act in {Act.RECORD, Act.AMEND} and not session.settings.is_closing(draft)
    return draft if is_entry else None


def _identifiers_at_hand(session: DialogueSession) -> dict[str, FieldValue]:
    if session.draft is not None and session.state in AGREEING:
        return session.identifiers_of(values_of(session.draft.reading))
    last = session.recorded.last
    return {} if last is None else session.identifiers_of(last.fields)


def _say_status_of_named_thing(
    session: DialogueSession, named: Mapping[str, FieldValue], unknown: Prompt
) -> Sequence[Say]:
    """Say what this device knows of one thing: its record, that it is open or in review, or the expected receipts."""
    form, meant = session.rules.form, dict(named)
    name, said = next(iter(named.items()))
    if isinstance(said, str):
        ways = find_by_last_digits(said, _list_known_numbers(session, name), _FEWEST_ASKED)
        if len(ways) > 1:
            return [Say(Prompt.ENDS_ALIKE, asked=name, candidates=ways[:2])]
        meant[name] = ways[0]
    recorded = next(
        (one for one in session.lately.entries if one.form == form.name and _has_values(one.fields, meant)), None
    )
    if recorded is not None:
        return [_say_recorded(session, recorded)]
    draft, expected = _find_open_entry(session), _say_expected_receipt(session, meant, unknown)
    if draft is not None and _has_values(session.open_identifiers, meant):
        known = [expected] if expected.prompt is not unknown else parking.say_draft(session, draft)
        return [*known, *([] if session.question else drafting.read_back_held(session))]
    if any(_has_values(likely_values(one.reading), meant) for one in session.queue.drafts):
        return [Say(Prompt.UNFINISHED, meant)]
    if any(_has_values(likely_values(one.reading), meant) for one in session.recorded.in_review.drafts):
        return [Say(Prompt.PARKED_ENTRY, meant)]
    return [expected]


def _has_values(fields: Mapping[str, FieldValue], meant: Mapping[str, FieldValue]) -> bool:
    return all(fields.get(name) == value for name, value in meant.items())


def _list_known_numbers(session: DialogueSession, name: str) -> Iterable[str]:
    """The numbers that a query may mean: open, on record, in review, or expected where the operator works."""
    form, place = session.rules.form, find_current_place(session)
    if _find_open_entry(session) is not None and name in session.open_identifiers:
        yield str(session.open_identifiers[name])
    yield from (str(one.fields[name]) for one in session.lately.entries if one.form == form.name and name in one.fields)
    yield from (
        str(values[name]) for one in session.recorded.in_review.drafts if name in (values := values_of(one.reading))
    )
    if name == form.expects.get(FieldRole.PALLET):
        places = session.expected.places if place is None else (place,)
        yield from (line.pallet for one in places for line in session.expected.lines_at(one))


def _say_recorded(session: DialogueSession, entry: StandingEntry) -> Say:
    """Read out an entry on record: its state at the inventory, another operator's name, its time if not now."""
    ago, last = session.lately.now - entry.recorded_at, terms_on_record(session, entry.event_id)
    by, at = str(entry.operator), to_zone(entry.recorded_at, session.lately.now.tzinfo)
    slots: dict[str, str] = {}
    if entry.refused:
        prompt = Prompt.RECORDED_REFUSED
    elif entry.owed and session.news.cut_off:
        prompt = Prompt.RECORDED_UNSENT
    elif entry.operator not in {None, session.recording_operator}:
        prompt, slots = Prompt.RECORDED_BY, {"operator": session.settings.spoken_name_of(by)}
    elif ago < _JUST_NOW:
        prompt = Prompt.RECORDED
    elif ago < _THIS_HOUR:
        prompt, slots = Prompt.RECORDED_AGO, {"minutes": str(ago // _JUST_NOW)}
    else:
        prompt, slots = Prompt.RECORDED_AT, {"time": f"{at:%H:%M}"}
    return Say(prompt, entry.fields, slots, terms=last)


def _say_expected_receipt(session: DialogueSession, meant: Mapping[str, FieldValue], unknown: Prompt) -> Say:
    """Say that a thing not on record here was received already, or where it is expected; else `unknown`."""
    pallet = session.rules.form.expects.get(FieldRole.PALLET)
    lines = () if pallet is None or pallet not in meant else session.expected.lines_for_pallet(str(meant[pallet]))
    if not lines:
        return Say(unknown, meant)
    if all(line.received for _, line in lines):
        return Say(Prompt.RECEIVED, meant)
    if unknown is Prompt.NOT_RECORDED:
        return Say(unknown, meant)
    place, _ = lines[0]
    return Say(Prompt.ANNOUNCED, {**meant, **_as_place_field(session, place)})


# Closing a trailer.


def ask_to_close_trailer(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Tell what was received of a trailer, and ask whether to close it."""
    return _ask_to_close(session, utterance, _find_queried_place(session, utterance))


def _find_closing_form(session: DialogueSession) -> Form | None:
    """The form that closes a trailer of the current form; None where none does."""
    return session.settings.closing if FieldRole.TRAILER in session.rules.form.roles else None


def _ask_to_close(session: DialogueSession, utterance: UtteranceHeard, place: ReceivingPlace | None) -> list[Order]:
    if (form := _find_closing_form(session)) is None or form.closes is None:
        return repeating.ask_to_repeat(session, utterance)
    if place is None or place.kind is not PlaceKind.TRAILER:
        session.placeless = utterance.reading
        which = session.make_repeatable_together(_ask_which_place(session))
        return [*status.record_utterance(session, utterance), *which]
    if session.recorded.find_closing(place.name, session.settings, session.lately.now) is not None:
        closed = session.say(Prompt.CLOSED, _as_place_field(session, place))
        return [*status.record_utterance(session, utterance), closed]
    said = utterance.reading
    sure = min(word.confidence for word in said.words)
    read = FieldReading(place.name, tuple(word.text for word in said.words), sure)
    reading = Reading(said.interpreter, form.name, said.words, {form.closes: read})
    if form.faults(values_of(reading)):
        return repeating.ask_to_repeat(session, utterance)
    summary = _say_receipt_summary(session, place)
    verdict = Verdict(Outcome.ACCEPT, (Cause(Reason.COMPLETE),), {form.closes: place.name})
    session.open(Draft(utterance.utterance_id, form.name, reading, session.recording_operator), verdict)
    asked = session.ask(Question(Topic.CLOSE, fields=_as_place_field(session, place)))
    session.make_repeatable_together([*summary, *(order for order in asked if isinstance(order, Say))])
    return [utterance.note_utterance(hold_if_accepted(verdict)), *summary, *asked]


def commit_and_ask_to_close(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Close a trailer over a readback: the held entry is committed first and counted; a doubted one is finished."""
    draft, verdict = session.open_draft, session.verdict
    if _find_closing_form(session) is None:
        return drafting.ask_to_repeat_possible_no(session, utterance)
    if session.doubted or session.queue.first is not None or verdict is None or verdict.outcome is not Outcome.ACCEPT:
        return ask_open_question_before_closing(session, utterance)
    place = _find_queried_place(session, utterance)  # before the commit, since the draft may name it
    if draft.act is not Act.CONTEXT:
        _count_commit(session, "", draft, verdict.fields)
    return [*drafting.commit_draft(session), *_ask_to_close(session, utterance, place)]


def _count_commit(session: DialogueSession, event_id: str, draft: Draft, fields: Mapping[str, FieldValue]) -> None:
    """Add a commit to `session.lately`, which was loaded before it; a cancelled entry is there no more."""
    entries = [one for one in session.lately.entries if one.event_id not in {event_id, draft.replaces}]
    if draft.act is not Act.CANCEL:
        entries.insert(0, StandingEntry(event_id, draft.form, fields, draft.operator, session.lately.now))
    session.lately = replace(session.lately, entries=tuple(entries))


def ask_waiting_closing(session: DialogueSession, before: Sequence[Order]) -> list[Order]:
    """Tell the sums of the trailer whose closing waits, and ask whether to close it; empty where none waits.

    What `before`, the orders of the step so far, puts aside is in review for it.
    """
    if not session.waiting_orders or not session.settings.is_closing(session.waiting_orders[-1]):
        return []
    *left, closing = session.waiting_orders
    session.waiting_orders, session.placeless = tuple(left), None
    # A cancellation is not the last entry, but among these.
    latest = session.recorded.entries[-1] if session.recorded.entries else None
    for one in (session.recorded.last, latest):
        if one is not None and not one.refused:
            _count_commit(session, one.event_id, one.draft, one.fields)
    for parked in before:
        if isinstance(parked, Park) and parked.draft is not None:
            session.recorded.in_review = session.recorded.in_review.with_draft(parked.draft)
    said_in = next(iter(closing.support), None)
    return ask_to_close_trailer(session, UtteranceHeard(closing.utterance_id, closing.reading, said_in=said_in))


def queue_closing(session: DialogueSession, utterance: UtteranceHeard, *, apart: bool = False) -> None:
    """Let the order to close a trailer wait until nothing is open, unless one waits.

    `apart`: the utterance is of something else, too, and the order has a copy of it.
    """
    form = _find_closing_form(session)
    if form is None or any(map(session.settings.is_closing, session.waiting_orders)):
        return
    place = _find_queried_place(session, utterance)
    where = {} if place is None else _as_place_field(session, place)
    fields = {name: FieldReading(value, (), 1.0) for name, value in where.items()}
    reading = replace(utterance.reading, fields=fields)
    said_in = utterance.utterance_id
    closing_id, support = (make_copy_id(said_in, "closing"), (said_in,)) if apart else (said_in, ())
    closing = Draft(closing_id, form.name, reading, session.recording_operator, support=support)
    session.waiting_orders = (closing, *session.waiting_orders)


def ask_open_question_before_closing(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Repeat the open question first, and close the trailer after it."""
    noted, draft = utterance.note_as_heeded(Reason.COMMAND), session.open_draft
    asked = (
        [session.say_question(session.question)]
        if session.question is not None
        else session.ask(session.entry_question)
    )
    if session.settings.is_closing(draft) and not _names_another_trailer(session, utterance):
        return [noted, *asked]
    queue_closing(session, utterance)
    if session.topic in {Topic.ENTRY_RIGHT, Topic.CANCEL}:
        return [noted, *asked]
    return [noted, *parking.say_draft(session, draft), *asked]


def _names_another_trailer(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether it names another trailer than the one that is to be closed."""
    named = named_place(session.rules.form, values_of(utterance.reading))
    return named is not None and _as_place_field(session, named).items() != session.current_question.fields.items()


def _say_receipt_summary(session: DialogueSession, place: ReceivingPlace) -> list[Say]:
    """Say the totals received for a trailer, its entries in review, and its missing pallets."""
    numbers, aside = _list_reviews_at_place(session, place)
    lacking = find_missing_pallets(place, session.expected, _find_receiving_form(session), session.lately.entries) or ()
    gone = [one for one in lacking if one not in numbers]
    missing = _say_count_and_numbers(session, Prompt.MISSING, Prompt.MISSING_MANY, gone)
    return [*_read_out_totals(session, place), *aside, *missing]


# Answers to "Close trailer 5501?".


def commit_closing(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Commit the closing; a context with this trailer ends."""
    fields = session.current_question.fields
    session.draft = with_support(session.open_draft, utterance.utterance_id)
    if fields.items() <= context.context_values(session).items():
        context.end_context_of_closed_trailer(session)  # the closing prompt announces the end
    return [utterance.note_as_heeded(), *drafting.commit_draft(session), session.say(Prompt.CLOSED, fields)]


# A closed trailer.


def reopen_trailer(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Cancel the closing of the entry's trailer on a yes, and go on with the entry."""
    draft, verdict, fields = session.open_draft, session.verdict, session.current_question.fields
    name = str(session.current_question.field)
    trailer = str(fields[name])
    last = session.recorded.find_closing(trailer, session.settings, session.lately.now)
    if verdict is None or last is None:  # reopened meanwhile
        return drafting.revise_draft(session, utterance, draft)
    cancelled = Draft(
        utterance.utterance_id,
        last.draft.form,
        utterance.reading,
        session.recording_operator,
        act=Act.CANCEL,
        replaces=session.recorded.find_applied_event(last.event_id),
    )
    draft = replace(draft, agreed=(*draft.agreed, agreement_mark(drafting.REOPENED, trailer)))
    if name not in draft.reading.fields:  # It is of the list, and the question named it.
        draft = with_agreed_value(draft, name, fields[name], utterance.utterance_id)
        verdict = drafting.judge_after_utterance(session, draft, utterance)
    # Always held, since a step commits one entry.
    goes_on = drafting.ask_or_read_back_or_commit(
        session, draft, replace(verdict, confirm=ConfirmationKind.READBACK), None
    )
    nothing = Verdict(Outcome.ACCEPT, (), {})
    return [
        utterance.note_utterance(hold_if_accepted(nothing)),
        Commit(cancelled, nothing),
        Say(Prompt.REOPENED, fields),
        *goes_on,
    ]
