"""Drafting: the steps that take a draft from its first utterance to the journal, and ask its questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.spoken import is_correction, leading_cue, says_all_is_well, without_cue
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, Word
from edge.agree.cut_numbers import complete_cut_number
from edge.agree.decide import Circumstances, Rules
from edge.agree.dialogue import context, lasting_places, parking, repeating, waiting_context
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import Order, ReadingContradicted, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic, hold_if_accepted, judge_draft, next_question
from edge.agree.dialogue.session import DeferredAction, DialogueSession, terms_of_open_draft
from edge.agree.dialogue.table import State
from edge.agree.expectations import NOTHING_EXPECTED, Expectations, find_expected_place
from edge.agree.merging import (
    agreement_mark,
    has_number_word,
    settle_dependent_fields,
    unconfirm_doubtful_fields,
    with_support,
)
from edge.agree.off_talk import has_unread_words
from edge.agree.one_breath import list_several_identifiers, pick_by_answer, split_if_several, split_things
from edge.agree.readings import find_differing_identifiers, likely_values, possible_values, values_of, without_inherited
from edge.agree.terms import find_spoken_units
from edge.agree.unclear_numbers import take_stray_digits_as_identifier
from edge.records import (
    Cause,
    Commit,
    ConfirmationKind,
    Draft,
    LastEntry,
    Note,
    Outcome,
    Park,
    Reason,
    Verdict,
    make_copy_id,
)
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say, Terms

REOPENED = "reopened"  # Prefix in `Draft.agreed` for a closed trailer that the operator agreed to reopen.


# Readings and verdicts.


def read_with_acoustic_doubts(session: DialogueSession, utterance: UtteranceHeard) -> Reading:
    """The utterance's reading; fields that its acoustics make doubtful are unconfirmed."""
    return unconfirm_doubtful_fields(utterance.reading, Circumstances(utterance.known.acoustics), session.rules)


