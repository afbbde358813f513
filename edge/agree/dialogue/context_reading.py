"""Whether an utterance sets what holds for later entries, "trailer 5501", or is an entry that takes from it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import begins_with_last_one, is_correction, is_listed_command, split_at_listed
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.records import Act, Reading, Word
from edge.agree.dialogue import context
from edge.agree.dialogue.questions import Topic
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import AGREEING, State
from edge.agree.merging import read_as_answer_to
from edge.agree.off_talk import begins_with_foreign_words, states_context
from edge.agree.one_breath import is_separated
from edge.agree.readings import has_no_values, read_part, split_at_leading_next, with_unconfirmed
from edge.agree.sentence_parts import leads_to_place
from edge.records import Draft


def read_as_context_or_fill_in(session: DialogueSession, reading: Reading) -> tuple[Reading, tuple[str, ...]]:
    """The reading as CONTEXT if it sets the context; otherwise an entry has the context filled in.

    Also the fields of an entry that it says to keep: "pallet 742, 24 cases, door 13 from now on".
    """
    once, open_ = session.rules.form.standing_fields, session.state in AGREEING or session.state is State.IDLE
    asked = context.find_field_left_behind(session)
    if asked is not None and reading.act is Act.RECORD and not reading.is_scan and has_no_values(reading):
        answer = read_as_answer_to(asked, reading, session.rules)
        reading = answer if answer.fields.keys() == {asked} else reading
    if not once or not open_ or not reading.fields:
        return reading, ()
    if reading.is_scan or reading.act not in {Act.RECORD, Act.AMEND}:
        return _fill_in(session, reading), ()
    alone, from_now_on = _split_off_from_now_on(session, reading)
    if alone.fields.keys() <= set(once) and (from_now_on or _only_sets_context(session, alone)):
        is_plain = _states_context_plainly(session, alone) or bool(leads_to_place(alone, session.rules))
        alone = replace(alone, not_understood=None)
        if not (is_plain or from_now_on) and context.is_entry_open(session):  # "Put it on trailer 5502."
            return replace(with_unconfirmed(alone, list(alone.fields)), act=Act.AMEND), ()
        # "Take it to door thirteen" may be said to other people.
        said = alone if is_plain else with_unconfirmed(alone, list(alone.fields))
        return replace(said, words=reading.words, preface=reading.preface, act=Act.CONTEXT), ()
    next_to = [*_fields_next_to(alone, from_now_on), *leads_to_place(reading, session.rules)]
    if asked in alone.fields and once[0] not in alone.fields:
        next_to.append(str(asked))  # "Which door?", and the first pallet has it.
    stands = tuple(name for name in next_to if name in once)
    if not stands or not context.begins_entry(session, alone):
        return _fill_in(session, reading), ()
    filled = _fill_in(session, alone)
    return replace(filled, words=reading.words, preface=reading.preface), stands


def _fill_in(session: DialogueSession, reading: Reading) -> Reading:
    """The reading with the context filled in; without it behind unknown words, which may be of no entry."""
    doubtful = context.begins_with_unknown_words(reading, session.rules)
    return reading if doubtful else context.fill_new_entry_from_context(session, reading)


def _states_context_plainly(session: DialogueSession, reading: Reading) -> bool:
    """Whether it tells where the operator is, and nothing else: not "the last one is at door 4"."""
    is_pointing = begins_with_last_one(reading.words, session.rules.language)
    plain = states_context(reading, session.rules) and not begins_with_foreign_words(reading, session.rules)
    return plain and not is_pointing


def _split_off_from_now_on(session: DialogueSession, reading: Reading) -> tuple[Reading, tuple[Word, ...]]:
    """The reading without the words for "from now on", and those words; unchanged with none if they are doubtful.

    Over an open entry a "no" before them may be about that: unchanged too.
    """
    rules, draft = session.rules, session.draft
    found = split_off_from_now_on(session, reading)
    if found is None or not rules.trusts(found[0]):
        return reading, ()
    if draft is not None and draft.act is not Act.CONTEXT and is_correction(reading.words, rules.language):
        return reading, ()
    from_now_on, rest = found
    alone = read_part(reading, rest, rules)
    return (alone, tuple(from_now_on)) if alone.fields else (reading, ())


def split_off_from_now_on(session: DialogueSession, reading: Reading) -> tuple[Sequence[Word], Sequence[Word]] | None:
    """The words for "from now on", and the others; None without such words.

    "Now" before or behind context fields alone is such, but where these tell what is wrong, or which thing it is.
    """
    form, language, words = session.rules.form, session.rules.language, reading.words
    found = split_at_listed("from_now_on", words, language)
    told = session.topic is Topic.WRONG or not {*form.context}.isdisjoint(form.identifies)
    if found is not None or told or not reading.fields.keys() <= {*form.standing_fields}:
        return found
    parts = [(words[:at], words[at:]) for at in range(len(words) - 1, 0, -1)]
    ways = [*parts, *((behind, before) for before, behind in reversed(parts))]
    return next((one for one in ways if token_texts(one[0], language) in language.commands["now"]), None)


def _fields_next_to(alone: Reading, from_now_on: tuple[Word, ...]) -> list[str]:
    """The fields next to the words for "from now on"."""
    if not from_now_on:
        return []
    next_to = alone.words[-1] if alone.words[0].start < from_now_on[0].start else alone.words[0]
    return [name for name, one in alone.fields.items() if fold(next_to.text) in map(fold, one.words)]


def _only_sets_context(session: DialogueSession, reading: Reading) -> bool:
    """Whether a reading with context fields only sets the context: between entries, or if the operator has moved.

    Where only context fields identify an entry, "trailer 5501" begins one, unless it says "from now on".
    """
    draft, form = session.draft, session.rules.form
    if session.topic is Topic.NEXT_OR_INSTEAD and _answers_next_before_place(session, reading):
        return False
    if draft is not None and not context.is_between_entries(session):
        return draft.act is Act.CONTEXT or _moves_elsewhere(session, draft, reading)
    if reading.act is Act.AMEND:
        told_last = not all(session.named.things)  # ... and no entry behind it, which it would correct
        return told_last and reading.fields.keys() <= set(session.context.not_read_back)
    return not form.is_identified_by_context and not form.required_fields <= reading.fields.keys()


def _answers_next_before_place(session: DialogueSession, reading: Reading) -> bool:
    """Whether it answers that a name is the next one's, and tells where that is: "next, door 13", with a pause."""
    split = split_at_leading_next(reading.words, session.rules)
    if split is None or not is_separated(split[0][-1], split[1][0]):
        return False
    return is_listed_command("next_one", split[0], session.rules.language)


