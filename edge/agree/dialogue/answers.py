"""Answers: the steps that take a value, a choice or check digits, or what is said instead of an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import (
    chosen_position,
    is_check,
    is_correction,
    is_listed_command,
    is_murmur,
    may_be_check,
    names_by_position,
    number_head,
    parse_command_with_object,
    says_all_is_well,
    without_cue,
)
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, Word, as_text
from edge.agree.cut_numbers import begins_with_unclear_number, find_cut_fields
from edge.agree.decide import AS_MEANT, Circumstances, Rules
from edge.agree.dialogue import (
    amendments,
    context,
    corrections,
    drafting,
    instead_of_answer,
    next_or_instead,
    parking,
    reference,
    repeating,
    several,
    trailers,
    yes_no_answers,
)
from edge.agree.dialogue.claims import Relation, sounds_like
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Topic, build_check_digits_question, find_unproved_field
from edge.agree.dialogue.scans import disputes_label
from edge.agree.dialogue.session import DialogueSession
from edge.agree.expectations import find_expected_place
from edge.agree.merging import (
    agreement_mark,
    has_lone_one,
    keep_first_count,
    read_as_answer_to,
    read_correction_of_number,
    unconfirm_doubtful_fields,
    with_agreed_value,
    with_answer,
    with_fields,
    with_support,
)
from edge.agree.off_talk import begins_with_foreign_words, has_correcting_word
from edge.agree.one_breath import names_several
from edge.agree.readings import (
    SHORTEST_NAME,
    find_differing_identifiers,
    has_no_values,
    likely_values,
    possible_values,
    values_of,
    with_unconfirmed,
    without_inherited,
)
from edge.agree.unclear_numbers import count_digits, has_digits_besides, is_long_number
from edge.records import Draft, Note, Outcome, Reason
from edge.records.speech import Earcon, PlayEarcon, Prompt

_AnswerHandler = Callable[[DialogueSession, UtteranceHeard], list[Order]]

# Answers to a question for a value.


def answers_question(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether words that would otherwise be talk answer the open question: "the far one, B"."""
    if session.question is None or not utterance.reading.words or utterance.is_indistinct(session.rules):
        return False
    if session.topic is Topic.WRONG and says_all_is_well(utterance.reading.words, session.rules.language):
        return True
    if session.question.field is None or is_listed_command("murmurs", utterance.reading.words, session.rules.language):
        return False  # "One moment" is no one.
    if session.question.about is Topic.PROOF:
        return not is_murmur(utterance.reading.words, session.rules.language)
    return bool(_read_as_answer(session, utterance).fields)


