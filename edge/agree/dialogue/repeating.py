"""Repeating: what was not understood, or answers nothing, is asked for again; what it may tell of is not let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import (
    begins_with_no,
    is_listed_command,
    is_murmur,
    names_last_one,
    parse_command_with_object,
)
from dockvoice_protocol.records import Act, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue import context_doubts, parking
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Topic
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import has_lone_one, has_number_word
from edge.agree.off_talk import find_mentioned_fields, has_correcting_word, is_off_talk, rejects_value
from edge.agree.readings import SHORTEST_NAME, find_differing_identifiers, possible_values, values_of
from edge.records import Park
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say

HELP_PROMPTS = {
    State.SIGNED_OFF: Prompt.HELP_SIGNED_OFF,
    State.IDLE: Prompt.HELP,
    State.HELD: Prompt.HELP_HELD,
    State.ASKING: Prompt.HELP_ASKING,
    State.CHOOSING: Prompt.HELP_CHOOSING,
    State.CONFIRMING: Prompt.HELP_CONFIRMING,
    State.PROVING: Prompt.HELP_PROVING,
    State.IDENTIFYING: Prompt.HELP_CONFIRMING,
    State.PAUSED: Prompt.HELP_PAUSED,
}
"""The help prompt of each state, also spoken before the last repetition of a question."""

MOST_TRIES = 3  # Failed answers to one question before the draft is parked in review.


# Not understood, in any state.


def ask_to_repeat(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Record the utterance as not understood and ask to repeat it."""
    context_doubts.unset_named_identifiers(session, utterance.reading)
    _remember_if_named(session, utterance.reading)
    return [utterance.note_as_not_understood(), PlayEarcon(Earcon.NOT_UNDERSTOOD), session.say(Prompt.REPEAT)]


def _remember_if_named(session: DialogueSession, reading: Reading) -> None:
    """Remember that it may name a thing that is not on record: by an identifying field, or as many digits."""
    if _has_digits_of_name(session, reading) or not reading.fields.keys().isdisjoint(session.rules.identifying_fields):
        session.named = replace(session.named, left=True)


def _has_digits_of_name(session: DialogueSession, reading: Reading) -> bool:
    tells = session.rules.language.may_be_in_identifier
    digits = sum(len(word.text) if word.text.isdigit() else tells(word.text) for word in reading.words)
    return digits >= SHORTEST_NAME