def is_sure_correction(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether it surely corrects or denies something: a breath may sound like a "no"."""
    said = utterance.reading
    cues = leading_cue(said.words, session.rules.language)
    return (bool(cues) or said.act is Act.AMEND) and session.rules.trusts(cues)


def judge_after_utterance(
    session: DialogueSession, draft: Draft, utterance: UtteranceHeard, *, aloud: bool = False
) -> Verdict:
    """The verdict on the draft; the entry that it corrects does not count as a double.

    `aloud`: an accepted draft is always read back, since a step commits one entry.
    """
    known, recorded = utterance.known, session.recorded
    before = next((one for one in recorded.entries if one.event_id == draft.replaces), recorded.last)
    if before is not None and recorded.replaces_recorded_entry(draft):
        of = session.rules.identifying_fields
        recent = tuple(one for one in known.recent if any(one.get(name) != before.fields.get(name) for name in of))
        expected = _list_expected_for_recount(session, before, draft, known.expected)
        known = replace(known, recent=recent, expected=expected)
    verdict = judge_draft(draft, session.rules, known)
    return (
        replace(verdict, confirm=ConfirmationKind.READBACK) if aloud and verdict.outcome is Outcome.ACCEPT else verdict
    )


def _list_expected_for_recount(
    session: DialogueSession, last: LastEntry, draft: Draft, expected: Expectations
) -> Expectations:
    """The expected receipts to check a changed count of the same pallet against, as not yet received; else none."""
    form, values = session.rules.form, values_of(draft.reading)
    pallet, counted = form.expects.get(FieldRole.PALLET, ""), form.expects.get(FieldRole.QUANTITY, "")
    same = last.fields.get(pallet) == values.get(pallet)
    if pallet not in values or not same or last.fields.get(counted) == values.get(counted):
        return NOTHING_EXPECTED
    return expected.reduced_to_unreceived_pallet(str(values[pallet]))


def is_terminator(session: DialogueSession, words: tuple[Word, ...]) -> bool:
    """Whether the words are the form's terminator alone."""
    return len(words) == 1 and _is_terminated(session, words)


def _is_terminated(session: DialogueSession, words: tuple[Word, ...]) -> bool:
    return bool(words) and fold(words[-1].text).strip(".,;:!? ") == session.rules.form.terminator


# The life of a draft.


def build_draft(session: DialogueSession, utterance: UtteranceHeard) -> Draft:
    """A draft of its own for the utterance."""
    reading = unconfirm_doubtful_fields(replace(utterance.reading, act=Act.RECORD), utterance.known, session.rules)
    stands = tuple((name, utterance.utterance_id) for name in utterance.stands)
    return Draft(utterance.utterance_id, session.rules.form.name, reading, session.recording_operator, stands=stands)


def begin_entry(
    session: DialogueSession, utterance: UtteranceHeard, *, may_commit_at_once: bool = False
) -> list[Order]:
    """Begin an entry, with the standing context filled in.

    It is held, unless it `may_commit_at_once`: a step commits one entry.
    """
    draft, verdict = build_draft(session, utterance), utterance.verdict
    draft = replace(draft, reading=take_stray_digits_as_identifier(draft.reading, draft.utterance_id, session.rules))
    understood = any(possible_values(one) for one in draft.reading.fields.values() if not one.is_inherited)
    if not understood and not split_if_several(draft.reading, session.rules):
        return repeating.ask_to_repeat(session, utterance)
    if apart := _park_several_things(session, draft, verdict):
        return apart
    # What was closed by this step may have left another context in doubt than the sentence was read with.
    stale = [name for name, one in draft.reading.fields.items() if one.is_inherited and name in session.context.doubted]
    own = {name: one for name, one in draft.reading.fields.items() if name not in stale}
    named = replace(draft.reading, fields={**session.named_again, **own})
    filled = context.fill_new_entry_from_context(session, named, draft)
    draft = _drop_stale_identifier(session, replace(draft, reading=filled))
    if verdict.outcome is Outcome.ACCEPT and not may_commit_at_once:
        verdict = replace(verdict, confirm=ConfirmationKind.READBACK)
    is_changed = values_of(draft.reading) != values_of(utterance.reading)
    is_changed |= draft.reading.fields.keys() != utterance.reading.fields.keys()
    if is_changed or utterance.reading.act is not Act.RECORD:
        verdict = judge_after_utterance(session, draft, utterance, aloud=True)
    waited = _find_what_waited(session, filled)
    if waited is None:
        return begin_draft(session, utterance, draft, verdict)
    return _begin_what_waited(session, utterance, draft, verdict, waited)


def _find_what_waited(session: DialogueSession, reading: Reading) -> Draft | None:
    """The queued draft of the thing that is named, maybe at another place than holds now; or None.

    A place that is part of the name is that which holds: "rear", on trailer 5502.
    """
    own = without_inherited(reading).fields
    of = session.rules.identifying_fields
    # As if the place were said here.
    names = {name: replace(one, said_in=()) for name, one in reading.fields.items() if name in of}
    waits = (one for one in session.queue.drafts if session.identifiers_of(likely_values(one.reading)))
    said = replace(reading, fields={**names, **own})
    return next((one for one in waits if session.relate_to_claim(said, one) is Relation.SAME), None)


def _begin_what_waited(
    session: DialogueSession, utterance: UtteranceHeard, draft: Draft, verdict: Verdict, waited: Draft
) -> list[Order]:
    """Begin an entry of a queued thing, with what was said of it then; what differs from that needs a yes."""
    session.queue.replace(waited.utterance_id)  # The operator has repeated it.
    part, others = pick_by_answer(waited.reading, draft.reading, session.rules) or (waited.reading, None)
    known = values_of(draft.reading)
    differs = any(known.get(name, value) != value for name, value in values_of(without_inherited(part)).items())
    if has_unread_words(part, session.rules):
        told = parking.announce_parked(session, part)
        kept = [] if others is None else _queue_others(session, waited, part, others)
        return [*kept, *told, *begin_draft(session, utterance, draft, verdict)]
    # It has the place that held when it was said first, and not the one that holds now.
    place = {name: one for name, one in part.fields.items() if one.is_inherited}
    own = {name: one for name, one in draft.reading.fields.items() if not (one.is_inherited and place)}
    draft = with_support(replace(draft, reading=replace(draft.reading, fields={**place, **own})), waited.utterance_id)
    partly = session.identifiers_of(likely_values(part)).keys() > session.identifiers_of(known).keys()
    session.needs_yes |= {draft.utterance_id} if differs or partly else set()
    if more := {name: one for name, one in without_inherited(part).fields.items() if name not in draft.reading.fields}:
        # What was said of it the first time is not lost when it is named again.
        draft = replace(draft, reading=replace(draft.reading, fields={**more, **draft.reading.fields}))
    verdict = judge_after_utterance(session, draft, utterance, aloud=True)
    if others is None:
        said = Note(waited.utterance_id, waited.reading, utterance.note_as_heeded().verdict)
        return [said, *begin_draft(session, utterance, draft, verdict)]
    # The other things of that breath stay in the queue.
    left = replace(waited, reading=others)
    session.queue.add(left, first=True)
    parked = Park(left.utterance_id, parking.UNANSWERED, values_of(others), left)
    return [parked, *begin_draft(session, utterance, draft, verdict)]


def _queue_others(session: DialogueSession, waited: Draft, part: Reading, others: Reading) -> list[Order]:
    """Leave one of several queued things in review alone, and queue the others again."""
    parked = Park(waited.utterance_id, parking.UNANSWERED, values_of(part), replace(waited, reading=part))
    return [parked, *parking.queue_rest(session, waited, others)]


def _park_several_things(session: DialogueSession, draft: Draft, verdict: Verdict) -> list[Order]:
    """Park each of several things that an utterance names; empty where each can be asked about in turn.

    Each with its name, what stands for all, and what is surely its own.
    """
    rules, fields = session.rules, draft.reading.fields
    several = list_several_identifiers(draft.reading, rules)
    if not several or (verdict.ask in rules.identifying_fields and split_things(draft.reading, rules)):
        return []
    name = next(one for one in rules.identifying_fields if several[0] in possible_values(fields.get(one)))
    before = rules.identifying_fields[: rules.identifying_fields.index(name)]
    shared = {of: one for of, one in fields.items() if one.is_inherited or (of in before and not one.rivals)}
    parts = split_things(draft.reading, rules)
    own = {value: part.fields for part in parts for value in possible_values(part.fields.get(name))}
    session.named = replace(session.named, left=True)
    parked: list[Order] = []
    for value in several:
        named = {name: replace(fields[name], value=value, rivals=())}
        reading = replace(draft.reading, fields={**shared, **own.get(value, {}), **named})
        of_first = not parked
        which = draft.utterance_id if of_first else make_copy_id(draft.utterance_id, str(value))
        one = replace(draft, utterance_id=which, reading=reading)
        parked.append(
            Park(which, parking.UNANSWERED, values_of(reading), one, None if of_first else draft.utterance_id)
        )
    return [*parked, *(session.say(Prompt.PARKED_ENTRY, {name: one}) for one in several)]


def _drop_stale_identifier(session: DialogueSession, draft: Draft) -> Draft:
    """The draft, without an identifier from the context if another thing was named since; it then needs a yes."""
    fields = draft.reading.fields
    taken = {name for name in session.rules.identifying_fields if name in fields and fields[name].is_inherited}
    if not (taken and session.named.left):
        return draft
    session.needs_yes.add(draft.utterance_id)
    left = {name: one for name, one in fields.items() if name not in taken}
    return replace(draft, reading=replace(draft.reading, fields=left))


def begin_draft(session: DialogueSession, utterance: UtteranceHeard, draft: Draft, verdict: Verdict) -> list[Order]:
    """Record the utterance and open its draft."""
    session.named = replace(session.named, left=False)
    return [
        utterance.note_utterance(hold_if_accepted(verdict)),
        *ask_or_read_back_or_commit(session, draft, verdict, utterance),
    ]


def revise_draft(session: DialogueSession, utterance: UtteranceHeard, draft: Draft) -> list[Order]:
    """Replace the open draft and consider it; one that moved to another trailer leaves the door of the old one."""
    draft = lasting_places.mark_places_as_context(session, draft, utterance)
    of_next = not waiting_context.list_fields(session, None).isdisjoint(utterance.reading.fields)
    if of_next or _objects_without_change(session, utterance, draft) or _may_be_of_queued(session):
        session.needs_yes.add(draft.utterance_id)
    before, said = session.open_draft.reading, utterance.reading
    require_yes_if_place_is_left(session, utterance, before, draft)
    draft = replace(draft, reading=context.move_to_other_trailer(session, draft.reading, before, said))
    return [
        utterance.note_as_heeded(),
        *ask_or_read_back_or_commit(session, draft, judge_after_utterance(session, draft, utterance), utterance),
    ]


def revise_draft_with_answer(session: DialogueSession, utterance: UtteranceHeard, draft: Draft) -> list[Order]:
    """Revise the draft with an answer; one that leaves no doubt about itself also settles what depends on it."""
    name, rules = str(session.current_question.field), session.rules
    draft = lasting_places.mark_answer_as_context(session, draft, utterance)
    doubts = judge_after_utterance(session, draft, utterance).reasons
    if name in draft.reading.fields and not any(doubt.field == name for doubt in doubts):
        draft = settle_dependent_fields(name, session.open_draft.reading, draft, rules, utterance.reading.fields)
    return revise_draft(session, utterance, draft)


def _may_be_of_queued(session: DialogueSession) -> bool:
    """Whether a name alone came last, behind a value of the open thing: what follows may be of either.

    "Twelve cases, that's it, pallet 743" over 742.
    """
    queued = session.queue.first
    if queued is None or queued.utterance_id not in session.open_draft.support:
        return False
    return {name for name, one in queued.reading.fields.items() if not one.is_inherited} <= {
        *session.rules.identifying_fields
    }


def _objects_without_change(session: DialogueSession, utterance: UtteranceHeard, draft: Draft) -> bool:
    """Whether an objection gives the value that it objects to: "no, fifty" over fifty, as fifteen is misheard twice."""
    said, before, language = utterance.reading, session.open_draft.reading, session.rules.language
    corrects = is_correction(said.words, language) and without_cue(said.words, language)
    if not corrects and not (session.topic is Topic.WRONG and said.fields):
        return False
    return all(
        possible_values(one) == possible_values(before.fields.get(name)) for name, one in draft.reading.fields.items()
    )


def require_yes_if_place_is_left(
    session: DialogueSession, utterance: UtteranceHeard, before: Reading, draft: Draft
) -> None:
    """Require a yes for a claim at another place than before: what is wrong may have been of that one, as "full"."""
    roles, after = session.rules.form.roles, draft.reading
    place, wrong = roles.get(FieldRole.LOCATION), roles.get(FieldRole.EXCEPTION)
    if place is None or wrong not in after.fields or wrong in utterance.reading.fields:
        return
    if find_differing_identifiers(before, after, [place]):
        session.needs_yes.add(draft.utterance_id)


def ask_or_read_back_or_commit(
    session: DialogueSession, draft: Draft, verdict: Verdict, utterance: UtteranceHeard | None
) -> list[Order]:
    """Ask the draft's next question, or hold it, or commit it without a readback if the policy allows that."""
    session.open(draft, verdict)
    verdict = session.verdict or verdict
    terminator = session.rules.form.terminator
    of_entry = draft.act is not Act.CONTEXT and terminator is not None
    ended = not of_entry or (utterance is not None and _is_terminated(session, utterance.reading.words))
    question = next_question(draft, verdict, session.rules, session.challenges, ended=ended)
    question = question or _build_reopen_question(session, draft, verdict)
    if question is not None:
        return session.ask(question)
    if context.takes_doubted_value(session, draft):
        session.needs_yes.add(draft.utterance_id)
    if draft.utterance_id in session.needs_yes or _awaits_newcomer(session):  # These may be his words.
        return session.ask(session.entry_question)
    if utterance is not None and _keeps_record(session, draft):
        return commit_draft(session)
    sure = verdict.confirm is ConfirmationKind.EARCON and draft.act is not Act.CONTEXT
    needs_readback = (
        session.settings.holds_sure
        or _list_differing_reviews(session)
        or context.find_fields_becoming_context(session, draft)
    )
    if sure and not needs_readback:
        return commit_draft(session)
    return hold_draft(session)


def _awaits_newcomer(session: DialogueSession) -> bool:
    """Whether another operator has said that he signs on."""
    return session.deferred_action is not None and session.deferred_action.newcomer


def hold_draft(session: DialogueSession) -> list[Order]:
    """Read the open draft back and start its undo window."""
    session.question, session.state = None, State.HELD
    return [*read_back_held(session)]


def read_back_held(session: DialogueSession) -> Sequence[Say]:
    """Read the held draft back; also read out what is in review for its thing."""
    others = _list_differing_reviews(session)
    session.read_back = session.open_draft
    readback = replace(context.build_readback(session), terms=terms_of_open_draft(session))
    return session.make_repeatable_together([readback, *others])


def _list_differing_reviews(session: DialogueSession) -> list[Say]:
    """Prompts that read out drafts in review of the same thing that tell of more, and stay in review."""
    verdict = session.verdict
    if verdict is None:
        return []
    said = (part for _, part, _ in _reviews_of_same_thing(session, session.open_draft))
    differing = [part for part in said if not _is_said_anew(session, part, verdict)]
    units = (Terms(find_spoken_units(part, session.rules)) for part in differing)
    return [
        Say(Prompt.ASIDE_BEFORE, likely_values(part), terms=terms) for part, terms in zip(differing, units, strict=True)
    ]


def _build_reopen_question(session: DialogueSession, draft: Draft, verdict: Verdict) -> Question | None:
    """The question whether to reopen the entry's trailer, or the one that its pallet is expected on.

    None where it is open, or the draft was in review before.
    """
    name, form = session.rules.form.roles.get(FieldRole.TRAILER), session.rules.form
    announced = find_expected_place(verdict.fields, form, session.expected)
    trailer = None if name is None else {**announced, **verdict.fields}.get(name)
    if name is None or trailer is None or draft.act is not Act.RECORD or session.recorded.is_in_review(draft):
        return None
    if (
        agreement_mark(REOPENED, trailer) in draft.agreed
        or session.recorded.find_closing(str(trailer), session.settings, session.lately.now) is None
    ):
        return None
    return Question(Topic.REOPEN, name, fields={name: trailer})


def commit_draft(session: DialogueSession) -> list[Order]:
    """Commit the draft, or set the context; park it if its verdict is not ACCEPT."""
    verdict = session.verdict or judge_draft(session.open_draft, session.rules)
    if verdict.outcome is not Outcome.ACCEPT:
        return parking.park_draft(session)
    if session.open_draft.act is Act.CONTEXT:
        return context.set_agreed_context(session)
    draft = _replace_effective_event(session, session.open_draft)
    if _keeps_record(session, draft):
        return [*parking.drop_draft(session), session.say(Prompt.KEPT_AS_IT_IS)]
    heeded = Verdict(Outcome.HEED, (Cause(Reason.ANSWER),), {})
    settled: list[Order] = []
    for one, part, others in _reviews_of_same_thing(session, draft):
        if not _is_said_anew(session, part, verdict):
            continue
        if others is None:
            draft = with_support(draft, one.utterance_id)
            settled.append(Note(one.utterance_id, one.reading, heeded))
        else:  # The other things of that breath are still in review.
            settled.append(Park(one.utterance_id, parking.UNANSWERED, values_of(others), replace(one, reading=others)))
    # Values spoken before the next thing may belong to it, so a correction without identifier is ambiguous. What the
    # context names goes on.
    names = session.rules.identifying_fields[:1]
    stands = any(draft.reading.fields[name].is_inherited for name in names if name in draft.reading.fields)
    left = session.named.left or (draft.utterance_id in session.needs_yes and not stands)
    session.named = replace(session.named, left=left, lacks=frozenset(), aside=False)
    context.update_context_after_commit(session, session.open_draft)
    session.recorded.in_review = session.recorded.in_review.without(draft.utterance_id)
    told = context.begin_waiting_context(session, session.open_draft)
    session.close_draft()
    session.breath.forget()
    return [*settled, Commit(draft, verdict), *told]


def _keeps_record(session: DialogueSession, draft: Draft) -> bool:
    """Whether the draft would correct nothing; one that the inventory refused is sent again."""
    return session.recorded.changes_nothing(draft) and session.recorded.mending is None


def _reviews_of_same_thing(session: DialogueSession, draft: Draft) -> list[tuple[Draft, Reading, Reading | None]]:
    """The other drafts in review of the same thing and form, which was dictated again since.

    Each with what it says of that thing, and of others in the same breath; None: of no others.
    """
    needed = {*session.needed_identifiers}
    named = session.identifiers_of(values_of(draft.reading))
    if not needed or draft.act is not Act.RECORD:
        return []
    waiting = (one for one in session.recorded.in_review.drafts if one.act is Act.RECORD and one.form == draft.form)
    others = (one for one in waiting if one.utterance_id not in draft.utterances)
    found: list[tuple[Draft, Reading, Reading | None]] = []
    for one in others:
        part, rest = pick_by_answer(one.reading, draft.reading, session.rules) or (one.reading, None)
        of = session.identifiers_of(likely_values(part))
        if needed <= of.keys() and {**of, **named} == {**named, **of}:
            found.append((one, part, rest))
    return found


def _is_said_anew(session: DialogueSession, aside: Reading, verdict: Verdict) -> bool:
    """Whether the entry has all that is in review of its thing, which it then replaces: also what was not understood.

    Not "on hold", nor "two wet", where the entry tells of nothing wrong.
    """
    if not aside.fields.keys() <= verdict.fields.keys() or has_unread_words(aside, session.rules):
        return False
    said = [(name, one) for name, one in aside.fields.items() if one.value is not None]
    return all(verdict.fields[name] == one.value and not one.rivals for name, one in said)


def _replace_effective_event(session: DialogueSession, draft: Draft) -> Draft:
    """The draft, replacing the event that the inventory has: it may have refused the intended one meanwhile."""
    recorded = session.recorded
    if draft.replaces is None or draft.replaces not in recorded.turned_down:
        return draft
    recorded.mending = draft.utterance_id, draft.replaces
    standing = recorded.find_applied_event(draft.replaces)
    return replace(draft, replaces=standing, act=Act.RECORD if standing is None else draft.act)


def ask_to_finish_open(session: DialogueSession, behind: DeferredAction) -> list[Order]:
    """Ask once to finish the open entry before a sign-off or a change of operator or form.

    Empty for a held entry, a cancellation or a closing, or if it was asked before.

    `behind` is carried out after it.
    """
    draft, question = session.draft, session.question
    if (
        draft is None
        or question is None
        or draft.act is Act.CANCEL
        or session.settings.is_closing(draft)
        or session.leaving
        or (_awaits_newcomer(session) and behind.newcomer)
    ):
        return []
    session.leaving, session.deferred_action = True, behind
    return [*parking.say_draft(session, draft), session.say_question(question)]


def commit_or_park_open(session: DialogueSession) -> list[Order]:
    """Close the open draft before another operator or form: a held one is committed, any other is parked.

    What was said to follow a held one holds; orders that wait else are given up aloud. The prompts keep the form that
    they were made for.
    """
    sure, form = session.state is State.HELD and not session.doubted, session.rules.form.name
    agreed = commit_draft(session) if session.draft is not None and sure else []
    waited = [*parking.tell_queued_parked(session), *parking.give_up_waiting_orders(session)]
    left = parking.park_draft(session) if session.draft is not None else []
    return [replace(one, form=form) if isinstance(one, Say) else one for one in (*agreed, *waited, *left)]


def doubt_cut_number(session: DialogueSession, reading: Reading) -> None:
    """Put the number at the end of the last utterance in doubt in all drafts: `reading` may go on with it."""

    def doubted(draft: Draft) -> Draft:
        return replace(draft, reading=session.breath.doubt_cut_number(draft.reading, reading, session.rules))

    question, draft = session.question, doubted(session.open_draft)
    session.draft, session.verdict = draft, judge_draft(draft, session.rules)
    if question is not None and question.other is not None:
        session.question = replace(question, other=doubted(question.other))


# While an entry is held.


def commit_on_yes(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Commit the held entry on a yes; after a doubt ask first, since the yes may answer "say again"."""
    return [utterance.note_as_heeded(), *end_undo_window(session, utterance)]


def end_undo_window(session: DialogueSession, _: object) -> list[Order]:
    """Commit when the undo window ends; after a doubt ask, since the words that were not understood may be a "no"."""
    return session.ask(session.entry_question) if session.doubted else commit_draft(session)


def require_yes_until_model_answers(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Require a yes for the held entry: the words need a model, none answers, and they may be a "no"."""
    session.doubted = True
    return repeating.defer_until_model_answers(session, utterance)


def ask_to_repeat_possible_no(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask to repeat words that may be a "no"; silence does not commit.

    A second time, and of "nothing", which says no more when it is repeated, ask whether the entry is right as well. The
    rest of a number that a pause cut completes it instead.
    """
    if (
        whole := complete_cut_number(session.open_draft, session.breath.words, utterance.reading, session.rules)
    ) is not None:
        return revise_draft(session, utterance, whole)
    session.doubted_number |= has_number_word((word.text for word in utterance.reading.words), session.rules)
    relation = session.relate_to_claim(utterance.reading)
    session.another_unclear |= relation in {Relation.ANOTHER, Relation.NAME, Relation.UNCLEAR}
    all_is_well = says_all_is_well(utterance.reading.words, session.rules.language)
    if not (session.doubted or all_is_well):
        session.doubted = True
        return repeating.ask_to_repeat(session, utterance)
    is_told = not all_is_well and not utterance.is_indistinct(session.rules)  # What was said is not in the entry.
    again = [*([session.say(Prompt.REPEAT)] if is_told else []), *session.ask(session.entry_question)]
    return [utterance.note_as_not_understood(), PlayEarcon(Earcon.NOT_UNDERSTOOD), *again]


def ask_which_value(session: DialogueSession, contradiction: ReadingContradicted) -> list[Order]:
    """Ask "4744, or 474?" where a second recogniser heard a value otherwise that no yes has settled.

    Not while the operator speaks, nor after the undo window: it is too late then.
    """
    draft = session.open_draft
    if draft.utterance_id != contradiction.utterance_id or session.news.interrupted:
        return []
    fields = {name: _add_rival(draft, name, *pair, session.rules) for name, pair in contradiction.otherwise.items()}
    doubted = {name: said for name, said in fields.items() if said is not None}
    draft = replace(draft, reading=replace(draft.reading, fields={**draft.reading.fields, **doubted}))
    verdict = judge_draft(draft, session.rules)
    if not doubted or verdict.outcome is not Outcome.ASK:
        return []
    return [PlayEarcon(Earcon.QUESTION), *ask_or_read_back_or_commit(session, draft, verdict, None)]


def _add_rival(draft: Draft, name: str, value: FieldValue, other: FieldValue, rules: Rules) -> FieldReading | None:
    """The field with the other value as a rival; None where it is settled or the form forbids the other."""
    said = draft.reading.fields.get(name)
    if said is None or said.value != value or agreement_mark(name, value) in {*draft.agreed, *draft.proved}:
        return None
    return replace(said, rivals=(other,)) if rules.allows_value(rules.form[name], other) else None
