"""Status: the steps beside the draft: queries, the voice, faults, pauses and the restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import FEW, is_listed_command, parse_break_reason
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import Act, Command, Reading
from edge.agree.dialogue import amendments, context, context_doubts, drafting, parking, repeating, shifts, works
from edge.agree.dialogue.interface import DeviceStarted, HeadsetFaultChanged, Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic, judge_draft
from edge.agree.dialogue.session import DialogueSession, Named, list_own_standing_entries, read_out_entry
from edge.agree.dialogue.table import State
from edge.agree.readings import values_of
from edge.records import Cause, ConfirmationKind, Draft, LastEntry, Outcome, Park, Reason, StoreDropped, Verdict
from edge.records.speech import AdjustVoice, Earcon, PlayEarcon, Prompt, Say, StopSpeaking

UNASKED = frozenset({State.SIGNED_OFF, State.IDENTIFYING, State.PAUSED, State.CHOOSING_WORK})
"""The states in which dictated values are parked."""

MOST_READ_OUT = 3  # How many of the last entries are read out: a listener does not remember a fourth.


# Utterances and queries.


def record_utterance(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Record the utterance with its verdict, as heeded unless that is IGNORE, and do nothing else."""
    if utterance.verdict.outcome is Outcome.IGNORE:
        return [utterance.note_utterance()]
    why = Reason.COMMAND if utterance.reading.act is Act.COMMAND else Reason.ANSWER
    return [utterance.note_as_heeded(Reason.NOT_LISTENING if session.state in UNASKED else why)]