def _moves_elsewhere(session: DialogueSession, draft: Draft, reading: Reading) -> bool:
    """Whether it changes the trailer or door of the open entry, and corrects nothing: the operator has moved.

    What it says beside that is of the other place. Not where the trailer identifies an entry, nor where it says what is
    wrong with it, or answers a question for that field.
    """
    own, stands = draft.reading.fields, session.context.fields
    if session.topic is Topic.WRONG:
        return False
    if leads_to_place(reading, session.rules) and not session.rules.form.is_identified_by_context:
        known = {**stands, **own}
        return any(name not in known or one.value != known[name].value for name, one in reading.fields.items())
    # A single field that was corrected may be corrected again.
    corrects = draft.act is not Act.RECORD and session.state is State.HELD
    corrects = corrects and not reading.fields.keys().isdisjoint(context.find_fields_amended(session, draft))
    if len(reading.fields) == 1 and (corrects or reading.fields.keys() <= {*session.rules.identifying_fields}):
        return False
    once = session.rules.form.standing_fields[0]
    if context.is_of_other_trailer(session, draft) and once not in reading.fields:
        # A door is of the trailer that holds now, and not of a pallet that was said before that.
        is_before = once in own and own[once].is_inherited
        return is_before and reading.act is Act.RECORD and not is_correction(reading.words, session.rules.language)
    before = {**stands, **own}  # The entry has its own even where a new shift has ended the context since.
    stood = {name for name in reading.fields if name in before}
    if session.state is not State.HELD:  # Its own may be put right.
        stood -= {name for name, one in own.items() if not one.is_inherited}
    moves = any(reading.fields[name].value != before[name].value for name in stood)
    return moves and reading.act is Act.RECORD and not is_correction(reading.words, session.rules.language)
