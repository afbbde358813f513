"""Classification: the row of the dialogue's table that an input selects, by what is open and asked."""

from __future__ import annotations

from dockvoice_protocol.forms.spoken import (
    begins_with_last_one,
    begins_with_no,
    cancels_after_no,
    cancels_open_entry,
    is_courtesy,
    is_listed_command,
    names_last_one,
    number_head,
    parse_command,
    possible_digit_strings,
    without_cue,
    words_behind_yes,
)
from dockvoice_protocol.records import Act, Reading
from edge.agree.decide import ANNOUNCED_OTHERWISE
from edge.agree.dialogue import answers, claims, rereading, shifts, status, trailers, works, yes_no_answers
from edge.agree.dialogue.interface import DialogueInput, UtteranceHeard, classify_event
from edge.agree.dialogue.questions import Topic
from edge.agree.dialogue.scans import is_repeated_scan
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import AGREEING, QUESTIONS, Event, State
from edge.agree.off_talk import FEWEST_IN_TALK, calls_somebody, has_remark, is_off_talk, mentions_entry
from edge.agree.readings import has_no_values, likely_values, values_of, without_inherited

_LITTLE = frozenset({Event.UNCLEAR, Event.NOISE})
"""Events without field values: over a readback, a courtesy counts as a yes, and a hesitation or talk to others as
noise."""

_NOTHING = frozenset({Event.YES, Event.NO, Event.NEVER_MIND})
"""The events of "nothing" and "it's right" while the question is not what is wrong."""

_UNDOING = frozenset({Topic.CANCEL, Topic.DROP, Topic.CLOSE, Topic.REOPEN})
"""The questions at which a sentence that begins with "no" is a no."""

_LISTED = {**dict.fromkeys((State.IDLE, *QUESTIONS), ("waits", Event.NOISE)), State.PAUSED: ("end_break", Event.RESUME)}
"""By state, the list of phrases that mean something there alone, and their row. Over a readback "wait" may object."""


def classify_happening(session: DialogueSession, happening: DialogueInput) -> Event:
    """The row of the table: talk that answers the question becomes UNCLEAR, and a yes before the prompt NOISE."""
    event = classify_event(happening, session.rules)
    if not isinstance(happening, UtteranceHeard):
        return event
    if (bidden := _classify_before_all_else(session, happening, event)) is not None:
        return bidden
    if event is Event.TRAILER_DONE and is_courtesy(happening.reading.words, session.rules.language):
        # "That's all" closes a trailer while one is being unloaded; over a readback it counts as noise.
        event = (
            event if session.state is State.IDLE and trailers.find_current_place(session) is not None else Event.NOISE
        )
    event = _classify_listed(session, happening, _classify_over_readback(session, happening, event))
    event = _classify_named_drop(session, happening, event)
    if event is Event.UNCLEAR and _surely_cancels(session, happening.reading):
        # With other words beside it, it is confirmed: ask whether to cancel the last entry, or what is wrong.
        event = {State.IDLE: Event.CANCEL, State.HELD: Event.NO}.get(session.state, event)
        event = Event.NO if session.topic is Topic.ENTRY_RIGHT else event
    if event in _LITTLE and _refuses(session, happening):
        event = Event.NO
    if session.topic is Topic.WRONG and event in _NOTHING and answers.answers_question(session, happening):
        return Event.UNCLEAR
    if event is Event.NOISE:
        return Event.UNCLEAR if answers.answers_question(session, happening) else event
    agrees = event is Event.YES or (event is Event.CANCEL and session.topic in {Topic.CANCEL, Topic.DROP})
    return Event.NOISE if agrees and yes_no_answers.is_early(session, happening) else event


def _is_for_somebody_called(session: DialogueSession, reading: Reading) -> bool:
    """Whether it is for somebody else, who is called: "hey Joe, door's open".

    Not where it may tell of a field that names things, is in the open entry, or asked for; nor two words over what was
    read back: "hey Joe" may be "eh, no".
    """
    read_back = session.state is State.HELD or session.topic is Topic.ENTRY_RIGHT
    if read_back and len(reading.words) < FEWEST_IN_TALK:
        return False
    known = {} if session.draft is None else session.draft.reading.fields
    asked = session.current_question.field
    return calls_somebody(reading, session.rules, {*session.rules.identifying_fields, *known, str(asked)})


