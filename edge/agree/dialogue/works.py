"""Works: the steps that change the form and the language, and tell which form is current."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import parse_work
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.records import Act
from edge.agree.dialogue import drafting
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.session import DeferredAction, DialogueSession
from edge.agree.dialogue.table import State
from edge.records import LastEntry, Outcome, Reason, StoreFormOrLanguageChange
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say

_ACTS_WITH_OWN_MEANING = frozenset({Act.CANCEL, Act.YES, Act.NO, Act.COMMAND})  # Acts that have a meaning of their own.


def chooses_form(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether the whole utterance chooses a form.

    Never with a field value, whatever a form is called. A form's name alone, which may be talk or an answer, chooses it
    only while nothing is open.
    """
    said, rules = utterance.reading, session.rules
    if (
        len(session.works.forms) == 1
        or said.is_scan
        or said.act in _ACTS_WITH_OWN_MEANING
        or utterance.verdict.outcome is Outcome.DEFER
    ):
        return False
    if any(one.value is not None for one in said.fields.values()):
        return False
    bid = parse_work(said.words, session.works.forms, rules.language)
    if bid is None or (said.fields and (bid.role != "switch" or bid.form is None)):
        return False
    if utterance.is_indistinct(rules) or not rules.trusts(said.words):
        return False
    asked = session.state is State.CHOOSING_WORK
    return bid.role == "switch" or asked or (bid.role != "bid" and session.state is State.IDLE)


def switch_form(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Change to another form; what is open must be finished first, as before a sign-off."""
    bid = parse_work(utterance.reading.words, session.works.forms, session.rules.language)
    form = None if bid is None else session.works.find_form(bid.form)
    noted = utterance.note_as_heeded(Reason.COMMAND)
    if form is None:
        said = "" if bid is None else bid.said
        unknown = say_forms(session, Prompt.UNKNOWN_WORK, *session.works.allowed_forms, said=said)
        return [noted, PlayEarcon(Earcon.NOT_UNDERSTOOD), unknown]
    if form not in session.works.allowed_forms:
        return [noted, PlayEarcon(Earcon.NOT_UNDERSTOOD), say_forms(session, Prompt.NOT_ALLOWED, form)]
    if form is session.rules.form and session.works.chosen:
        session.deferred_action = None
        return [noted, say_forms(session, Prompt.WORK, form)]
    if unfinished := drafting.ask_to_finish_open(session, DeferredAction(lambda: _switch_to_form(session, form.name))):
        return [noted, *unfinished]
    return [noted, *_switch_to_form(session, form.name)]


def _switch_to_form(session: DialogueSession, form: str) -> list[Order]:
    """Close what is open and change to another form."""
    closed, session.deferred_action = drafting.commit_or_park_open(session), None
    taken = set_form_and_language(session, StoreFormOrLanguageChange(form, session.works.language))
    return [*closed, *taken, say_forms(session, Prompt.WORK, session.rules.form)]


def set_form_and_language(session: DialogueSession, work: StoreFormOrLanguageChange) -> list[Order]:
    """Change to a form of the device and one of its languages; nothing may be open.

    Form None: the operator must choose. Language None: the device's own. Raises ValueError for an unknown form.
    """
    recorded, before, works = session.recorded, session.rules.form, session.works
    form = before if work.form is None else works.find_form(work.form)
    if form is None:
        raise ValueError(f"form {work.form!r} is not at hand: {', '.join(one.name for one in works.forms)}")
    language = works.recogniser_language if work.language is None else language_named(work.language)
    if form is not before:
        _mark_prompts_with_form(session, before)
        session.context = session.context.in_other_form()
        recorded.left[before.name] = recorded.last
    session.rules = replace(session.rules, form=form, language=language)
    works.language, works.chosen = work.language, work.form is not None or len(works.allowed_forms) == 1
    session.breath.forget()
    session.scanned = ((), None)
    if form is not before:
        recorded.last = session.own_entry_or_none(recorded.left.pop(form.name, None))
        recorded.mark_last_if_refused()
    session.state = session.state_without_open_entry
    return [work]


def _mark_prompts_with_form(session: DialogueSession, form: Form) -> None:
    """Mark queued news and repeatable prompts with the form that they were made for."""
    spoken, news = session.spoken, session.news
    news.queued = deque(_with_form(form, say) for say in news.queued)
    spoken.again = tuple(_with_form(form, say) for say in spoken.again)


def _with_form(form: Form, say: Say) -> Say:
    return replace(say, form=say.form or form.name)


def choose_form_or_ask(session: DialogueSession, form: str | None) -> list[Order]:
    """After a sign-on, take the form that was named or is the only one, or ask."""
    only = session.works.allowed_forms[0].name if len(session.works.allowed_forms) == 1 else None
    if (wanted := form or only) is None:
        taken = set_form_and_language(session, StoreFormOrLanguageChange(None, session.works.language))
        return [*taken, ask_which_form(session)]
    if only is not None and session.rules.form.name == only and session.works.chosen:
        return []
    return [
        *set_form_and_language(session, StoreFormOrLanguageChange(wanted, session.works.language)),
        say_forms(session, Prompt.WORK, session.rules.form),
    ]


def say_forms(session: DialogueSession, prompt: Prompt, *forms: Form, **slots: str) -> Say:
    """The order to speak a prompt that names these forms, which "say again" repeats."""
    return session.make_repeatable(Say(prompt, slots=slots, works=tuple(form.name for form in forms)))


def ask_which_form(session: DialogueSession) -> Say:
    """Ask which form to fill."""
    return say_forms(session, Prompt.WHICH_WORK, *session.works.allowed_forms)


def ask_form_before_anything_else(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask which form to fill before anything else."""
    return [utterance.note_as_not_understood(), PlayEarcon(Earcon.NOT_UNDERSTOOD), ask_which_form(session)]


def find_latest_entry_of_other_form(session: DialogueSession) -> LastEntry | None:
    """The operator's newest entry, if it is of another form of the device."""
    own = (one for one in session.recorded.list_standing_entries() if one.draft.operator == session.recording_operator)
    newest = next(own, None)
    if newest is None or newest.draft.form == session.rules.form.name:
        return None
    return None if session.works.find_form(newest.draft.form) is None else newest


def announce_last_is_of_other_form(session: DialogueSession) -> list[Order]:
    """Tell that the last entry is of another form, which must be chosen to change it; empty if it is not."""
    entry = find_latest_entry_of_other_form(session)
    form = next(
        (one for one in session.works.allowed_forms if entry is not None and one.name == entry.draft.form), None
    )
    return [] if form is None else [say_forms(session, Prompt.OTHER_WORK, form)]


def announce_language_not_recognised(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Tell that no recogniser reads the spoken language; over a held entry it may be a "no"."""
    session.doubted = session.doubted or session.state is State.HELD
    announced = session.spoken.latest is not None and session.spoken.latest.prompt is Prompt.UNHEARD_LANGUAGE
    words = [] if announced else [session.say(Prompt.UNHEARD_LANGUAGE)]
    return [utterance.note_as_not_understood(), PlayEarcon(Earcon.NOT_UNDERSTOOD), *words]
