"""The standing context: the values that later entries take from what was said once, "trailer 5501". Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue import waiting_context
from edge.agree.dialogue.interface import Order, ShiftBegan, UtteranceHeard
from edge.agree.dialogue.questions import Topic, judge_draft
from edge.agree.dialogue.session import (
    LONGEST_UNLOADING,
    DialogueSession,
    has_context_changed,
    list_own_standing_entries,
)
from edge.agree.dialogue.table import State
from edge.agree.off_talk import begins_with_foreign_words
from edge.agree.readings import find_differing_identifiers, likely_values, possible_values, values_of, without_inherited
from edge.records import (
    NOTHING_STANDS,
    Cause,
    Draft,
    LastEntry,
    Note,
    Outcome,
    Reason,
    StandingContext,
    StoreDropped,
    Verdict,
)
from edge.records.speech import Prompt, Say

CONTEXT_VERDICT = Verdict(Outcome.HEED, (Cause(Reason.CONTEXT),), {})  # On what sets the context.


# The context in an entry.


def fill_new_entry_from_context(session: DialogueSession, reading: Reading, of: Draft | None = None) -> Reading:
    """The reading of a new entry, with its missing fields filled in from the context, but what waits behind `of`."""
    form = session.rules.form
    if (
        reading.act is not Act.RECORD
        or reading.fields.keys() <= set(form.standing_fields)
        or not begins_entry(session, reading)
    ):
        return reading
    whole = fill_unless_other_trailer(session, reading, of)
    return whole if _can_begin_entry(session) or form.required_fields <= whole.fields.keys() else reading


def fill_unless_other_trailer(session: DialogueSession, reading: Reading, of: Draft | None = None) -> Reading:
    """The reading of an entry with the context filled in; one that names another trailer inherits nothing of the old.

    `of`: the draft that it is of, which does not inherit what waits behind it.
    """
    stands = inheritable_fields(session, of_open=is_correction(reading.words, session.rules.language), of=of)
    taken = {name: replace(one, words=()) for name, one in stands.items() if name not in reading.fields}
    head = next(iter(session.rules.form.standing_fields), "")
    if head in reading.fields and head in stands and reading.fields[head].value != stands[head].value:
        since = _find_fields_of_next_trailer(session, stands)
        taken = {name: replace(one, confirmed=False) for name, one in since.items()}
    if not taken:
        return reading
    return replace(reading, fields={**reading.fields, **taken}, not_understood=None)


def _find_fields_of_next_trailer(
    session: DialogueSession, stands: Mapping[str, FieldReading]
) -> dict[str, FieldReading]:
    """The context fields that were said since the last entry on the trailer: "door 4", then "trailer 5502"."""
    head, *others = session.rules.form.standing_fields or ("",)
    trailer = stands.get(head)
    open_ones = (one for one in (session.draft, *session.queue.drafts) if one is not None and one.act is Act.RECORD)
    claims = (*(one.fields for one in session.recorded.entries), *(values_of(one.reading) for one in open_ones))
    on_it = [one for one in claims if trailer and one.get(head) == trailer.value]
    since = {name: stands[name] for name in others if name in stands and on_it}
    return {
        name: replace(one, words=())
        for name, one in since.items()
        if trailer and one.said_in != trailer.said_in and not any(of.get(name) == one.value for of in on_it)
    }


def move_to_other_trailer(
    session: DialogueSession, reading: Reading, before: Reading, said: Reading, *, is_earlier: bool = False
) -> Reading:
    """The reading of an entry that may have moved to another trailer: without what it inherited of the old one.

    Where nothing but places is `said`, as put right, the trailer was wrong: the door and order stay, unless something
    was said of the trailer since. Back on the standing trailer, it has that one's door and order again, but
    not one that `is_earlier`.
    """
    head, *others = session.rules.form.standing_fields or ("",)
    was, now, stands = before.fields.get(head), reading.fields.get(head), session.context.fields.get(head)
    if was is None or now is None or was.value == now.value:
        return reading
    is_back = stands is not None and stands.value == now.value
    is_alone = without_inherited(said).fields.keys() <= {head, *others} and head not in session.context.doubted
    if is_alone and puts_right(session, said) and not (is_back or is_earlier):
        return reading
    left = {name: one for name, one in reading.fields.items() if name not in others or not one.is_inherited}
    moved = replace(reading, fields=left)
    return moved if is_earlier else fill_unless_other_trailer(session, moved)


def puts_right(session: DialogueSession, said: Reading) -> bool:
    """Whether it puts a place right: with a word of correction, or asked what is wrong, as by "trailer 5502"."""
    name, again = session.current_question.field, session.current_question.prompt is Prompt.ASK_FIELD
    is_asked = again and name in session.rules.form.standing_fields and name in session.open_draft.reading.fields
    return is_asked or session.topic is Topic.WRONG or is_correction(said.words, session.rules.language)


def begins_with_unknown_words(reading: Reading, rules: Rules) -> bool:
    """Whether unknown words precede the values: "don't record pallet 742"; "same again" is known."""
    alike = any(one.said_in for one in reading.fields.values())
    return not (reading.is_scan or alike) and begins_with_foreign_words(reading, rules)


def has_unread_inherited_values(session: DialogueSession, reading: Reading) -> bool:
    """Whether it inherits values that no readback has included yet."""
    return any(
        one.is_inherited and name in _context_after_commit(session).not_read_back
        for name, one in reading.fields.items()
    )


def takes_doubted_value(session: DialogueSession, draft: Draft) -> bool:
    """Whether a new entry takes a value from the context although something was said of that field since it was set."""
    own = waiting_context.list_waiting(session, draft)
    waits = [one for one in waiting_context.list_waiting(session, None) if one not in own]
    doubted = _context_behind(session, session.context, waits).doubted
    return draft.act is Act.RECORD and any(
        one.is_inherited and name in doubted for name, one in draft.reading.fields.items()
    )


def is_between_entries(session: DialogueSession) -> bool:
    """Whether no entry is open: no draft, or only the question whether to cancel one, or to close a trailer."""
    return session.draft is None or session.topic in {Topic.CANCEL, Topic.CLOSE}


def is_entry_open(session: DialogueSession) -> bool:
    """Whether an entry is open, and not the context."""
    return session.draft is not None and session.draft.act is not Act.CONTEXT and not is_between_entries(session)


def asks_about_entry(session: DialogueSession) -> bool:
    """Whether a question over the open context is for a field that none has: the "no" to it was of an entry."""
    sets_context = session.draft is not None and session.draft.act is Act.CONTEXT
    return sets_context and session.current_question.field not in {None, *session.rules.form.standing_fields}


def _can_begin_entry(session: DialogueSession) -> bool:
    """Whether values now begin a new entry."""
    draft = session.draft
    return is_between_entries(session) or (draft is not None and draft.act is Act.CONTEXT and _is_surely_held(session))


def begins_entry(session: DialogueSession, reading: Reading) -> bool:
    """Whether it begins an entry; the open one has its own values."""
    draft, rules = session.draft, session.rules
    if _can_begin_entry(session):
        return True
    if draft is None or draft.act is Act.CONTEXT:
        return False
    another = find_differing_identifiers(draft.reading, reading, rules.identifying_fields)
    return bool(another) or has_context_changed(session, reading, draft)


def _is_surely_held(session: DialogueSession) -> bool:
    return session.state is State.HELD and not session.doubted


def inheritable_fields(
    session: DialogueSession, *, of_open: bool = False, of: Draft | None = None
) -> dict[str, FieldReading]:
    """The context fields that a new entry inherits, as far as the form allows them; `of_open`: or the open one anew.

    `of`: a draft that does not inherit what waits behind it.
    """
    rules, fields = session.rules, _context_after_commit(session, of_open=of_open, of=of).fields
    return {
        name: fields[name]
        for name in rules.form.standing_fields
        if name in fields and (value := fields[name].value) is not None and rules.allows_value(rules.form[name], value)
    }


def has_trailer_of_context(session: DialogueSession, entry: LastEntry) -> bool:
    """Whether an entry took its trailer from the context, as that stands."""
    head, fields = next(iter(session.rules.form.standing_fields), ""), entry.draft.reading.fields
    stands = session.context.fields.get(head)
    return stands is not None and head in fields and fields[head].is_inherited and fields[head].value == stands.value


def differs_from_context(session: DialogueSession, entry: LastEntry) -> bool:
    """Whether an entry has another trailer or door than the next one would: there its number may be another pallet."""
    return any(entry.fields.get(name) != one.value for name, one in inheritable_fields(session).items())


def _context_after_commit(
    session: DialogueSession, *, of_open: bool = False, of: Draft | None = None
) -> StandingContext:
    """The context as it will be for what is said next: once the held draft is committed, if that is not doubted.

    `of_open`: without what waits to be the context behind it. `of`: without what waits behind this draft, or was said
    behind it in one breath.
    """
    draft, waits = session.draft, [] if of_open else waiting_context.list_waiting(session, None)
    if of is not None:
        behind = waiting_context.list_waiting(session, of)
        waits = [one for one in waits if one not in behind and one.utterance_id != of.utterance_id]
    held = draft is not None and _is_surely_held(session)
    return _context_behind(
        session, _context_with_draft(session, session.open_draft) if held else session.context, waits
    )


def build_readback(session: DialogueSession) -> Say:
    """The readback of the open draft, with inherited fields only if new; fields that become the context come apart."""
    draft, values = session.open_draft, session.values
    if draft.act is Act.CONTEXT:
        old, new = session.context.fields, _context_with_draft(session, draft).fields
        lost = find_field_left_behind(session)
        changed = {name: one.value for name, one in new.items() if one.value is not None and old.get(name) is not one}
        return Say(Prompt.STANDING_ANEW if lost else Prompt.STANDING, changed, asked=lost)
    own = session.rules.identifying_fields  # the entry's own identifiers
    standing = {
        name: values[name]
        for name in find_fields_becoming_context(session, draft)
        if name in values and name not in own
    }
    stands, not_read_back = inheritable_fields(session), session.context.not_read_back
    taken = {
        name: one.value for name, one in draft.reading.fields.items() if one.is_inherited and name not in not_read_back
    }
    unchanged = {name for name, value in taken.items() if name in stands and stands[name].value == value}
    # A door that is kept on another trailer is said: it was wrong with that, maybe.
    all_is_said = session.rules.form.is_identified_by_context or is_of_other_trailer(session, draft)
    known = set() if all_is_said else unchanged
    if draft.act is not Act.RECORD:
        return Say(Prompt.READBACK_AMENDED, values)
    spoken = {name: value for name, value in values.items() if name not in known and name not in standing}
    if standing:
        return Say(Prompt.READBACK_STANDING, spoken, beside=standing)
    # Beside a place that waits, the one that the entry inherited before is none of its own.
    waits = waiting_context.list_fields(session, None)
    beside = any(one.is_inherited and name in waits for name, one in draft.reading.fields.items())
    is_alone = not beside and _has_own_context_value(session, draft)
    return Say(Prompt.READBACK_ALONE if is_alone else Prompt.READBACK, spoken)


def find_field_left_behind(session: DialogueSession) -> str | None:
    """The field of the trailer before that the held context lacks, whose readback asks for it."""
    draft = session.draft
    if draft is None or draft.act is not Act.CONTEXT or session.state is not State.HELD:
        return None
    old, new = session.context.fields, _context_with_draft(session, draft).fields
    return next((name for name in session.rules.form.standing_fields if name in old and name not in new), None)


def _has_own_context_value(session: DialogueSession, draft: Draft) -> bool:
    """Whether the entry has a value of its own for a context field: another door, or one that the context lacks."""
    said, stands = draft.reading.fields, inheritable_fields(session)
    form = session.rules.form
    own = (name for name in form.standing_fields if name in said and stands and name not in form.identifies)
    return any(name not in stands or said[name].value != stands[name].value for name in own)


# Changes.


def _context_with_draft(session: DialogueSession, draft: Draft) -> StandingContext:
    """The context once the draft is agreed."""
    fields = draft.reading.fields
    if draft.act is Act.CONTEXT:
        by = draft.utterances
        said = {name: replace(one, said_in=one.said_in or by) for name, one in fields.items() if one.value is not None}
        said = {**_find_context_of_trailer(session, said), **said}
        return build_changed_context(session, said, not_read_back=tuple(said))
    lasting = {name: by for name, by in find_fields_becoming_context(session, draft).items() if name in fields}
    said = {name: replace(fields[name], said_in=by) for name, by in lasting.items() if fields[name].value is not None}
    right = {name: one for name, one in _find_fields_put_right(session, draft).items() if name not in said}
    if not (said or right):
        return session.context
    elsewhere = _find_fields_elsewhere(session, draft, said)
    return build_changed_context(session, {**right, **said}, not_read_back=tuple(right), elsewhere=elsewhere)


def _find_fields_elsewhere(
    session: DialogueSession, draft: Draft, said: Mapping[str, FieldReading]
) -> Mapping[str, FieldReading] | None:
    """What applies in the other forms once an entry is agreed: a trailer that names its thing is of its form alone."""
    before, head = session.context, session.rules.form.standing_fields[0]
    if head in dict(draft.stands):  # It was said to hold.
        return None
    names_thing = draft.act is Act.RECORD and head in said and head in session.rules.form.identifies
    stands = head in said and head in before.fields and before.fields[head].value == said[head].value
    return before.fields_elsewhere if names_thing and not stands else before.elsewhere


def _find_context_of_trailer(session: DialogueSession, readings: Mapping[str, FieldReading]) -> dict[str, FieldReading]:
    """The door and order that hold with a trailer that is said: those that stand, told anew with it.

    Of another trailer, to which the operator returns, from all his recent entries on it: none if it was closed since,
    nor a field in which they differ.
    """
    (head, *others), stands, recorded = session.rules.form.standing_fields, session.context.fields, session.recorded
    if head not in readings:
        return {}
    if head not in stands or stands[head].value == readings[head].value:
        return {name: replace(stands[name]) for name in others if name in stands}
    said_since = _find_fields_of_next_trailer(session, stands)
    if recorded.find_closing(str(readings[head].value), session.settings, session.lately.now) is not None:
        return said_since
    since = session.lately.now - LONGEST_UNLOADING
    own = [one for one in list_own_standing_entries(session) if one.fields.get(head) == readings[head].value]
    own = [one for one in own if one.recorded_at is not None and one.recorded_at > since]
    if not own:
        return said_since
    read, by = own[0].draft.reading.fields, (own[0].draft.utterance_id,)
    alike = [name for name in others if name in read and {one.fields.get(name) for one in own} == {read[name].value}]
    before = {name: replace(read[name], words=(), said_in=read[name].said_in or by) for name in alike}
    return {**before, **said_since}


def find_fields_becoming_context(session: DialogueSession, draft: Draft) -> dict[str, tuple[str, ...]]:
    """The fields of an entry that become the context: those it says to keep, and all if there is none yet.

    Each with the utterances that gave it.
    """
    said_to: dict[str, tuple[str, ...]] = {name: (by,) for name, by in draft.stands}
    form, recorded = session.rules.form, session.recorded
    dictated = draft.act is Act.RECORD and draft.form == form.name and not form.is_identified_by_context
    if not dictated or recorded.is_in_review(draft) or recorded.replaces_recorded_entry(draft):
        return said_to
    by, fields = draft.utterances, draft.reading.fields
    # An identifying field always does: an entry on another trailer means that the operator has moved there.
    begins = (
        form.standing_fields
        if not session.context.fields
        else tuple(one for one in form.standing_fields if one in form.identifies)
    )
    own = (name for name in begins if name in fields and not fields[name].is_inherited)
    own = (name for name in own if name not in session.set_over_question)  # What follows it was told since.
    # A label's values apply to its pallet only.
    return {name: by for name in own if not fields[name].scanned} | said_to


def build_changed_context(
    session: DialogueSession,
    readings: Mapping[str, FieldReading],
    not_read_back: tuple[str, ...] = (),
    elsewhere: Mapping[str, FieldReading] | None = None,
    before: StandingContext | None = None,
) -> StandingContext:
    """The context with these fields; another trailer clears the old one's door and order.

    `elsewhere` applies in the other forms beside this trailer; None: the same. `before`: the context until then; None:
    the present one.
    """
    before, once = before or session.context, session.rules.form.standing_fields
    kept = before.fields
    head = readings.get(once[0])
    if head is not None and once[0] in kept and kept[once[0]].value != head.value:
        kept = {}
    still = tuple(name for name in before.not_read_back if name in kept and name not in readings)
    doubted = before.doubted & (kept.keys() - readings.keys())
    operator, shift = session.recording_operator, session.shift
    other = before.elsewhere if head is None else elsewhere
    return StandingContext({**kept, **readings}, (*still, *not_read_back), operator, shift, doubted, other)


def set_agreed_context(session: DialogueSession) -> list[Order]:
    """Set the context, after a readback without objection."""
    draft = session.open_draft
    session.context = _context_with_draft(session, draft)
    session.close_draft()
    session.breath.forget_taken()
    return [Note(draft.utterance_id, draft.reading, replace(CONTEXT_VERDICT, fields=values_of(draft.reading)))]


def set_context_before_queued(session: DialogueSession) -> list[Order]:
    """Set the context that was read back, where an entry said over its question waits for it; else empty."""
    draft, waits = session.draft, session.queue.first
    is_agreed = draft is not None and draft.act is Act.CONTEXT and _is_surely_held(session)
    if not is_agreed or waits is None or waits.utterance_id in session.needs_yes or find_field_left_behind(session):
        return []  # What needs a yes was left behind by the context: silence must not ask of it at once.
    return set_agreed_context(session)


def set_read_back_context_or_drop(session: DialogueSession, draft: Draft) -> list[Order]:
    """Keep the context as last read back, after a question that got no answer, and tell what of it does not stand.

    Where none of it was read back, what the question left sure stands: the trailer, where the order was asked about.
    """
    read_back = session.read_back is not None and session.read_back.utterance_id == draft.utterance_id
    agreed = session.read_back if read_back else _without_doubtful(session, draft)
    stands = {} if agreed is None else values_of(agreed.reading)
    lost = {name: value for name, value in likely_values(draft.reading).items() if stands.get(name) != value}
    told = [session.say(Prompt.NOT_RECORDED, lost)] if lost else []
    if agreed is None or not stands:
        session.context = session.context.with_doubted(draft.reading.fields.keys())
        return [StoreDropped(draft), *(told or [session.say(Prompt.KEPT_AS_IT_IS)])]
    session.context = _context_with_draft(session, agreed).with_doubted(draft.reading.fields.keys())
    noted = Note(agreed.utterance_id, agreed.reading, replace(CONTEXT_VERDICT, fields=stands))
    kept = session.say(Prompt.KEPT_AS_IT_IS) if read_back else session.say(Prompt.STANDING, stands)
    return [noted, *told, kept] if read_back else [noted, kept, *told]


def _without_doubtful(session: DialogueSession, draft: Draft) -> Draft | None:
    """The draft of a context without what is in doubt; None where its trailer is, or where nothing was asked of it."""
    doubted = {one.field for one in judge_draft(draft, session.rules).reasons} - {None}
    sure = {name: one for name, one in draft.reading.fields.items() if one.value is not None and name not in doubted}
    head = session.rules.form.standing_fields[0]
    if not doubted or (head in draft.reading.fields and head not in sure):
        return None
    return replace(draft, reading=replace(draft.reading, fields=sure))


def update_context_after_commit(session: DialogueSession, draft: Draft) -> None:
    """Update the context after a commit: what its readback included is announced, and it may set fields."""
    if draft.act is Act.CANCEL:
        _announce_context_of_cancelled(session, draft)
        return
    begun = find_fields_becoming_context(session, draft)
    moved = find_fields_moved(session, draft) & dict(draft.stands).keys()
    session.context = after = _context_with_draft(session, draft).with_doubted(moved)
    differs = not begun and _has_own_context_value(session, draft)
    inherited = {name for name, one in draft.reading.fields.items() if one.is_inherited}
    # Announce again what applies again after an exception, and what no readback has included.
    said = begun if session.state is State.HELD else {}  # Only a readback says what holds "from now on".
    anew = [*after.fields] if differs else [name for name in begun if name not in said]
    left = tuple(name for name in after.not_read_back if name not in inherited and name not in anew)
    same = {
        name for name in inherited & after.fields.keys() if draft.reading.fields[name].value == after.fields[name].value
    }
    agreed = same if draft.utterance_id in session.needs_yes else set[str]()
    session.context = replace(after, not_read_back=(*left, *anew), doubted=after.doubted - agreed)


def _announce_context_of_cancelled(session: DialogueSession, draft: Draft) -> None:
    """Announce the context fields that a cancelled entry set again."""
    own = _find_context_set_by(session, _utterances_of_entry(session, draft.replaces))
    others = (name for name in session.context.not_read_back if name not in own)
    session.context = replace(session.context, not_read_back=(*others, *own))


def _find_fields_put_right(session: DialogueSession, draft: Draft) -> dict[str, FieldReading]:
    """The context fields that an amended entry set and puts right; none that another entry has taken since."""
    if draft.act is not Act.AMEND:
        return {}
    stands, fields, by = session.context.fields, draft.reading.fields, _utterances_of_entry(session, draft.replaces)
    before = next((one.fields for one in session.recorded.entries if one.event_id == draft.replaces), {})
    own = (
        name
        for name in _find_context_set_by(session, by)
        if before.get(name) == stands[name].value and not is_taken_by_another(session, name, by)
    )
    anew = [name for name in own if name in fields and fields[name].value not in {None, stands[name].value}]
    return {name: replace(fields[name], said_in=draft.utterances) for name in anew}


def find_fields_moved(session: DialogueSession, draft: Draft) -> set[str]:
    """The context fields in which a correction moves an entry away from the context: it may have been meant for all."""
    stands, fields = session.context.fields, draft.reading.fields
    entries = session.recorded.entries if draft.act is Act.AMEND else ()
    before = next((one.fields for one in entries if one.event_id == draft.replaces), {})
    return {
        name
        for name, one in stands.items()
        if before.get(name) == one.value and {*possible_values(fields.get(name, one))} - {one.value}
    }


def find_fields_amended(session: DialogueSession, draft: Draft) -> set[str]:
    """The fields in which an amendment differs from its record; all, where that is not known."""
    before = next((one.fields for one in session.recorded.entries if one.event_id == draft.replaces), {})
    return {name for name, one in draft.reading.fields.items() if before.get(name) != one.value}


def _find_context_set_by(session: DialogueSession, utterances: AbstractSet[str]) -> list[str]:
    return [name for name, one in session.context.fields.items() if utterances & set(one.said_in)]


def is_taken_by_another(session: DialogueSession, name: str, utterances: AbstractSet[str]) -> bool:
    """Whether an entry of other utterances has inherited the field as it stands, which was right for that one."""
    stands, recorded = session.context.fields[name], session.recorded
    waits = {one.utterance_id for one in session.queue.drafts}  # They were not read back yet.
    aside = (one for one in recorded.in_review.drafts if one.utterance_id not in waits)
    known = (*(one.draft for one in recorded.list_standing_entries()), *aside)
    taken = (one.reading.fields.get(name) for one in known if one.utterance_id not in utterances)
    return any(one is not None and one.is_inherited and one.said_in == stands.said_in for one in taken)


def _utterances_of_entry(session: DialogueSession, event_id: str | None) -> set[str]:
    """The utterances that gave an entry, and the entries that it replaced."""
    entries, said = {one.event_id: one.draft for one in session.recorded.entries}, set[str]()
    while event_id in entries:
        draft = entries[event_id]
        said.update(draft.utterances)
        event_id = draft.replaces
    return said


def is_of_other_trailer(session: DialogueSession, draft: Draft) -> bool:
    """Whether the draft has another trailer than the context."""
    head = next(iter(session.rules.form.standing_fields), "")
    said, before = draft.reading.fields.get(head), session.context.fields.get(head)
    return said is not None and before is not None and said.value != before.value


# The end.


def end_context(session: DialogueSession) -> list[Order]:
    """Clear the context and tell the operator; empty if there was none."""
    values = context_values(session)
    session.context = NOTHING_STANDS
    return [session.say(Prompt.STANDING_ENDED, values)] if values else []


def end_context_of_closed_trailer(session: DialogueSession) -> None:
    """End the context with its trailer; where an entry has set that, what applies elsewhere is left."""
    session.context = NOTHING_STANDS if session.context.elsewhere is None else session.context.in_other_form()


def begin_waiting_context(session: DialogueSession, draft: Draft | None = None) -> list[Order]:
    """Set the context that was said for what follows this draft, and tell it; None: any draft, none is open."""
    waits = waiting_context.take(session, draft)
    session.context = _context_behind(session, session.context, waits)
    told = [session.say(Prompt.STANDING, said) for one in reversed(waits) if (said := values_of(one.reading))]
    doubted = (likely_values(one.reading) for one in reversed(waits) if not values_of(one.reading))
    return [*told, *(session.say(Prompt.NOT_RECORDED, said) for said in doubted if said)]


def _context_behind(session: DialogueSession, before: StandingContext, waits: Iterable[Draft]) -> StandingContext:
    """The context with what waits to be of it; a field without a value is in doubt."""
    for one in reversed([*waits]):
        sure = {name: said for name, said in one.reading.fields.items() if said.value is not None}
        before = _with_said(session, before, sure, one.utterance_id) if sure else before
        before = before.with_doubted(one.reading.fields.keys() - sure.keys())
    return before


def _with_said(
    session: DialogueSession, before: StandingContext, said: Mapping[str, FieldReading], utterance_id: str
) -> StandingContext:
    own = {name: replace(one, said_in=(utterance_id,)) for name, one in said.items()}
    return build_changed_context(session, own, not_read_back=tuple(own), before=before)


def set_fields_in_context(session: DialogueSession, said: Mapping[str, FieldReading], utterance_id: str) -> None:
    """Set these fields for all that follows, said in this utterance; the next readback has them."""
    session.context = _with_said(session, session.context, said, utterance_id)


def begin_reopened_context(
    session: DialogueSession, fields: Mapping[str, FieldValue], utterance: UtteranceHeard
) -> None:
    """Make a reopened trailer the context, unless the operator has set another meanwhile."""
    once = session.rules.form.standing_fields
    if not session.context and once and once[0] in fields:
        read = FieldReading(fields[once[0]], (), 1.0, said_in=(utterance.utterance_id,))
        session.context = build_changed_context(session, {once[0]: read}, not_read_back=once[:1])


def end_context_with_shift(session: DialogueSession, began: ShiftBegan) -> list[Order]:
    """A new shift or business day clears the context, which the operator must set anew."""
    context, session.shift = session.context, began.shift
    before, (_, shift) = context.shift, began.shift
    if not context or before is None or before == began.shift:
        return []
    session.context = NOTHING_STANDS
    once = session.rules.form.standing_fields
    if not once:
        announcement = Say(Prompt.STANDING_ENDED, _values_in_form(session, context))
    elif shift is None or shift == before[1]:
        announcement = Say(Prompt.DAY_BEGAN, asked=once[0])
    else:
        announcement = Say(Prompt.SHIFT_BEGAN, slots={"shift": shift}, asked=once[0])
    session.news.queued.append(announcement)
    return []


def restore_context(session: DialogueSession, kept: StandingContext) -> list[Order]:
    """Restore the context after a restart, if its operator is still signed on, and tell him."""
    session.context = kept
    if not kept:
        return []
    if kept.operator != session.recording_operator:
        return end_context(session)
    values = context_values(session)
    return [session.say(Prompt.STANDING_KEPT, values)] if values else []


def context_values(session: DialogueSession) -> dict[str, FieldValue]:
    """The context's values, including those of the held draft."""
    return _values_in_form(session, _context_after_commit(session))


def _values_in_form(session: DialogueSession, context: StandingContext) -> dict[str, FieldValue]:
    """The values of the fields that the current form has."""
    names = {field.name for field in session.rules.form.fields}
    return {name: one.value for name, one in context.fields.items() if name in names and one.value is not None}