def _refuses(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether an utterance is a no, in more words: "no, don't cancel it", "keep it".

    Only where a no changes nothing: after a readback, "no, not you" may be talk to a colleague.
    """
    words, language = utterance.reading.words, session.rules.language
    behind = parse_command(words[1:], language)
    if session.topic not in _UNDOING or (behind and behind.act in {Act.CANCEL, Act.COMMAND}):
        # "No, delete it" may be a yes; "no, trailer done" is more than a no.
        return False
    says_value = not has_no_values(utterance.reading) or number_head(without_cue(words, language), language)
    refuses = begins_with_no(words, language) and not says_value and not is_courtesy(words, language)
    return refuses or is_listed_command("decline_cancel_or_close", words, language)


def _names_another(session: DialogueSession, reading: Reading) -> bool:
    """Whether an utterance that is no entry surely names a thing other than the open one."""
    least, named = session.rules.site_policy.uncalibrated, rereading.select_identifying_fields(session, reading)
    sure = bool(named.fields) and all(one.confidence >= least for one in named.fields.values())
    return sure and (session.draft is None or session.relate_to_claim(named) is claims.Relation.NAME)


def _remarks_on_known(session: DialogueSession, reading: Reading) -> bool:
    """Whether a correction has but the name of another thing, known here, and words that mean nothing for the form."""
    named = session.identifiers_of(likely_values(reading))
    only_named = named.keys() == without_inherited(reading).fields.keys()
    another = session.draft is None or session.relate_to_claim(reading) is claims.Relation.NAME
    is_known = only_named and another and session.is_recorded_or_in_review(named)
    return is_known and has_remark(reading, session.rules)


def _surely_cancels(session: DialogueSession, reading: Reading) -> bool:
    return session.rules.trusts(reading.words) and cancels_after_no(reading.words, session.rules.language)


def _classify_before_all_else(session: DialogueSession, utterance: UtteranceHeard, event: Event) -> Event | None:
    """The row of a label scanned twice, a sign-on, a change of form, talk of a thing or to somebody; else None."""
    if is_repeated_scan(session, utterance):
        return Event.NOISE
    if event is Event.UNCLEAR and shifts.has_sign_on_candidates(session, utterance):
        return Event.DOUBTED_SIGN_ON
    if event is Event.UNCLEAR and session.state is State.SIGNED_OFF and shifts.names_operator(session, utterance):
        return Event.ASKED
    away = session.state in status.UNASKED and mentions_entry(utterance.reading, session.rules)
    tells = {Event.UNCLEAR: _names_another, Event.CORRECTION: _remarks_on_known}.get(event)
    if tells is not None and ((away and event is Event.UNCLEAR) or tells(session, utterance.reading)):
        return Event.NAMED
    if event is Event.UNCLEAR and _is_for_somebody_called(session, utterance.reading):
        return Event.NOISE
    return Event.SWITCH if works.chooses_form(session, utterance) else None


def _names_last_while_next_waits(session: DialogueSession, reading: Reading) -> bool:
    """Whether it is of "the last one", which may be the one that is open, or one that waits behind it."""
    waits = session.queue.first is not None and session.state in AGREEING and not reading.is_scan
    words, language = reading.words, session.rules.language
    return waits and (names_last_one(words, language) or begins_with_last_one(words, language))


def _classify_over_readback(session: DialogueSession, utterance: UtteranceHeard, event: Event) -> Event:
    """The row of an utterance over a readback, where courtesies and corrections count differently."""
    if _names_last_while_next_waits(session, utterance.reading):
        return Event.INDISTINCT
    if event is Event.UNCLEAR and session.state is State.HELD and _corrects_held_number(session, utterance):
        return Event.CORRECTION
    if event in _LITTLE and (session.state is State.HELD or session.topic is Topic.ENTRY_RIGHT):
        if is_courtesy(utterance.reading.words, session.rules.language):
            # Such a claim needs an explicit yes.
            return Event.NOISE if session.open_draft.utterance_id in session.needs_yes else Event.YES
        if event is Event.UNCLEAR and is_off_talk(utterance.reading, session.rules):
            return Event.NOISE
    return event


def _corrects_held_number(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether it corrects a held entry, although its "no" is doubtful: it begins with a number, "fifteen units".

    One that begins with a label does not: "not dock C" sounds like it.
    """
    said, language = utterance.reading, session.rules.language
    return bool(said.fields and said.act is Act.AMEND and number_head(without_cue(said.words, language), language))


def _classify_listed(session: DialogueSession, utterance: UtteranceHeard, event: Event) -> Event:
    """The row of "back" in a break, of "wait" unless over a readback, and of "okay" to whether to close a trailer."""
    if event not in _LITTLE:
        return event
    words, language = utterance.reading.words, session.rules.language
    if _agrees_in_words_of_question(session, utterance.reading):
        return Event.YES
    if _assents(session, utterance.reading):
        return Event.YES
    name, meant = _LISTED.get(session.state, ("", event))
    return meant if name and is_listed_command(name, words, language) else event


def _assents(session: DialogueSession, reading: Reading) -> bool:
    """Whether it is an "okay" to whether to close a trailer, or to cancel or drop an entry: nothing goes by itself."""
    words, language = reading.words, session.rules.language
    undoes = session.topic in {Topic.CANCEL, Topic.DROP} and is_courtesy(words, language)  # "Close it" closes.
    return (undoes or session.topic is Topic.CLOSE) and is_listed_command("agree_to_close", words, language)


def _agrees_in_words_of_question(session: DialogueSession, reading: Reading) -> bool:
    """Whether a yes says again what was asked, or a number that was read back: "yes, cancel it", "yes, 24"."""
    language = session.rules.language
    behind = words_behind_yes(reading.words, language)
    if not behind or not session.rules.trusts(reading.words):
        return False
    match session.topic:
        case Topic.CANCEL | Topic.DROP:
            bidden = parse_command(behind, language)
            return bidden is not None and bidden.act is Act.CANCEL and not cancels_open_entry(behind, language)
        case Topic.CLOSE:
            return is_listed_command("agree_to_close", behind, language)
        case Topic.FIELD_RIGHT if session.current_question.why in ANNOUNCED_OTHERWISE:
            return is_listed_command("accept_unannounced", behind, language)
        case _ if session.state is State.HELD or session.topic is Topic.ENTRY_RIGHT:
            said = possible_digit_strings(" ".join(word.text for word in behind), language)
            return not said.isdisjoint(map(str, values_of(session.open_draft.reading).values()))
        case _:
            return False


def _classify_named_drop(session: DialogueSession, utterance: UtteranceHeard, event: Event) -> Event:
    """The row of what drops a thing by its name: with nothing open that may be on record; it says not who signs on."""
    if event not in {Event.CANCEL, Event.NEVER_MIND} or not utterance.reading.fields:
        return event
    return {State.IDLE: Event.CANCEL, State.IDENTIFYING: Event.INDISTINCT}.get(session.state, event)