def _give_to_waiting(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Give the thing that waits next what it lacks, and the open one has and is not asked for; empty for all else.

    "Dock D" to "pallet 742, 14 cases?", while pallet 743 waits without a dock. It may be of the open one where all of
    that is asked about: then the other one needs a yes.
    """
    waits, said = session.queue.first, without_inherited(utterance.reading).fields
    asks = session.topic in {*OF_VALUE, Topic.ENTRY_RIGHT}
    if waits is None or not asks or utterance.reading.act is not Act.RECORD or not said:
        return []
    lacks = session.rules.form.required_fields - likely_values(waits.reading).keys()
    known, values = values_of(session.open_draft.reading), values_of(utterance.reading)
    others = known.keys() - {session.current_question.field}
    repeats = values.items() <= known.items()  # It is of what was read back.
    if repeats or values.keys() != utterance.reading.fields.keys() or not said.keys() <= lacks & others:
        return []
    session.needs_yes |= {waits.utterance_id} if session.topic is Topic.ENTRY_RIGHT else set()
    kept = parking.add_to_waiting(session, waits, said, utterance.utterance_id)
    return [utterance.note_as_heeded(), kept, session.say_open_question()]


def answer_open_question(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Correct the recorded entry that is named, else pass what is no yes or no to the open question's handler."""
    if context.is_between_entries(session):  # no number is open that it may continue
        return instead_of_answer.continue_without_cancelling_or_closing(session, utterance)
    if next_or_instead.takes_back_next(session, utterance.reading):
        return _take_next_instead(session, utterance)
    told = corrections.tell_of_other(session, utterance, drafting.read_with_acoustic_doubts(session, utterance))
    told = told or corrections.correct_recorded_entry_if_named(session, utterance)
    if taken := told or _give_to_waiting(session, utterance):
        return taken
    if _may_be_rest_of_cut_number(session, utterance):
        drafting.doubt_cut_number(session, utterance.reading)
    return _select_answer_handler(session, utterance)(session, utterance)


def _take_next_instead(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Correct the last entry with what was said of the next: that utterance then supports the correction."""
    taken, (dropped, *besides) = session.open_draft, parking.drop_draft(session)
    corrected = amendments.correct_named_or_last(session, utterance)
    if session.draft is None:
        return [dropped, *besides, *corrected]
    of_entry = () if session.recorded.last is None else session.recorded.last.draft.utterances
    known = {name: replace(one, said_in=one.said_in or of_entry) for name, one in session.draft.reading.fields.items()}
    session.draft = replace(session.draft, reading=replace(session.draft.reading, fields=known))
    for utterance_id in taken.utterances:
        session.draft = with_support(session.draft, utterance_id)
    return [Note(taken.utterance_id, taken.reading, utterance.note_as_heeded().verdict), *besides, *corrected]


def _select_answer_handler(session: DialogueSession, utterance: UtteranceHeard) -> _AnswerHandler:
    """The function that takes an answer to the open question."""
    match session.topic:
        case Topic.INSTEAD:
            return instead_of_answer.handle_neither_yes_nor_no_to_replacement
        case Topic.NEXT_OR_INSTEAD:
            return next_or_instead.answer_next_or_instead
        case Topic.ENTRY_RIGHT if drafting.is_terminator(session, utterance.reading.words):
            return yes_no_answers.take_yes
        case Topic.WRONG if says_all_is_well(utterance.reading.words, session.rules.language):
            return instead_of_answer.withdraw_objection
        case Topic.WRONG | Topic.ENTRY_RIGHT | Topic.DROP:
            return instead_of_answer.handle_other_than_yes_or_no
        case _:
            return _answer_about_field


def _may_be_rest_of_cut_number(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether it begins with a number that is no answer, or that continues the previous utterance's number."""
    said, rules = utterance.reading, session.rules
    name = None if session.topic is Topic.NEXT_OR_INSTEAD else session.current_question.field
    answer = said if name is None else read_as_answer_to(name, said, rules)
    if session.breath.is_continued_by(answer, rules):
        return True
    if not number_head(said.words, rules.language):
        return False
    if said.fields:
        return begins_with_foreign_words(said, rules) or begins_with_unclear_number(said, rules)
    return not answer.fields


def _answer_about_field(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    name, value = str(session.current_question.field), _find_chosen_value(session, utterance)
    if (by_place := _drop_by_place(session, utterance)) is not None:
        return by_place
    if session.topic is Topic.CHOICE and value is not None:
        return drafting.revise_draft_with_answer(
            session, utterance, with_agreed_value(session.open_draft, name, value, utterance.utterance_id)
        )
    if (proved := _prove_place_while_asked(session, utterance)) is not None:
        return drafting.revise_draft(session, utterance, proved)
    reading = _read_answer_with_doubts(session, utterance)
    if _has_no_answer(session, reading) or _has_number_of_other_field(session, utterance, reading):
        return repeating.reject_answer(session, utterance)
    _doubt_value_behind_long_number(session, reading)
    if session.current_question.prompt is Prompt.ONE_BY_ONE:
        return _choose_of_several_by_answer(session, utterance, reading)
    return corrections.remove_denied_identifier(session, utterance, reading) or _merge_answer_or_begin_other(
        session, utterance, reading
    )


def _prove_place_while_asked(session: DialogueSession, utterance: UtteranceHeard) -> Draft | None:
    """The draft, its place proved by check digits that are none of the offered values: "61" to "12 cases?"; or None."""
    draft, verdict, rules, words = session.open_draft, session.verdict, session.rules, utterance.reading.words
    offered = {as_text(one) for one in session.current_question.candidates}
    place = None if verdict is None else find_unproved_field(draft, verdict, rules)
    if verdict is None or place is None or not offered or is_correction(words, rules.language):
        return None
    value = verdict.fields[place.name]
    checks = {*rules.catalogue.check_words(str(place.catalogue), str(value))} - offered
    if not any(is_check(words, check, rules.language) for check in checks):
        return None
    proved = (*draft.proved, agreement_mark(place.name, value))
    return with_support(replace(draft, proved=proved), utterance.utterance_id)


def _drop_by_place(session: DialogueSession, utterance: UtteranceHeard) -> list[Order] | None:
    """Drop the one of several things that is said by its place, "scratch the second"; None for all else."""
    said = utterance.reading
    order = parse_command_with_object(said.words, session.rules.language)
    if session.current_question.prompt is not Prompt.ONE_BY_ONE or order is None or order[0].act is not Act.CANCEL:
        return None
    meant = replace(utterance, reading=replace(said, words=order[1]))
    return yes_no_answers.drop_one_of_several(session, utterance, _read_as_answer(session, meant))


def _read_answer_with_doubts(session: DialogueSession, utterance: UtteranceHeard) -> Reading:
    """The utterance as an answer, with what its acoustics, the last words, or a rejected number put in doubt."""
    rules, reading = session.rules, _read_as_answer(session, utterance)
    reading = session.breath.doubt_continued_number(reading, session.open_draft.reading, rules)
    if session.current_question.prompt is not None:  # Asked again, since the value was rejected.
        reading = read_correction_of_number(session.open_draft.reading, reading, rules)
    return unconfirm_doubtful_fields(reading, Circumstances(utterance.known.acoustics), rules)


def _merge_answer_or_begin_other(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    name, rules = str(session.current_question.field), session.rules
    whole = utterance.verdict.outcome is Outcome.ACCEPT
    if (whole or _has_entry_of_its_own(session, reading)) and _is_of_another_than_withdrawn(session, reading):
        # A word of correction takes back nothing of it: the name was right, and what was said of it may be.
        return [*parking.park_draft(session), *drafting.begin_entry(session, utterance)]
    if whole and reference.is_begun_without_name(session, name):
        # What was begun was of the thing before: "two damaged", and then the next pallet, whole.
        return instead_of_answer.begin_next_instead_of_answer(session, utterance)
    relation = _relate_answer_to_claim(session, utterance, reading)
    if relation is Relation.UNCLEAR and (name not in rules.identifying_fields or session.open_identifiers):
        if _has_entry_of_its_own(session, reading):
            return instead_of_answer.reject_or_park_unclear_identifier(session, utterance, reading)
        # An identifier that was not understood does not contradict the one that was.
        reading = replace(
            reading, fields={one: read for one, read in reading.fields.items() if one not in rules.identifying_fields}
        )
        if not reading.fields:  # "Not 742", over 743.
            return repeating.reject_answer(session, utterance)
    if relation in {Relation.ANOTHER, Relation.NAME} and not disputes_label(session.open_draft.reading, reading, rules):
        return _rename_or_ask_or_begin_next(session, utterance, reading, relation)
    return _merge_answer(session, utterance, reading)


def _is_of_another_than_withdrawn(session: DialogueSession, reading: Reading) -> bool:
    """Whether an answer is of another thing than one that a "no" withdrew, "is recorded already": other values differ.

    A name that was understood is withdrawn, and not corrected; its item is a value of it.
    """
    identifies, said = session.rules.identifying_fields, values_of(reading)
    own = values_of(without_inherited(session.open_draft.reading))
    withdrawn = session.topic is Topic.FIELD and session.current_question.why in AS_MEANT
    differs = find_differing_identifiers(session.open_draft.reading, reading, identifies)
    return bool(withdrawn and differs) and any(said.get(name) != own[name] for name in own.keys() - {*differs})


def _has_no_answer(session: DialogueSession, reading: Reading) -> bool:
    """Whether an answer has no field; or lacks the asked one, and is talk, or unclear where all else was understood.

    Or it has one alone that the form forbids, where a likely one is known: "four" for "pallet seven four two twenty".
    """
    if session.topic is Topic.CHOICE and is_listed_command("next_one", reading.words, session.rules.language):
        return True  # French "les deux" is both of them, and no two.
    if not reading.fields or session.current_question.field in reading.fields:
        return not reading.fields or _is_impossible_beside_likely(session, reading)
    counted = number_head(reading.words, session.rules.language) and not values_of(reading)
    without_value = [one for one in reading.fields.values() if not possible_values(one)]
    unclear = without_value if session.current_question.is_about_implausible_value else []
    if session.topic is Topic.PROOF:
        unclear = [one for one in without_value if not one.denied]  # "It's not 742" is clear.
    return bool(unclear) or (begins_with_foreign_words(reading, session.rules, behind_cue=True) and not counted)


def _has_number_of_other_field(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> bool:
    """Whether a bare number, in place of the name asked about, is another value of that thing: its trailer, its count.

    As this entry has it, the one on record, or the list that the question names it from.
    """
    question, known, form = session.current_question, values_of(session.open_draft.reading), session.rules.form
    asks_again = question.about is Topic.FIELD_RIGHT or question.prompt is Prompt.ASK_FIELD
    name = str(question.field)
    if not (asks_again and has_no_values(utterance.reading) and name in session.rules.identifying_fields):
        return False
    recorded = session.find_own_entry(session.open_identifiers)
    things = [find_expected_place(known, form, session.expected), {} if recorded is None else recorded.fields, known]
    others = {as_text(value) for one in things for other, value in one.items() if other != name}
    return as_text(values_of(reading).get(name, "")) in others


def _is_impossible_beside_likely(session: DialogueSession, reading: Reading) -> bool:
    """Whether its only field has but a likely value, which the form forbids, and the open entry has another one.

    So has "the bigger one" over two values.
    """
    name, rules = str(session.current_question.field), session.rules
    said, before = reading.fields.get(name), session.open_draft.reading.fields.get(name)
    if said is None or len(reading.fields) > 1 or said.value is not None or said.denied:
        return False
    likely, offered = possible_values(said), session.current_question.candidates
    is_one = session.topic is Topic.CHOICE and has_lone_one(reading, rules) and not {*likely} & {*offered}
    return bool(likely and possible_values(before)) and (
        is_one or not any(rules.allows_value(rules.form[name], one) for one in likely)
    )


def _has_entry_of_its_own(session: DialogueSession, reading: Reading) -> bool:
    """Whether it has more fields than the asked one and the identifiers: enough for an entry of its own."""
    return bool(reading.fields.keys() - {*session.rules.identifying_fields, session.current_question.field})


def _relate_answer_to_claim(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> Relation:
    """How an answer relates to the open claim; an identifier that was asked for, or completes a cut one, is SAME."""
    relation, question = session.relate_to_claim(reading), session.current_question
    name = str(question.field)
    differs = find_differing_identifiers(session.open_draft.reading, reading, session.rules.identifying_fields)
    if name not in session.rules.identifying_fields or name not in reading.fields or {*differs} - {name}:
        return relation
    before = session.open_draft.reading.fields.get(name)
    if (
        before is not None
        and not possible_values(before)
        and _are_different_identifiers(session, before, reading.fields[name])
    ):
        return Relation.ANOTHER
    denied = question.prompt is Prompt.ASK_FIELD and relation is Relation.ANOTHER
    asks_which = (
        question.about is Topic.FIELD or _continues_identifier(session, utterance, name, reading.fields[name])
    ) and relation is Relation.NAME
    return Relation.SAME if denied or asks_which else relation


def _are_different_identifiers(session: DialogueSession, before: FieldReading, reading: FieldReading) -> bool:
    """Whether a full number that was not understood differs from this one: neither a part of it, nor begun anew."""
    tells = session.rules.language.may_be_in_identifier
    earlier, now = ([word for word in one.words if tells(word)] for one in (before, reading))
    return len(earlier) >= SHORTEST_NAME and earlier[: len(now)] != now and now[: len(earlier)] != earlier


def _continues_identifier(
    session: DialogueSession, utterance: UtteranceHeard, name: str, reading: FieldReading
) -> bool:
    """Whether an identifier extends or shortens the known one: a pause had cut it, or a count ran into it."""
    known = (session.current_question.candidates or possible_values(session.open_draft.reading.fields.get(name)))[:1]
    pairs = [sorted((str(one), str(other)), key=len) for one in known for other in possible_values(reading)]
    if any(long.startswith(short) for short, long in pairs):
        return True
    # "Oh, location A" says a name anew: "oh" is no zero of the one before.
    return has_no_values(utterance.reading) and _may_be_rest_of_cut_number(session, utterance)


def _rename_or_ask_or_begin_next(
    session: DialogueSession, utterance: UtteranceHeard, reading: Reading, relation: Relation
) -> list[Order]:
    """Begin the next thing in place of an answer; ask if its identifier may be the open claim's, corrected."""
    name, draft = str(session.current_question.field), session.open_draft
    if (
        relation is Relation.NAME
        and not session.rules.form[name].spoken.answers  # "No, trailer 5502" to "Is it sealed?"
        and drafting.is_sure_correction(session, utterance)
        and corrections.may_rename_open_claim_unasked(session, reading)
    ):
        return drafting.revise_draft(session, utterance, with_fields(draft, reading.fields, utterance.utterance_id))
    if utterance.reading.act is Act.AMEND and not is_correction(reading.words, session.rules.language):
        # "743, not 742".
        return corrections.ask_if_replaces_open(session, utterance)
    named = session.identifiers_of(values_of(reading)).items()
    known = values_of(draft.reading)
    alike = any(of in known and sounds_like(as_text(value), as_text(known[of])) for of, value in named)
    asks = name in session.rules.identifying_fields or alike
    if relation is Relation.NAME and asks and not names_several(utterance.reading, session.rules):
        return next_or_instead.ask_next_or_instead(session, utterance, reading)
    return instead_of_answer.begin_next_instead_of_answer(session, utterance)


def _merge_answer(session: DialogueSession, utterance: UtteranceHeard, said: Reading) -> list[Order]:
    draft, name, rules = (
        _without_rival_of_other_field(session, said),
        str(session.current_question.field),
        session.rules,
    )
    takes_back = drafting.is_sure_correction(session, utterance)
    said = corrections.unconfirm_what_may_be_names(session, said, takes_back=takes_back)
    offered = session.current_question.candidates
    answers = name in said.fields and (not offered or {*possible_values(said.fields[name])} <= {*offered})
    of_another = reference.may_be_of_another(session, said, takes_back=takes_back, answers=answers)
    if of_another or _may_name_thing(said.fields.get(name)):
        session.needs_yes.add(draft.utterance_id)
    if name not in said.fields and drafting.is_sure_correction(session, utterance):
        return drafting.revise_draft(session, utterance, with_fields(draft, said.fields, utterance.utterance_id))
    if name in said.fields and _is_doubtful_choice(session, utterance, said.fields[name].value):
        said = with_unconfirmed(said, [name])
    was_no = session.current_question.prompt is not None  # asked again, since the offered value was rejected
    reading = with_answer(draft.reading, name, said, utterance.closing, rules, correcting=was_no)
    if session.current_question.why is Reason.COUNT_DIFFERS and name in values_of(said):
        draft = keep_first_count(draft, name)  # even if it equals the first
    elif reading.fields == draft.reading.fields:  # a known value is repeated: the question stays open
        return repeating.reject_answer(session, utterance)
    session.require_yes_if_partly_named(said, draft)
    _settle_by_repeating(session, utterance, said, draft)
    draft = with_support(replace(draft, reading=reading), utterance.utterance_id)
    if addition := _add_to_recorded(session, utterance, said, draft):
        return addition
    reference.require_yes_if_named_later(session, said, name)
    return drafting.revise_draft_with_answer(session, utterance, draft)


def _settle_by_repeating(session: DialogueSession, utterance: UtteranceHeard, said: Reading, draft: Draft) -> None:
    """Require no yes where all of the draft is said again; but one where words beside its name put that in doubt.

    "The pallet next to 742 is wet", and then "pallet 742, twelve cases".
    """
    own, name = without_inherited(draft.reading).fields, str(session.current_question.field)
    asked, is_repeated = own.get(name), own.keys() <= {*said.fields, name}
    if name in session.rules.identifying_fields and asked is not None and not is_repeated:
        is_number = session.rules.language.may_be_in_identifier
        between = asked.value is None and any(not is_number(word) for word in asked.words[1:])  # "Pallet under 742".
        session.needs_yes |= {draft.utterance_id} if asked.unexplained or between else set()
    whole = utterance.verdict.outcome is Outcome.ACCEPT and session.relate_to_claim(said) is Relation.SAME
    if whole and is_repeated:
        session.needs_yes.discard(draft.utterance_id)


def _without_rival_of_other_field(session: DialogueSession, said: Reading) -> Draft:
    """The open draft, without the one of two names that another field has: "743 cases" to "743, or 742?"."""
    draft, question, name = session.open_draft, session.current_question, str(session.current_question.field)
    others = {as_text(value) for value in values_of(said).values()}
    left = [one for one in question.candidates if as_text(one) not in others]
    of_name = session.topic is Topic.CHOICE and name in session.rules.identifying_fields and name not in said.fields
    if not of_name or len(left) != 1:
        return draft
    named = replace(draft.reading.fields[name], value=left[0], rivals=())
    return replace(draft, reading=replace(draft.reading, fields={**draft.reading.fields, name: named}))


def _doubt_value_behind_long_number(session: DialogueSession, reading: Reading) -> None:
    """Require a yes where a value takes the place of a number that is asked about, and may name the next thing.

    "743" to "12 cases?", and then "ten cases", which corrects nothing: those may be of 743.
    """
    question, corrects = session.current_question, is_correction(reading.words, session.rules.language)
    if question.about is Topic.FIELD_RIGHT and any(map(is_long_number, question.candidates)) and not corrects:
        session.needs_yes.add(session.open_draft.utterance_id)


def _may_name_thing(answer: FieldReading | None) -> bool:
    """Whether an answer is a number as long as a name, beside words that were not understood: "I said 743"."""
    return answer is not None and bool(answer.unexplained) and any(map(is_long_number, possible_values(answer)))


def _add_to_recorded(session: DialogueSession, utterance: UtteranceHeard, said: Reading, draft: Draft) -> list[Order]:
    """Correct the entry on record that the answer names, if the draft only adds to it, or it is to be corrected.

    "That one" needs a yes behind another thing that was named since.
    """
    last, asked = session.recorded.last, str(session.current_question.field)
    is_unnamed, name = reference.is_begun_without_name(session, asked), said.fields.get(asked)
    correction = said if drafting.is_sure_correction(session, utterance) else None
    addition = amendments.draft_addition(session, draft, correction) if is_unnamed else None
    if addition is None:
        return []
    if name is not None and name.said_in and last is not None and not reference.is_surely_at_hand(session, last):
        session.needs_yes.add(draft.utterance_id)
    return drafting.revise_draft(session, utterance, addition)


def _read_as_answer(session: DialogueSession, utterance: UtteranceHeard) -> Reading:
    """The utterance as an answer; a position among the offered values selects one: "the first one"."""
    question, words = session.current_question, utterance.reading.words
    value = _find_chosen_value(session, utterance)
    by_place = session.topic is Topic.FIELD and names_by_position(words, (), session.rules.language)
    if value is None and by_place and not session.identifiers_of(values_of(utterance.reading)):
        return replace(utterance.reading, fields={})  # "The other one, ten cases" may be of another thing.
    if value is None:
        reading = read_as_answer_to(str(question.field), utterance.reading, _rules_with_last_digits(session))
        return trailers.expand_last_digits(session, reading, utterance.known.expected)
    meant = FieldReading(value, tuple(word.text for word in words), min(word.confidence for word in words))
    return replace(utterance.reading, act=Act.RECORD, fields={str(question.field): meant}, not_understood=None)


def _rules_with_last_digits(session: DialogueSession) -> Rules:
    """The rules that also read identifiers by their last digits, where any are announced."""
    rules = session.rules
    announced = rules.form.expects and session.expected.places
    return replace(rules, form=rules.form.for_last_characters) if announced else rules


def _find_chosen_value(session: DialogueSession, utterance: UtteranceHeard) -> FieldValue | None:
    offered = session.current_question.candidates
    place = chosen_position(utterance.reading.words, len(offered), session.rules.language) if len(offered) > 1 else None
    return None if place is None else offered[place]


def _choose_of_several_by_answer(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Take one of the things named in one breath, with what was said of it then and what is said of it now."""
    named = session.identifiers_of(likely_values(reading))
    # "no, 743 is nine"
    unclear = reading.fields.keys() == named.keys() and has_digits_besides(reading.words, named.values(), session.rules)
    if not unclear and (chosen := several.choose_of_several(session, utterance, reading)):
        return chosen
    another = utterance.verdict.outcome is Outcome.ACCEPT or session.relate_to_claim(reading) is Relation.ANOTHER
    if another and not unclear:
        return instead_of_answer.begin_next_instead_of_answer(session, utterance)
    if not named:
        return repeating.reject_answer(session, utterance)
    # A name that chooses none, "apples", is told to be lost.
    again = repeating.repeat_question(session, [session.say(Prompt.REPEAT)])
    return [utterance.note_as_not_understood(), *again]


def _is_doubtful_choice(session: DialogueSession, utterance: UtteranceHeard, value: FieldValue | None) -> bool:
    """Whether the value is none of those offered, or may be the second half of a cut number."""
    question, breath = session.current_question, session.breath
    bare = has_no_values(utterance.reading) and not drafting.is_sure_correction(session, utterance)
    if question.candidates:
        return value not in question.candidates and (question.about is Topic.CHOICE or bare)
    if not (bare and breath.is_last):
        return False
    is_cut = question.field in find_cut_fields(session.open_draft.reading, breath.words, session.rules)
    return is_cut and not breath.makes_no_place_with(utterance.reading, str(question.field), session.rules)


def _find_check(session: DialogueSession) -> str:
    """The check digits that the open question asks for."""
    question, rules = session.current_question, session.rules
    ((name, value),) = question.fields.items()
    return rules.catalogue.check_words(str(rules.form[name].catalogue), str(value))[question.check]


def proves_place(session: DialogueSession, words: Sequence[Word]) -> bool:
    """Whether the words are the check digits that are asked for, or the rest of them behind a breath."""
    check, language = _find_check(session), session.rules.language
    return any(is_check(one, check, language) for one in (words, (*session.breath.words, *words)))


def compare_check_digits(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Compare an answer with a place's check digits; if they differ, ask again, at last park the draft."""
    question, draft, rules = session.current_question, session.open_draft, session.rules
    ((name, value),) = question.fields.items()
    words, check = without_cue(utterance.reading.words, rules.language), _find_check(session)
    if proves_place(session, words):
        agreed_draft = with_agreed_value(draft, name, value, utterance.utterance_id)
        return drafting.revise_draft(
            session, utterance, replace(agreed_draft, proved=(*draft.proved, agreement_mark(name, value)))
        )
    if utterance.reading.fields:
        return answer_open_question(session, utterance)
    tells = has_correcting_word(utterance.reading, rules) or repeating.tells_of_other_field(session, utterance.reading)
    if tells or not may_be_check(words, check, rules.language):
        # "Not that location", "it was wet", "hey Joe".
        return repeating.reject_answer(session, utterance)
    tries = session.tries + 1
    if tries >= repeating.MOST_TRIES:
        return [utterance.note_as_heeded(), *parking.park_draft(session)]
    if count_digits([word.text for word in words], rules) >= SHORTEST_NAME:
        session.needs_yes.add(draft.utterance_id)  # It may name the next thing, and what is said next be of that.
    again = build_check_digits_question(name, value, rules, session.challenges)
    wrong = session.say(Prompt.CHECK_WRONG)
    orders = [utterance.note_as_heeded(), PlayEarcon(Earcon.NOT_UNDERSTOOD), wrong, *session.ask(again)]
    session.tries = tries
    return orders