def defer_until_model_answers(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Keep the utterance until a model answers again, and tell the operator."""
    return [utterance.note_utterance(), session.say(Prompt.DEFERRED)]


# While a question is open.


def reject_answer(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Repeat the question after an utterance that does not answer it; what it may tell of an entry was not understood.

    The answer to the question does not settle what was told of another field, or denied: then the draft needs a yes.
    What names another thing is parked.
    """
    said, rules = utterance.reading, session.rules
    if _names_no_open_thing(session, said):
        if rejects_value(said, rules):
            require_yes(session)  # "That's wrong, it's 743" may be of the name.
        return park_and_repeat_question(session, utterance, said)
    context_doubts.unset_named_identifiers(session, said)
    if said.act in {Act.RECORD, Act.AMEND, Act.NO} and _may_object(session, said):
        require_yes(session)
    if said.act not in {Act.RECORD, Act.AMEND}:
        return [utterance.note_as_heeded(), *repeat_question(session)]
    another = find_differing_identifiers(session.open_draft.reading, said, rules.identifying_fields)
    objects = session.topic is Topic.FIELD and rejects_value(said, rules)  # Perhaps of the entry before.
    objects |= _may_say_anything(session, said)  # "The next one is empty."
    objects |= _orders_to_cancel(said, rules)  # "Forget the second one."
    if not (another or _find_fields_told(session, said) or objects or has_new_number(session, said)):
        return [utterance.note_as_heeded(), *repeat_question(session)]
    _remember_if_named(session, said)
    if session.topic in {Topic.FIELD_RIGHT, Topic.INSTEAD}:
        # A yes to it does not say that the entry's other values are right.
        require_yes(session)
    return [utterance.note_as_not_understood(), *repeat_question(session, [session.say(Prompt.REPEAT)])]


def _orders_to_cancel(reading: Reading, rules: Rules) -> bool:
    """Whether it orders to cancel something, though it is not known what."""
    order = parse_command_with_object(reading.words, rules.language)
    return order is not None and order[0].act is Act.CANCEL


def _may_object(session: DialogueSession, reading: Reading) -> bool:
    """Whether what is no answer may tell of another field than is asked for, or deny what was said before."""
    if tells_of_other_field(session, reading) or _may_say_anything(session, reading):
        return True
    if session.topic not in OF_VALUE:
        return False
    rules, name = session.rules, session.current_question.field
    if reading.act is Act.NO or has_correcting_word(reading, rules) or rejects_value(reading, rules):
        return True
    # "Fifteen" is no dock: it may be the count. What goes on in a number has put that in doubt itself.
    answers = name is None or rules.form[name].spoken.of_numbers or session.breath.is_continued_by(reading, rules)
    return not answers and has_new_number(session, reading)


def _may_say_anything(session: DialogueSession, reading: Reading) -> bool:
    """Whether it may say anything, since it is not plainly talk: of a place that is to be proved, "the one next to it".

    So may all at "What is wrong?" but another "no": behind "the one before" the value may be of another thing.
    """
    language, is_wrong = session.rules.language, session.topic is Topic.WRONG
    is_no = all(begins_with_no([word], language) for word in reading.words)
    says = session.topic is Topic.PROOF or (is_wrong and not is_no and not is_murmur(reading.words, language))
    return says and not is_off_talk(reading, session.rules)


def require_yes(session: DialogueSession) -> None:
    """Require a yes for the open entry; where the question compares it with another one, either may be meant."""
    other = session.current_question.other
    session.doubted |= other is not None  # So that it is asked about behind the other one.
    session.needs_yes.add((other or session.open_draft).utterance_id)


def tells_of_other_field(session: DialogueSession, reading: Reading) -> bool:
    """Whether an utterance tells of a field that no answer to this question, or to the next ones, settles."""
    return bool(_find_fields_told(session, reading) - _fields_to_be_answered(session))


def _find_fields_told(session: DialogueSession, reading: Reading) -> set[str]:
    """The fields that an utterance may tell something of; not the open thing's name, said again."""
    named = set(session.rules.identifying_fields)
    repeats = any(possible_values(reading.fields.get(name)) for name in named) or _repeats_number(session, reading)
    known = _fields_to_be_answered(session) | values_of(session.open_draft.reading).keys()
    return find_mentioned_fields(reading, session.rules, known) - (named if repeats else set())


def _fields_to_be_answered(session: DialogueSession) -> set[str]:
    """The field that is asked for, with the unit of a count, or the count of a unit; and all that are still missing."""
    form, known, name = session.rules.form, values_of(session.open_draft.reading), session.current_question.field
    missing = {*form.required_fields} - known.keys()
    if name is None:
        return missing
    unit, counted = form.unit_field(name), form[name].unit_of
    return missing | {name} | ({unit.name} if unit else set()) | ({counted} if counted else set())


def _repeats_number(session: DialogueSession, reading: Reading) -> bool:
    """Whether all its numbers and letters were said of the open entry before, in this order."""
    words = [word.text for word in reading.words if session.rules.language.may_be_in_identifier(word.text)]
    known = (f" {' '.join(one.words)} " for one in session.open_draft.reading.fields.values())
    return bool(words) and any(f" {' '.join(words)} " in one for one in known)


def has_new_number(session: DialogueSession, reading: Reading) -> bool:
    """Whether it has a number that was not said of the open entry before: "one more", but not "the green one"."""
    rules = session.rules
    words = [word.text for word in reading.words if rules.language.may_be_in_identifier(word.text)]
    waits = is_listed_command("waits", reading.words, rules.language)  # "One moment".
    if waits or not has_number_word(words, rules) or _repeats_number(session, reading):
        return False
    alone = len(words) == 1 and has_lone_one(reading, rules)
    return not alone or (len(reading.words) > 1 and reading.words[0].text == words[0])


def _names_no_open_thing(session: DialogueSession, reading: Reading) -> bool:
    """Whether an entry names another thing than each that is open, asked about, or queued."""
    of, question = session.rules.identifying_fields, session.current_question
    drafts = [one for one in (session.draft, question.other, *session.queue.drafts) if one is not None]
    things = [one for one in drafts if one.act is not Act.CANCEL and not session.settings.is_closing(one)]
    names = any(possible_values(reading.fields.get(name)) for name in of) and reading.act in {Act.RECORD, Act.AMEND}
    return names and all(find_differing_identifiers(one.reading, reading, of) for one in things)


def park_and_repeat_question(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Park an utterance that may be about another thing, tell the operator, and repeat the question."""
    parked = Park(utterance.utterance_id, parking.UNANSWERED, values_of(reading))
    return [parked, *parking.announce_parked(session, reading), *repeat_question(session)]


def reject_indistinct(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Repeat the question after indistinct speech; "the last one", which may be another that waits, is said again."""
    of_last = names_last_one(utterance.reading.words, session.rules.language)
    given_up = [session.say(Prompt.REPEAT)] if of_last else []
    return [utterance.note_as_not_understood(), *repeat_question(session, given_up)]


def repeat_question(session: DialogueSession, given_up: Sequence[Say] = ()) -> list[Order]:
    """Repeat the question; after `MOST_TRIES` failed answers park the draft."""
    session.tries += 1
    if session.tries >= MOST_TRIES or session.question is None:
        return [*given_up, *parking.park_draft(session)]
    way_out = [Say(HELP_PROMPTS[session.state])] if session.tries == MOST_TRIES - 1 else given_up
    return [PlayEarcon(Earcon.NOT_UNDERSTOOD), *way_out, session.say_open_question()]


def handle_question_timeout(session: DialogueSession, _: object) -> list[Order]:
    """Timeout of a question: repeat it; a second time park the draft."""
    if session.lapsed or session.question is None:
        return parking.park_draft(session)
    session.lapsed = not session.question.unspoken
    return [session.say_open_question()]