def park_unaccepted_values(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Park the values that were dictated in a state that accepts none, and say why."""
    if not utterance.reading.fields:
        return [utterance.note_as_not_understood(), PlayEarcon(Earcon.NOT_UNDERSTOOD), _say_why_unaccepted(session)]
    reading = replace(drafting.read_with_acoustic_doubts(session, utterance), act=Act.RECORD)
    draft = Draft(utterance.utterance_id, session.rules.form.name, reading)
    parked = Park(utterance.utterance_id, Reason.NOT_LISTENING, utterance.verdict.fields, draft)
    orders = parking.announce_parked(session, utterance.reading)
    return [parked, PlayEarcon(Earcon.NOT_UNDERSTOOD), *orders, _say_why_unaccepted(session)]


def refuse_to_take_back(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Tell that all stays as it is in a state that takes nothing back, and why."""
    says = session.make_repeatable_together([Say(Prompt.KEPT_AS_IT_IS), _say_why_unaccepted(session)])
    return [utterance.note_as_not_understood(), PlayEarcon(Earcon.NOT_UNDERSTOOD), *says]


def _say_why_unaccepted(session: DialogueSession) -> Say:
    asks = {State.IDENTIFYING: shifts.ask_about_candidate, State.CHOOSING_WORK: works.ask_which_form}.get(session.state)
    if asks is not None:
        return asks(session)
    return session.say(Prompt.PAUSED if session.state is State.PAUSED else Prompt.SIGN_ON_FIRST)


_QueryHandler = Callable[[DialogueSession, UtteranceHeard], Sequence[Say]]
ANSWERS: dict[Command, _QueryHandler] = {}
"""The handler that answers each query command, registered by `answers_command`."""


def answers_command(*commands: Command) -> Callable[[_QueryHandler], _QueryHandler]:
    """Register the decorated function as the handler of these query commands."""

    def register(handler: _QueryHandler) -> _QueryHandler:
        ANSWERS.update(dict.fromkeys(commands, handler))
        return handler

    return register


@answers_command(Command.SAY_AGAIN)
def _repeat_last_prompts(session: DialogueSession, _: UtteranceHeard) -> list[Say]:
    """Repeat the last prompts, with shortened numbers in full."""
    said = session.spoken.again or (Say(Prompt.NOTHING_SAID),)
    return [replace(one, terms=replace(one.terms, ends=frozenset())) for one in said]


@answers_command(Command.HOW_MANY_WAITING, Command.WHAT_IS_OPEN)  # Of the latter where no entry can be open.
def say_pending_counts(session: DialogueSession, _: UtteranceHeard) -> list[Say]:
    """Say the number of pending events, of refused ones, and of utterances in review."""
    owed, refused = session.recorded.owed, len(session.recorded.refused)
    prompt = Prompt.WAITING_REFUSED if refused else Prompt.WAITING if owed else Prompt.WAITING_NONE
    return [Say(prompt, slots={"count": str(owed), "refused": str(refused)}), *shifts.say_review_count(session)]


def say_last_entries(session: DialogueSession, utterance: UtteranceHeard) -> list[Say]:
    """Read out the last entry, or the last few."""
    words, language = utterance.reading.words, session.rules.language
    if is_listed_command(FEW, words, language):
        numbers = (one.value for word in words for one in language.numerals.counts([fold(word.text)], 0))
        own = list_own_standing_entries(session)[: min((MOST_READ_OUT, *numbers))]
        return [read_out_entry(session, one, Prompt.RECORDED) for one in reversed(own)] or [Say(Prompt.NO_ENTRY)]
    entry = session.recorded.last or works.find_latest_entry_of_other_form(session)
    return [Say(Prompt.NO_ENTRY) if entry is None else read_out_entry(session, entry)]


def say_todays_tally(session: DialogueSession, utterance: UtteranceHeard) -> list[Say]:
    """Say today's number of entries at the named place, else at that of the last entry, else of all."""
    named, entry = values_of(utterance.reading), session.recorded.last
    if not named and entry is not None:
        places = (field.name for field in session.rules.form.fields if field.is_place)
        named = {name: entry.fields[name] for name in places if name in entry.fields}
    if entry is None and not named:
        return [Say(Prompt.NO_ENTRY)]
    # A form may have no place, or two; and an entry may have none.
    return [Say(Prompt.TALLY, named) if len(named) == 1 else Say(Prompt.TALLY_ALL)]


@answers_command(Command.WHICH_WORK)
def _describe_work(session: DialogueSession, _: UtteranceHeard) -> list[Say]:
    """Say which form is being filled, or ask for it."""
    form = session.rules.form
    others = [one for one in session.works.allowed_forms if one is not form]
    if session.state is State.CHOOSING_WORK:
        return [works.ask_which_form(session)]
    return [works.say_forms(session, Prompt.WORK_NOW if others else Prompt.ONLY_WORK, form, *others)]


@answers_command(Command.WHO_AM_I)
def _say_who_is_signed_on(session: DialogueSession, _: UtteranceHeard) -> list[Say]:
    """Say who is signed on."""
    if session.operator is None:
        return [Say(Prompt.NOBODY_SIGNED_ON)]
    called = session.called or session.settings.spoken_name_of(session.operator)
    return [Say(Prompt.WHO_IS_SIGNED_ON, slots={"operator": called})]


@answers_command(Command.WHO_LISTENED)
def _say_who_listened(*_: object) -> list[Say]:
    """Say who in the office listened to the operator's recordings; the names are filled in from the journal."""
    return [Say(Prompt.LISTENED)]


@answers_command(Command.HELP)
def say_help(session: DialogueSession, _: UtteranceHeard) -> list[Say]:
    """Say help for the current state."""
    if session.state is State.CHOOSING_WORK:
        return [works.ask_which_form(session)]
    return [Say(repeating.HELP_PROMPTS[session.state])]


def adjust_voice(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Change the voice's volume or speed."""
    what = utterance.reading.command or Command.SAY_AGAIN
    return [*record_utterance(session, utterance), AdjustVoice(what), Say(Prompt(what.value))]


def stop_speaking(session: DialogueSession, _: object) -> list[Order]:
    """Stop speaking, unless the latest prompt has priority."""
    latest = session.spoken.latest
    return [] if latest is not None and latest.priority else [StopSpeaking()]


# Faults.


def announce_fault_or_end(session: DialogueSession, hardware: HeadsetFaultChanged) -> list[Order]:
    """Announce a fault of the headset, or its end. "Say again" does not repeat it.

    The operator may not have heard the readback of a held entry: ask whether it is right.
    """
    slots = {"fault": hardware.fault}
    if hardware.healed:
        return [Say(Prompt.HEALED, slots=slots)]
    asked = session.ask(session.entry_question) if session.state is State.HELD else []
    return [PlayEarcon(Earcon.FAULT), Say(Prompt.FAULT, slots=slots, priority=True), *asked]


# Pauses and the restart.


@answers_command(Command.RESUME)
def _say_listening(*_: object) -> list[Say]:
    """Say that the device listens."""
    return [Say(Prompt.LISTENING)]


def begin_pause(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Pause: a held entry is committed, or asked about if doubted, and a question stays open until its timeout.

    Cancellations and a closing that are being asked about, or wait, are dropped.

    Another reason during a break begins another break.
    """
    reason = parse_break_reason(utterance.reading.words, session.rules.language)
    if session.state is State.PAUSED and reason in {None, session.on_break}:
        return record_utterance(session, utterance)
    orders: list[Order] = []
    if session.state is State.HELD and session.doubted:
        session.question = session.entry_question
    elif session.state is State.HELD:
        orders = drafting.commit_draft(session)
    if session.draft is not None and (session.draft.act is Act.CANCEL or session.settings.is_closing(session.draft)):
        orders = parking.park_draft(session)
    orders += parking.give_up_waiting_orders(session)
    session.state = State.PAUSED
    return [utterance.note_as_heeded(Reason.COMMAND), *orders, *shifts.begin_break(session, reason)]


def end_pause(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """End the pause; repeat the question that was open before it."""
    noted = [utterance.note_as_heeded(Reason.COMMAND), *shifts.end_break(session)]
    if session.draft is None or session.question is None:
        session.state = session.state_without_open_entry
        asked = [] if session.works.chosen else [works.ask_which_form(session)]
        return [*noted, session.say(Prompt.RESUMED), *asked]
    return [*noted, Say(Prompt.RESUMED), *session.ask(session.question)]


def park_draft_during_pause(session: DialogueSession, _: object) -> list[Order]:
    """Timeout of a draft during a pause: park it, and tell the operator when he is back."""
    if session.draft is None:
        return []
    orders = parking.park_draft(session)
    session.state = State.PAUSED
    session.news.queued.extend(order for order in orders if isinstance(order, Say))
    return [order for order in orders if not isinstance(order, Say)]


def restore_after_restart(session: DialogueSession, started: DeviceStarted) -> list[Order]:
    """Restore the state after a restart; the draft needs a yes, since utterances may be lost since."""
    recorded = session.recorded
    session.operator, session.shift, recorded.owed = started.operator, started.shift, started.owed
    recorded.last = session.own_entry_or_none(started.last)
    session.works.allowed = shifts.find_allowed_forms(session)
    session.state = session.state_without_open_entry
    recorded.turned_down |= started.turned_down
    recorded.refused |= started.held
    recorded.entries.extend(started.entries)
    if recorded.last is not None and recorded.last.refused:
        recorded.refused.add(recorded.last.event_id)
    announcements = shifts.announce_refused_events(session) if session.state is not State.SIGNED_OFF else []
    announcements += context.restore_context(session, started.context)
    session.on_break = None if session.state is State.SIGNED_OFF else started.on_break
    if started.draft is not None:  # asking about it ends the break
        # The queued draft is in review now: name the latest of these.
        others = [one for one in recorded.in_review.drafts if one.utterance_id != started.draft.utterance_id]
        besides = [say for one in others[-MOST_READ_OUT:] for say in parking.announce_parked_before(session, one)]
        if len(others) > MOST_READ_OUT:
            besides += [Say(Prompt.ASIDE, slots={"count": str(len(others))})]
        session.waiting_orders = started.draft.behind
        restored = _ask_about_restored_draft(session, replace(started.draft, behind=()))
        missing = {
            name for one in others for name in session.rules.form.required_fields - values_of(one.reading).keys()
        }
        session.named = replace(session.named, lacks=session.named.lacks | missing)  # What is said now may be theirs.
        asked = [*shifts.end_break(session), *restored]
        return [*announcements, *besides, *asked]
    # Which thing the device named last is not known any more: where it may have been another, a correction is asked.
    known = [session.identifiers_of(one.fields) for one in recorded.entries if one.draft.act is not Act.CANCEL]
    session.named = Named(left=bool(recorded.in_review.drafts) or any(one != known[0] for one in known))
    if session.on_break is not None:
        session.state = State.PAUSED
        return [*announcements, session.say(Prompt.PAUSED_FOR, away=session.on_break)]
    if session.state is State.CHOOSING_WORK:
        return [*announcements, works.ask_which_form(session)]
    return [session.say(Prompt.SIGN_ON_FIRST)] if session.state is State.SIGNED_OFF else announcements


def _ask_about_restored_draft(session: DialogueSession, draft: Draft) -> list[Order]:
    rules = session.rules
    if draft.form != rules.form.name and not session.settings.is_closing(draft):
        return _park_of_another_form(session, draft)
    if draft.act is Act.CANCEL or session.settings.is_closing(draft):
        return _ask_cancel_or_close_again(session, draft)
    verdict = replace(judge_draft(draft, rules), confirm=ConfirmationKind.READBACK)
    if (renamed := amendments.find_renamed_entry(session, draft)) is not None:
        session.recorded.last = renamed
        said = _leave_out_known(session, draft.reading, renamed)
        return amendments.ask_if_replaces_last(session, draft, verdict, said)
    # The next values may belong to a thing that was named during the power cut.
    session.named = replace(session.named, left=True)
    context_doubts.unset_named_identifiers(session, draft.reading)
    session.breath.is_lost = True
    orders = drafting.ask_or_read_back_or_commit(session, draft, verdict, None)
    if session.state is not State.HELD:
        return orders
    session.needs_yes.add(draft.utterance_id)
    return session.ask(replace(session.entry_question, prompt=Prompt.RESTORED))


def _leave_out_known(session: DialogueSession, reading: Reading, entry: LastEntry) -> Reading:
    """The reading, without the values that only the entry has: they were not said of a thing of another name."""
    name, known = session.rules.identifying_fields, entry.draft.reading.fields
    said = {of: one for of, one in reading.fields.items() if of in name or one != known.get(of)}
    return replace(reading, fields=said)


def _ask_cancel_or_close_again(session: DialogueSession, draft: Draft) -> list[Order]:
    """Ask again whether to cancel an entry, or to close a trailer."""
    recorded, values = session.recorded, values_of(draft.reading)
    if draft.act is Act.RECORD:
        session.open(draft, Verdict(Outcome.ACCEPT, (Cause(Reason.COMPLETE),), values))
        return session.ask(Question(Topic.CLOSE, fields=session.settings.to_trailer_field(values, session.rules.form)))
    standing = recorded.find_applied_event(draft.replaces)
    known = (*([] if recorded.last is None else [recorded.last]), *reversed(recorded.entries))
    entry = next((one for one in known if recorded.find_applied_event(one.event_id) == standing), None)
    if standing is None or entry is None:
        is_of_closing = session.settings.is_closing(draft)
        return [StoreDropped(draft)] if is_of_closing else amendments.ask_about_order(session, draft)
    session.draft, session.verdict = draft, Verdict(Outcome.ACCEPT, (), {})
    return session.ask(amendments.build_cancel_question(session, entry))


def _park_of_another_form(session: DialogueSession, draft: Draft) -> list[Order]:
    """Park a draft of another form, since the current form cannot ask about its fields."""
    session.draft, session.verdict = draft, Verdict(Outcome.HOLD, (), values_of(draft.reading))
    orders = parking.park_draft(session)
    session.state = session.state_without_open_entry
    return orders
