"""Standing: the steps that set the standing context and tell it; `context` computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction, split_at_from_now_on
from dockvoice_protocol.records import Act, Command, FieldReading
from edge.agree.decide import NO_CIRCUMSTANCES
from edge.agree.dialogue import amendments, answers, context, corrections, drafting, status
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic, judge_draft, next_question
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import with_fields
from edge.agree.readings import find_differing_identifiers, values_of
from edge.records import Draft, Outcome, Verdict
from edge.records.speech import Prompt, Say

_SpeechStep = Callable[[DialogueSession, UtteranceHeard], list[Order]]


_ANSWERED_BY_CONTEXT = frozenset({Topic.FIELD, Topic.CHOICE, Topic.FIELD_RIGHT, Topic.REOPEN})
"""The questions that a context field may answer."""


def set_context(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Begin or change the context for later entries, read back like a held entry. An open entry never changes."""
    draft = session.draft
    if draft is None:
        return _begin_context(session, heard)
    if context.is_between_entries(session):
        return [*corrections.drop_open_question(session), *_begin_context(session, heard)]
    if draft.act is Act.CONTEXT:
        return _change_open_context(session, heard, draft)
    if session.state is State.HELD and not session.doubted:
        # As before the next entry; but a single field may correct the readback, so that is queued.
        said, language = heard.reading, session.rules.language
        lasts = len(said.fields) > 1 or split_at_from_now_on(said.words, language) is not None
        alone = not lasts and said.fields.keys() <= draft.reading.fields.keys()
        left = drafting.queue_or_park_open_draft(session) if alone else drafting.commit_draft(session)
        return [*left, *_begin_context(session, heard)]
    if session.current_question.field in heard.reading.fields and session.topic in _ANSWERED_BY_CONTEXT:
        return answers.answer_open_question(
            session, replace(_as_answer_to_open(session, heard), stands=tuple(heard.reading.fields))
        )
    return _set_over_question(session, heard)


def _begin_context(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    return drafting.begin_draft(session, heard, _build_context_draft(session, heard), heard.verdict)


def _build_context_draft(session: DialogueSession, heard: UtteranceHeard) -> Draft:
    reading = replace(drafting.read_with_acoustic_doubts(session, heard), act=Act.RECORD)
    return Draft(heard.utterance_id, session.rules.form.name, reading, session.recording_operator, act=Act.CONTEXT)


def _change_open_context(session: DialogueSession, heard: UtteranceHeard, draft: Draft) -> list[Order]:
    """Add to the open context, or change it."""
    if session.current_question.field in heard.reading.fields and session.topic is not Topic.PROOF:
        return answers.answer_open_question(session, _as_answer_to_open(session, heard))
    said = drafting.read_with_acoustic_doubts(session, _as_answer_to_open(session, heard))
    return drafting.revise_draft(session, heard, with_fields(draft, said.fields, heard.utterance_id))


def _as_answer_to_open(session: DialogueSession, heard: UtteranceHeard) -> UtteranceHeard:
    """The utterance as an answer to the open question."""
    words, language = heard.reading.words, session.rules.language
    lasting = split_at_from_now_on(words, language)
    act = Act.AMEND if is_correction(words, language) else Act.RECORD
    said = replace(heard.reading, words=tuple(lasting[1]), preface=None) if lasting else heard.reading
    return replace(heard, reading=replace(said, act=act))


def _set_over_question(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Set the context for later entries over a question about an entry, if its own fields leave no doubt."""
    draft = _build_context_draft(session, heard)
    verdict = judge_draft(draft, session.rules, NO_CIRCUMSTANCES)
    sure = heard.verdict.outcome is Outcome.ACCEPT and verdict.outcome is Outcome.ACCEPT
    asks = (
        [session.say_question(session.current_question)]
        if session.state is not State.HELD
        else session.ask(session.entry_question)
    )
    if not sure or next_question(draft, verdict, session.rules, session.challenges, ended=True) is not None:
        return [heard.note_as_not_understood(), session.say(Prompt.REPEAT), *asks]
    said = {name: replace(one, said_in=(heard.utterance_id,)) for name, one in draft.reading.fields.items()}
    session.context = context.build_changed_context(session, said, untold=tuple(said))
    noted = heard.note_utterance(replace(context.CONTEXT_VERDICT, fields=verdict.fields))
    return [noted, session.say(Prompt.STANDING, verdict.fields), *asks]


def queue_over_open_context(step: _SpeechStep) -> _SpeechStep:
    """Wrap a step: over an open context, an utterance about an entry is put aside until the context is agreed."""

    def set_aside_or_step(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
        draft, once = session.draft, set(session.rules.form.standing_fields)
        if draft is None or draft.act is not Act.CONTEXT or heard.reading.fields.keys() <= once:
            return step(session, heard)
        return _queue_or_reject(session, heard)

    return set_aside_or_step


def _queue_or_reject(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    is_held = session.state is State.HELD
    if heard.reading.act is not Act.RECORD:
        return drafting.ask_to_repeat_possible_no(session, heard) if is_held else drafting.reject_answer(session, heard)
    if _accepts_open_context(session, heard) and not is_correction(heard.reading.words, session.rules.language):
        return [*drafting.commit_draft(session), *drafting.begin_entry(session, heard)]
    waits = drafting.queue_utterance(session, heard, heard.reading)
    return [
        *waits,
        *(session.ask(session.entry_question) if is_held else [session.say_question(session.current_question)]),
    ]


def _accepts_open_context(session: DialogueSession, heard: UtteranceHeard) -> bool:
    """Whether an entry accepts the context that was read back before it, as silence does.

    After words that were not understood only a complete entry with the same context does: its readback includes that.
    """
    if session.state is State.HELD and not session.doubted:
        return True
    said, context_, rules = heard.reading, session.open_draft.reading, session.rules
    if session.state is not State.HELD and session.topic is not Topic.ENTRY_RIGHT:
        return False
    whole = {**context_.fields, **said.fields}
    is_whole = all(one.name in whole for one in rules.form.fields if one.required)
    return is_whole and not find_differing_identifiers(context_, said, rules.form.standing_fields)


def ask_what_is_wrong_with_context_or_last(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """After a late "no", ask what is wrong with the context if no entry has used it yet, else with the last entry."""
    standing = session.context
    if not standing.untold:
        return amendments.ask_what_is_wrong_with_last(session, heard)
    fields: dict[str, FieldReading] = {name: standing.fields[name] for name in standing.untold}
    reading = replace(heard.reading, act=Act.RECORD, fields=fields, not_understood=None)
    session.draft = Draft(
        heard.utterance_id, session.rules.form.name, reading, session.recording_operator, act=Act.CONTEXT
    )
    session.verdict = judge_draft(session.draft, session.rules)
    noted = heard.note_utterance(Verdict(Outcome.HOLD, context.CONTEXT_VERDICT.reasons, {}))
    return [noted, session.say(Prompt.STANDING_NOW, values_of(reading)), *session.ask(Question(Topic.WRONG))]


@status.answers_command(Command.WHERE_AM_I)
def _describe_context(session: DialogueSession, _: UtteranceHeard) -> list[Say]:
    """Say the context that applies to all entries; then repeat the open question, if any."""
    values = context.context_values(session)
    return [
        Say(Prompt.STANDING_NOW, values) if values else Say(Prompt.STANDING_NONE),
        *status.repeat_after_query(session),
    ]
