"""Shifts: the steps by which operators sign on and off, and the changes of the roster."""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.forms.spoken import (
    parse_command,
    speaker_name,
    split_sign_on,
    without_courtesy,
    words_after_sign_on,
)
from dockvoice_protocol.records import Command, Operator, ShiftChange, ShiftEvent
from edge.agree.crew import SignOnCandidate, find_sign_on_candidates, spell_if_number
from edge.agree.dialogue import context, drafting, repeating, works
from edge.agree.dialogue.interface import Order, RosterChanged, UtteranceHeard
from edge.agree.dialogue.session import DeferredAction, DialogueSession, SignOnQuestion
from edge.agree.dialogue.table import State
from edge.records import Park, Reason, StoreFormOrLanguageChange
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say

_RELIEVED, _NOT_LISTED, _UNUSED = "relieved", "not_listed", "unused"
"""Why a shift ended without a sign-off: another signed on, the roster changed, no speech."""

_MINUTE_S = 60

# Signing on.


def sign_on(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Sign on the operator who is named, ask who it is or to finish the open entry first, or reject the name."""
    noted, said = utterance.note_as_heeded(Reason.COMMAND), _name_in_sign_on(session, utterance)
    candidates, _ = _find_candidates_and_form(session, said)
    if not candidates:
        name = spell_if_number(said, session.rules.language)
        rejection = session.say(Prompt.UNKNOWN_OPERATOR, operator=name) if name else session.say(Prompt.HELP_SIGNED_OFF)
        return [noted, PlayEarcon(Earcon.NOT_UNDERSTOOD), rejection]
    if (turned_away := _reject_without_rights(session, candidates)) is not None:
        return [noted, PlayEarcon(Earcon.NOT_UNDERSTOOD), turned_away]
    leaves = [one.operator.name for one in candidates] != [session.recording_operator]
    behind = DeferredAction(lambda: _sign_on_by_roster(session, said), newcomer=True)
    if leaves and (unfinished := drafting.ask_to_finish_open(session, behind)):
        return [noted, *unfinished]
    return [noted, *_sign_on_by_roster(session, said)]


def _sign_on_by_roster(session: DialogueSession, text: str) -> list[Order]:
    """Sign on the operator by the current roster, or ask if it is doubtful."""
    candidates, form = _find_candidates_and_form(session, text)
    if not candidates:
        return []
    back, closed = session.state if session.draft is None else State.IDLE, drafting.commit_or_park_open(session)
    if len(candidates) == 1 and candidates[0].sure:
        return [*closed, *_begin_operator_shift(session, candidates[0], form)]
    return [*closed, *_ask_about_candidates(session, SignOnQuestion(candidates, form, back))]


def _name_in_sign_on(session: DialogueSession, utterance: UtteranceHeard) -> str:
    """The words after "sign on", including a hesitation that is a name on the roster: French "ben"."""
    operators, language = session.settings.operators, session.rules.language
    if operators is not None and find_sign_on_candidates(
        said := words_after_sign_on(utterance.reading.words, language), operators, language
    ):
        return said
    command = parse_command(utterance.reading.words, language)
    return (command.name if command is not None else None) or ""


def _find_candidates_and_form(session: DialogueSession, text: str) -> tuple[tuple[SignOnCandidate, ...], str | None]:
    """The operators and the form that were named together: "ben, counting"."""
    forms, language = session.works.forms, session.rules.language
    both = split_sign_on(text, forms, language) if len(forms) > 1 else None
    alone = () if both is not None and session.settings.operators is None else _find_operators(session, text)
    return (alone, None) if alone or both is None else (_find_operators(session, both[0]), both[1])


def _find_operators(session: DialogueSession, text: str) -> tuple[SignOnCandidate, ...]:
    if session.settings.operators is None:  # without a roster, any name
        return (SignOnCandidate(Operator(text, spoken=(text,)), sure=True, called=text),) if text else ()
    operators, language = session.settings.operators, session.rules.language
    return find_sign_on_candidates(text, operators, language) or find_sign_on_candidates(
        without_courtesy(text, language), operators, language
    )


def _begin_operator_shift(session: DialogueSession, who: SignOnCandidate, form: str | None) -> list[Order]:
    before, name = session.operator, who.operator.name
    if before == name:
        shifted = end_break(session)
    else:
        ends = [] if before is None else [ShiftEvent(before, ShiftChange.OFF, _RELIEVED)]
        shifted = [*ends, ShiftEvent(name, ShiftChange.ON)]
    ended = [] if before == name else context.end_context(session)
    session.operator, session.called, session.state = name, who.called, State.IDLE
    session.on_break = session.identifying = session.deferred_action = None
    session.recorded.last = session.own_entry_or_none(session.recorded.last)
    chosen = _apply_operator_rights(session, form)
    changed = [
        order for order in chosen if isinstance(order, StoreFormOrLanguageChange)
    ]  # first: the greeting is in his language
    announcements = [order for order in chosen if not isinstance(order, StoreFormOrLanguageChange)]
    return [
        *shifted,
        *ended,
        *changed,
        session.say(Prompt.SIGNED_ON, operator=who.called),
        *announce_refused_events(session),
        *announcements,
    ]


def _reject_without_rights(session: DialogueSession, candidates: tuple[SignOnCandidate, ...]) -> Say | None:
    """The prompt that no candidate may fill a form of this device; None if one may."""
    if any(_may_fill_any_form(session, one.operator) for one in candidates):
        return None
    return session.say(Prompt.NO_WORK, operator=candidates[0].called)


def _may_fill_any_form(session: DialogueSession, operator: Operator) -> bool:
    return operator.forms is None or any(form.name in operator.forms for form in session.works.forms)


def _apply_operator_rights(session: DialogueSession, form: str | None = None) -> list[Order]:
    """Set the operator's allowed forms and language; `form` is the one that he named."""
    works_, spoken = session.works, _operator_language(session)
    works_.allowed = find_allowed_forms(session)
    changes, works_.language = spoken != works_.language, spoken
    forbidden = works_.find_form(form)
    refused: list[Order] = []
    if forbidden is not None and forbidden not in works_.allowed_forms:
        refused, form = [works.say_forms(session, Prompt.NOT_ALLOWED, forbidden)], None
    orders = works.choose_form_or_ask(session, form)
    if changes and not orders:
        orders = works.set_form_and_language(session, StoreFormOrLanguageChange(session.rules.form.name, spoken))
    return [*orders[:1], *refused, *orders[1:]] if orders else refused


def _operator_language(session: DialogueSession) -> str | None:
    """The operator's language on the roster; None: the device's own."""
    language = None if session.signed_on is None else session.signed_on.language
    return None if language == session.works.recogniser_language.code else language


def find_allowed_forms(session: DialogueSession) -> frozenset[str] | None:
    """The forms that the roster allows the operator; None: all."""
    signed_on = session.signed_on
    return None if signed_on is None or signed_on.forms is None else frozenset(signed_on.forms)


def announce_refused_events(session: DialogueSession) -> list[Order]:
    """Announce the refused events at sign-on: until they are resolved, they are not in stock."""
    if not session.recorded.refused:
        return []
    slots = {"count": str(session.recorded.owed), "refused": str(len(session.recorded.refused))}
    return [Say(Prompt.WAITING_REFUSED, slots=slots)]


# Doubtful sign-ons.


def has_sign_on_candidates(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether an unclear utterance is a sign-on that may mean someone on the roster, while nothing is open."""
    said = utterance.reading
    if said.command is not Command.SIGN_ON or said.not_understood is not None or session.draft is not None:
        return False
    return session.settings.operators is not None and bool(
        _find_candidates_and_form(session, _name_in_sign_on(session, utterance))[0]
    )


def names_operator(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether the words are only an operator's name or number: "it's ana"."""
    return bool(_find_operators(session, speaker_name(utterance.reading.words, session.rules.language)))


def ask_who_signs_on(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask whether a doubtful name or number was meant; none is signed on meanwhile."""
    candidates, form = _find_candidates_and_form(session, _name_in_sign_on(session, utterance))
    asked = SignOnQuestion(candidates, form, session.state)
    return [utterance.note_as_heeded(Reason.COMMAND), *_ask_about_candidates(session, asked)]


def _ask_about_candidates(session: DialogueSession, asked: SignOnQuestion) -> list[Order]:
    if session.identifying is not None:
        asked = replace(asked, back=session.identifying.back)
    session.identifying, session.state, session.tries = asked, State.IDENTIFYING, 0
    return [ask_about_candidate(session)]


def ask_about_candidate(session: DialogueSession) -> Say:
    """The question whether the first candidate is meant."""
    return session.say(Prompt.IS_IT, operator=_open_sign_on_question(session).candidates[0].number_and_name)


def _open_sign_on_question(session: DialogueSession) -> SignOnQuestion:
    if session.identifying is None:
        raise ValueError(f"the dialogue is {session.state}, but asks about nobody")
    return session.identifying


def sign_on_candidate(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Sign on the candidate, after a yes."""
    asked, session.identifying = _open_sign_on_question(session), None
    if (turned_away := _reject_without_rights(session, asked.candidates[:1])) is not None:
        session.state = session.state_without_open_entry if asked.back is State.SIGNED_OFF else asked.back
        return [utterance.note_as_heeded(), turned_away]
    return [utterance.note_as_heeded(), *_begin_operator_shift(session, asked.candidates[0], asked.form)]


def ask_about_next_candidate(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask about the next candidate, after a no."""
    asked = _open_sign_on_question(session)
    if not asked.candidates[1:]:
        return [utterance.note_as_heeded(), *abandon_sign_on(session, utterance)]
    others = replace(asked, candidates=asked.candidates[1:])
    return [utterance.note_as_heeded(), *_ask_about_candidates(session, others)]


def ask_who_again(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Repeat the question, after neither a yes nor a no; give up after `MOST_TRIES`."""
    noted = utterance.note_as_not_understood()
    session.tries += 1
    if session.tries >= repeating.MOST_TRIES:
        return [noted, PlayEarcon(Earcon.NOT_UNDERSTOOD), *abandon_sign_on(session, utterance)]
    return [noted, PlayEarcon(Earcon.NOT_UNDERSTOOD), ask_about_candidate(session)]


def abandon_sign_on(session: DialogueSession, _: object) -> list[Order]:
    """Return to the state before the question, with no sign-on."""
    back, session.identifying = _open_sign_on_question(session).back, None
    session.state = session.state_without_open_entry if back is State.SIGNED_OFF else back
    return [session.say(Prompt.HELP_SIGNED_OFF if session.state is State.SIGNED_OFF else Prompt.KEPT_AS_IT_IS)]


# Signing off.


def sign_off(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Sign off; with an unfinished entry ask to finish that first, and sign off behind it."""
    behind = DeferredAction(lambda: _close_and_sign_off(session), leaves=True)
    noted = utterance.note_as_heeded(Reason.COMMAND)
    return [noted, *(drafting.ask_to_finish_open(session, behind) or _close_and_sign_off(session))]


def _close_and_sign_off(session: DialogueSession) -> list[Order]:
    """Close what is open and sign off."""
    orders = drafting.commit_or_park_open(session)
    return [*orders, *_sign_off_operator(session, None, *orders)]


def sign_off_after_idle_timeout(session: DialogueSession, _: object) -> list[Order]:
    """Sign off after a timeout without speech while nothing is open: another person may use the device next."""
    idle_s = session.settings.idle_s
    if idle_s is None or session.operator is None or session.news.queued:  # it was the deadline of the news
        return []
    minutes = f"{idle_s / _MINUTE_S:g}"
    return [Say(Prompt.UNUSED, slots={"minutes": minutes}), *_sign_off_operator(session, _UNUSED)]


def _sign_off_operator(session: DialogueSession, why: str | None, *put: Order) -> list[Order]:
    """Sign off; `put` are orders of the same step, whose parked utterances are counted."""
    name, called = session.operator, session.called or _operator_spoken_name(session)
    ended = context.end_context(session)
    session.operator = session.called = session.identifying = session.on_break = session.deferred_action = None
    session.state = State.SIGNED_OFF
    session.recorded.last = session.own_entry_or_none(session.recorded.last)
    if name is None:
        return [*ended, *say_review_count(session, *put), session.say(Prompt.SIGNED_OFF)]
    goodbye = session.say(Prompt.GOODBYE, operator=called or name, name=name)
    return [ShiftEvent(name, ShiftChange.OFF, why), *ended, goodbye, *_restore_device_language(session)]


def _restore_device_language(session: DialogueSession) -> list[Order]:
    """Return to the device's own language, and to all forms, for the next operator."""
    session.works.allowed = None
    if session.works.language is None:
        return []
    return works.set_form_and_language(session, StoreFormOrLanguageChange(session.rules.form.name))


def _operator_spoken_name(session: DialogueSession) -> str | None:
    """The operator's first spoken name on the roster; None if it has none."""
    return next(iter(session.signed_on.spoken), None) if session.signed_on is not None else None


def end_break(session: DialogueSession) -> list[Order]:
    """End the operator's break, if there is one."""
    away, session.on_break = session.on_break, None
    back = None if away is None else session.recording_operator
    return [] if back is None else [ShiftEvent(back, ShiftChange.BACK)]


def begin_break(session: DialogueSession, reason: str | None) -> list[Order]:
    """Begin a break; without a reason it is only a pause."""
    if reason is None:
        return [session.say(Prompt.PAUSED)]
    session.on_break = reason
    announcement = session.say(Prompt.PAUSED_FOR, away=reason)
    return (
        [announcement]
        if session.recording_operator is None
        else [ShiftEvent(session.recording_operator, ShiftChange.BREAK, reason), announcement]
    )


def say_review_count(session: DialogueSession, *more: Order) -> list[Say]:
    """Say the number of utterances in review, including those that these orders park."""
    there = {one.utterance_id for one in session.recorded.in_review.drafts}
    new = {order.utterance_id for order in more if isinstance(order, Park)} - there
    count = session.recorded.in_review.count + len(new)
    return [Say(Prompt.ASIDE, slots={"count": str(count)})] if count else []


# Changes of the roster.


def replace_roster(session: DialogueSession, taken: RosterChanged) -> list[Order]:
    """Replace the roster. `apply_roster` signs off an operator whom it lacks; an empty one needs no sign-on."""
    session.settings = replace(session.settings, operators=taken.operators)
    session.state = session.state_without_open_entry if session.state is State.SIGNED_OFF else session.state
    return []


def apply_roster(session: DialogueSession) -> list[Order]:
    """Once nothing is open, apply the roster: sign off an operator it lacks, or change his forms and language."""
    if session.settings.operators and session.signed_on is None:
        return _sign_off_unlisted(session)
    stays = session.works.allowed == find_allowed_forms(session) and session.works.language == _operator_language(
        session
    )
    if session.signed_on is None or stays:
        return []
    if not _may_fill_any_form(session, session.signed_on):
        called = session.called or session.operator or ""
        return [session.say(Prompt.NO_WORK, operator=called), *_sign_off_operator(session, _NOT_LISTED)]
    chosen = session.rules.form.name if session.works.chosen else None
    return _apply_operator_rights(session, chosen if chosen in (find_allowed_forms(session) or {chosen}) else None)


def _sign_off_unlisted(session: DialogueSession) -> list[Order]:
    if session.operator is None:
        session.state = State.SIGNED_OFF
        return [session.say(Prompt.SIGN_ON_FIRST)]
    announcement = Say(Prompt.NOT_LISTED, slots={"operator": session.called or session.operator})
    return [announcement, *_sign_off_operator(session, _NOT_LISTED)]
