"""Splits an utterance between the open thing, one said before, and what follows, before the table selects its step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction, leading_cue, parse_command, parse_exception
from dockvoice_protocol.records import Act, FieldReading, FieldValue, NotUnderstoodReason, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue import answers, context, drafting, next_or_instead, parking, waiting_context, what_follows
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Topic
from edge.agree.dialogue.session import DialogueSession, asks_yes_or_no, list_known_things
from edge.agree.dialogue.table import AGREEING, QUESTIONS, State
from edge.agree.merging import read_as_answer_to
from edge.agree.off_talk import begins_with_pointer, has_no_other_words, states_context
from edge.agree.one_breath import split_if_several
from edge.agree.readings import (
    normalize_word,
    possible_values,
    read_part,
    split_at_leading_next,
    values_of,
    without_inherited,
)
from edge.agree.sentence_parts import (
    BeforeName,
    BehindDrop,
    OfAnother,
    as_trailer_done,
    drops_one_of_several,
    is_trailer_done,
    is_understood,
    leads_to_place,
    says_one_of,
    split_at_drop,
    split_before_name,
    split_off_mention,
    split_off_order,
    words_behind_closing,
)
from edge.agree.whole_things import corrects_one_of_several, names_several_unclearly, split_off_first
from edge.records import Commit, Draft, Park


def take_what_is_of_another(session: DialogueSession, utterance: UtteranceHeard) -> tuple[list[Order], UtteranceHeard]:
    """Take an order about the open thing off the next thing's sentence, "743, eight cases, forget 742"; and the rest.

    What else it says of a thing before its own is not got: that is told in its question, and what was read back to
    the operator needs a yes.
    """
    said, rules = utterance.reading, session.rules
    begins = said.act in {Act.RECORD, Act.AMEND, Act.CANCEL} and not said.is_scan
    begins &= said.not_understood in {None, NotUnderstoodReason.NOT_DICTATION}
    if (parts := split_at_drop(said.words, rules) if begins else None) is not None:
        return _drop_first(session, utterance, parts)
    if not begins or said.act is Act.CANCEL:
        return [], utterance
    if drops_one_of_several(said, rules):
        return [], _as_not_understood(utterance)
    return _take_closing_or_other(session, utterance)


def _take_closing_or_other(session: DialogueSession, utterance: UtteranceHeard) -> tuple[list[Order], UtteranceHeard]:
    said, rules = utterance.reading, session.rules
    if (closing := what_follows.take_closing(session, utterance)) is not None:
        return [], closing
    instead = next_or_instead.leave_out_instead(session, said) != (False, said)  # "743 instead of 742"
    if instead or leading_cue(said.words, rules.language):
        return [], what_follows.split_off_what_follows(session, utterance)
    orders = [one for one in split_off_order(said, rules) if _is_known(session, one)]
    found = max(orders, key=lambda one: (len(values_of(one.entry)), len(one.words)), default=None)
    found = found or split_off_mention(said, _list_names_before(session, said), rules)
    if found is None:
        return [], what_follows.split_off_what_follows(session, utterance)
    if _drops_open_thing(session, utterance, found):
        dropped = parking.drop_draft(session, parking.say_dropped(session, session.open_draft))
        return dropped, replace(utterance, reading=found.entry, aloud=True)
    session.doubted |= session.draft is not None
    places = what_follows.without_values(read_part(said, found.words, rules), rules)
    return [], replace(utterance, reading=what_follows.tell_words_not_got(found, rules), context_behind=places)


def _drop_first(
    session: DialogueSession, utterance: UtteranceHeard, parts: BehindDrop
) -> tuple[list[Order], UtteranceHeard]:
    """Drop the open entry, and the utterance as it is of what follows: "scratch that, then pallet 743".

    What cannot be dropped unasked is corrected, as by "scratch that, pallet 743".
    """
    said, rules, draft = utterance.reading, session.rules, session.draft
    rest = replace(read_part(said, parts.behind, rules), act=Act.RECORD)
    order = as_trailer_done(rest, parts.behind) if is_trailer_done(parts.behind, rules) else rest
    if not (rest.fields or order.command):
        return [], utterance
    is_entry = draft is not None and draft.act is Act.RECORD and not session.recorded.replaces_recorded_entry(draft)
    is_open = is_entry and session.state in AGREEING and not context.is_between_entries(session)
    sure = rules.trusts(parts.drop) and not utterance.is_indistinct(rules) and session.current_question.other is None
    if not (is_open and sure):
        corrected = read_part(said, (*parts.drop, *parts.rest), rules)
        return [], replace(utterance, reading=replace(corrected, act=Act.RECORD))
    dropped = parking.drop_draft(session, parking.say_dropped(session, session.open_draft))
    return dropped, replace(utterance, reading=order, aloud=True, follows=True)


def _is_known(session: DialogueSession, found: OfAnother) -> bool:
    """Whether an order is about the open thing, or one on record or in review, and not about the sentence's own."""
    named = {name: one.value for name, one in found.cancels.items() if one.value is not None}
    own = found.entry.fields
    if all(named[name] in possible_values(own.get(name)) for name in named) or not named:
        return False
    is_open = session.draft is not None and named.items() <= session.open_identifiers.items()
    return is_open or session.is_recorded_or_in_review(named)


def _list_names_before(session: DialogueSession, said: Reading) -> set[FieldValue]:
    """The names of the open thing, and of those on record or in review, that are not the sentence's own."""
    needed, open_one = session.needed_identifiers, {} if session.draft is None else session.open_identifiers
    things = (open_one, *list_known_things(session))
    own = [value for name in needed[:1] for value in possible_values(said.fields.get(name))[:1]]
    return {one[name] for one in things for name in needed if name in one} - {*own}


def _drops_open_thing(session: DialogueSession, utterance: UtteranceHeard, found: OfAnother) -> bool:
    """Whether a sentence surely orders to drop the open thing, and is about another one."""
    draft, rules = session.draft, session.rules
    is_open = session.state in AGREEING and not context.is_between_entries(session)
    if draft is None or not is_open or session.current_question.other is not None or not found.cancels:
        return False
    named = {name: one.value for name, one in found.cancels.items()}
    is_entry = draft.act is Act.RECORD and not session.recorded.replaces_recorded_entry(draft)
    whole = {*session.needed_identifiers} <= named.keys() and named.items() <= session.open_identifiers.items()
    sure = rules.trusts(utterance.reading.words)
    sure &= not utterance.is_indistinct(rules)
    alone = session.find_own_entry(values_of(draft.reading)) is None
    return is_entry and whole and sure and alone and is_understood(found.entry, rules)


def split_off_next(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard:
    """The utterance as it is of the open thing, or of the first of several; what it says of the next waits behind it.

    What may be of either is the next thing's, which then needs a yes.
    """
    said, draft = utterance.reading, session.draft
    is_open = session.state in AGREEING and not context.is_between_entries(session)
    named = not said.fields.keys().isdisjoint(session.rules.identifying_fields)
    says = bool(said.fields) or utterance.context_behind is not None
    dictated = said.act in {Act.RECORD, Act.AMEND} and not said.is_scan and says
    things = split_off_first(said, session.rules) if dictated else None
    if things is not None and _are_others(session, things):
        # The recogniser's alternatives were of the whole; and "pallet 742, pallet 743" may be one name, said anew.
        if any(one.calibrated for one in said.fields.values()) or _may_restate_name(things[0], said, session.rules):
            session.needs_yes.add(utterance.utterance_id)
        return replace(utterance, reading=things[0], behind=(things[1], *utterance.behind))
    if not dictated:
        return _reject_correction_before_name(session, utterance)
    unnamed = not named and session.state in QUESTIONS and split_if_several(said, session.rules)
    unclear = unnamed or names_several_unclearly(said, session.rules) or corrects_one_of_several(said, session.rules)
    if unclear and not utterance.behind:
        return _as_not_understood(utterance)  # Of which of them its values are, or which it replaces, is not known.
    if not named:
        _doubt_contradiction_behind_closing(session, said)
        return utterance
    if draft is not None and draft.act is not Act.CONTEXT and is_open:
        return _split_off_third_name(session, utterance) or _split_off_open_thing(session, utterance, draft)
    _doubt_what_may_be_of_last(session, utterance)
    return utterance


def _may_restate_name(first: Reading, said: Reading, rules: Rules) -> bool:
    """Whether the first of several things is a name alone, and no "and" parts it from the next."""
    joins = ((normalize_word(word.text),) in rules.language.words["conjunctions"] for word in said.words)
    return without_inherited(first).fields.keys() <= {*rules.identifying_fields} and not any(joins)


def _reject_correction_before_name(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard:
    """The utterance as not understood, where it is no entry, and says the name of another thing that is known.

    "742 was 23 cases, then pallet 744, 30 cases": what is said of which of them is not known.
    """
    said = replace(utterance.reading, fields=utterance.reading.unrecorded)
    others = _list_names_before(session, said) if said.fields else set()
    if not says_one_of({*map(str, others)}, said.words, session.rules):
        return utterance
    return _as_not_understood(utterance)


def _as_not_understood(utterance: UtteranceHeard) -> UtteranceHeard:
    """The utterance without what was read of it: it is to be said again."""
    said = replace(utterance.reading, fields={}, unrecorded={}, not_understood=NotUnderstoodReason.NOT_DICTATION)
    return replace(utterance, reading=replace(said, act=Act.RECORD))


def _doubt_contradiction_behind_closing(session: DialogueSession, said: Reading) -> None:
    """Require a yes for the open entry where words that end it stand before another value of it: "then eight cases"."""
    draft, first = session.draft, {one.words[0] for one in said.fields.values() if one.words}
    if draft is None or session.topic is Topic.WRONG:
        return
    if not any(rest[0].text in first for rest in words_behind_closing(said.words, session.rules)):
        return
    known = values_of(draft.reading)
    if any(known.get(name, value) != value for name, value in values_of(said).items()):
        session.needs_yes.add(draft.utterance_id)


def _split_off_third_name(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard | None:
    """The utterance as an answer, with a third name behind it: "next 744" to "743 next, or 743 instead of 742?"."""
    said, other = utterance.reading, session.current_question.other
    split = split_at_leading_next(said.words, session.rules)
    if split is None or other is None or session.relate_to_claim(said, other) is not Relation.NAME:
        return None
    answer = read_part(said, split[0], session.rules)
    return replace(utterance, reading=answer, behind=(said, *utterance.behind))


def _split_off_open_thing(session: DialogueSession, utterance: UtteranceHeard, draft: Draft) -> UtteranceHeard:
    said, rules = utterance.reading, session.rules
    parts = split_before_name(said, draft.reading, rules)
    if parts is None:
        return utterance
    is_answer = session.topic is Topic.FIELD and session.current_question.field in parts.before.fields
    if _is_one_sentence(session, parts):
        session.needs_yes |= {utterance.utterance_id} if is_answer else set()  # The answer may be of the open one.
        return utterance
    before = _read_answer_before(session, parts.before)
    if (answer := _read_as_yes_or_no(session, parts) or _read_as_no_value(session, parts, before)) is not None:
        return replace(utterance, reading=answer, behind=(parts.behind, *utterance.behind))
    leading = _list_leading_fields(rules, is_closed=parts.is_closed)
    gives = _gives_open_thing(session, before, leading) or contradicts_open_while_next_waits(session, before)
    if is_correction(said.words, rules.language):
        gives = _corrects_open_thing(said, parts, rules)
    ends = parts.is_closed or (parts.is_apart and (is_answer or _says_more(parts.behind, rules)))
    if gives and ends:
        return replace(utterance, reading=before, behind=(parts.behind, *utterance.behind))
    own = said.fields.keys() - parts.behind.fields.keys() - (set() if parts.is_closed else leading)
    refers = not leading.isdisjoint(before.fields) and not _is_leading(before, rules)
    if refers or (own and (gives or ends)):
        session.needs_yes.add(utterance.utterance_id)
    return utterance


def _are_others(session: DialogueSession, things: Iterable[Reading]) -> bool:
    """Whether nothing is open, or an entry is held that is none of these things."""
    if session.draft is None:
        return session.state is State.IDLE
    another = {Relation.ANOTHER, Relation.NAME}
    others = session.draft.act is Act.CONTEXT or all(session.relate_to_claim(one) in another for one in things)
    return session.state is State.HELD and others


def _doubt_what_may_be_of_last(session: DialogueSession, utterance: UtteranceHeard) -> None:
    """Require a yes for what is closed off before another name while nothing is open: it may be of the last entry.

    "Three damaged and then pallet 743, eight cases" behind 742, or "that's wet, pallet 743"; not where the next thing
    lacks it.
    """
    rules, last = session.rules, session.recorded.last
    parts = None if last is None else split_before_name(utterance.reading, last.draft.reading, rules)
    if parts is None or session.state is not State.IDLE:
        return
    own = parts.before.fields.keys() - _list_leading_fields(rules, is_closed=parts.is_closed)
    lacks = rules.form.required_fields - parts.behind.fields.keys()
    ends = parts.is_closed or begins_with_pointer(parts.before, rules)
    if ends and own and lacks.isdisjoint(own):
        session.needs_yes.add(utterance.utterance_id)


def _says_more(behind: Reading, rules: Rules) -> bool:
    return not behind.fields.keys() <= {*rules.identifying_fields}


def _is_one_sentence(session: DialogueSession, parts: BeforeName) -> bool:
    """Whether it is a sentence that lacks a value without its beginning: "ten units, pallet 503", over what is held.

    Where something is asked, that may be an answer; not "dock D, pallet 503, ten units".
    """
    rules = session.rules
    lacks = rules.form.required_fields - parts.behind.fields.keys()
    is_other = session.state is State.HELD or _says_more(parts.behind, rules)
    return is_other and not parts.is_closed and not lacks.isdisjoint(parts.before.fields)


def _read_as_yes_or_no(session: DialogueSession, parts: BeforeName) -> Reading | None:
    """The reading of a yes or no before a name, where the question asks for one; None for all else.

    "No, trailer 5825" over 5824 may be that one, misheard.
    """
    command = parse_command(parts.before.words, session.rules.language)
    if parts.before.fields or command is None or not asks_yes_or_no(session):
        return None
    is_name = command.act is Act.NO and next_or_instead.may_correct_identifier(session, parts.behind)
    is_answer = command.act in {Act.YES, Act.NO} and not is_name
    if is_answer and command.act is Act.NO and session.topic is Topic.FIELD and len(parts.before.words) == 1:
        session.needs_yes.add(session.open_draft.utterance_id)  # "No, trailer 5502" over "Is it sealed?" may correct.
    return replace(parts.before, act=command.act) if is_answer else None


def _read_as_no_value(session: DialogueSession, parts: BeforeName, before: Reading) -> Reading | None:
    """What is said before a name to a question, and is no value: "61, then 743" to check digits, "dunno, then 743".

    None for all else. But for the right digits, what the open entry gets then needs a yes: it may be of the next one.
    """
    question, rules = session.question, session.rules
    asks = session.topic is Topic.PROOF or (question is not None and question.about in OF_VALUE)
    proves = session.topic is Topic.PROOF and answers.proves_place(session, before.words)
    ends = parts.is_closed or proves  # What names a place behind the right digits of another is of the next thing.
    if not asks or not ends or before.fields or is_correction(before.words, rules.language):
        return None
    if not proves:
        session.needs_yes.add(session.open_draft.utterance_id)
    return before


def _read_answer_before(session: DialogueSession, part: Reading) -> Reading:
    """The reading of words before a name: without fields as an exception of the form, or an answer: "24, then 743"."""
    question, rules = session.question, session.rules
    found = {} if part.fields else parse_exception(part.words, rules.form, rules.language)
    if found:
        return replace(part, fields=found, act=Act.AMEND)
    asked = question.field if question is not None and question.about in OF_VALUE and not part.fields else None
    answer = part if asked is None else read_as_answer_to(asked, part, rules)
    return replace(answer, act=Act.RECORD)


def _corrects_open_thing(said: Reading, parts: BeforeName, rules: Rules) -> bool:
    """Whether a correction of values alone is ended by words that begin the next thing: "no, 23 cases, then 743"."""
    gap = said.words[len(parts.before.words) : len(said.words) - len(parts.behind.words) + 1]
    names = {*rules.identifying_fields, *rules.form.standing_fields}
    return bool(parts.before.fields.keys() - names) and split_at_leading_next(gap, rules) is not None


def _list_leading_fields(rules: Rules, *, is_closed: bool) -> set[str]:
    """The fields that often come before a name: "trailer 5502, pallet 743", "item A100, pallet 743".

    Behind a closing word those alone that then hold for all that follow: not "item A100, that's it, pallet 743".
    """
    form = rules.form
    if is_closed:
        return set() if form.is_identified_by_context else {*form.standing_fields}
    return {*form.standing_fields, *(name for name in rules.identifying_fields if not form[name].required)}


def _is_leading(before: Reading, rules: Rules) -> bool:
    """Whether it is a value and no more, or tells the place: not "item A200 on that", "that's item A200"."""
    if not before.fields.keys() <= {*rules.form.standing_fields}:
        return has_no_other_words(before)
    return states_context(before, rules) and not begins_with_pointer(before, rules)


def _gives_open_thing(session: DialogueSession, said: Reading, leading: set[str]) -> bool:
    """Whether it gives what the open thing lacks or is asked for, and contradicts nothing that is known of it.

    Nothing but leading fields that are not asked for is of the next thing.
    """
    question, form, known = session.question, session.rules.form, values_of(session.open_draft.reading)
    if session.another_unclear or session.current_question.other is not None:
        return False
    asked = question.field if question is not None and question.about in OF_VALUE else None
    new = {name for name in said.fields if name not in known or name == asked}
    others = {name for name in said.fields.keys() - new if form[name].unit_of not in new}
    return not new <= leading - {asked} and all(values_of(said).get(name) == known[name] for name in others)


def find_said_next(session: DialogueSession) -> Draft | None:
    """The first draft that waits since it was said behind another one; not one that was open before."""
    return next((one for one in session.queue.drafts if one.utterance_id not in session.needs_yes), None)


def contradicts_open_while_next_waits(session: DialogueSession, said: Reading) -> bool:
    """Whether values without a name contradict the open thing, while another waits: no answer, and no correction."""
    queued, question = find_said_next(session), session.question
    is_answer = question is not None and (question.about is Topic.WRONG or question.field in said.fields)
    is_answer |= session.current_question.other is not None
    is_open = session.state is State.HELD or (session.state in QUESTIONS and not is_answer)
    if not is_open or queued is None:
        return False
    plain = said.act is Act.RECORD and not (said.is_scan or is_correction(said.words, session.rules.language))
    known, values, next_ones = (
        values_of(session.open_draft.reading),
        values_of(said),
        values_of(without_inherited(queued.reading)),
    )
    contradicts = any(known.get(name, value) != value for name, value in values.items())
    of_next = all(next_ones.get(name, value) == value for name, value in values.items())
    relation, waits_for_values = session.relate_to_claim(said), next_ones.keys() <= {*session.rules.identifying_fields}
    unnamed = waits_for_values and next_ones.keys().isdisjoint(values)  # "Front minus 19", while a trailer waits.
    of_open = {Relation.NONE, Relation.SAME} if unnamed else {Relation.NONE}
    another = relation is Relation.ANOTHER and unnamed
    return plain and of_next and (another or (contradicts and relation in of_open))


def queue_next(session: DialogueSession, utterance: UtteranceHeard, taken: list[Order]) -> list[Order]:
    """The orders of a step that took what is of the first thing, with what follows it queued behind it.

    Where that step opened a claim of this utterance, the next thing has a copy of the utterance.
    """
    if not utterance.behind:
        waiting_context.queue(session, utterance, utterance.utterance_id)
        return taken
    other = session.current_question.other
    claims = {one.utterance_id for one in (session.draft, other) if one is not None}
    claims |= {order.utterance_id for order in taken if isinstance(order, Park)}
    claims |= {order.draft.utterance_id for order in taken if isinstance(order, Commit)}
    until = utterance.utterance_id if utterance.utterance_id in claims else None
    *before, last = [replace(utterance, reading=one, behind=(), context_behind=None) for one in utterance.behind]
    # "..., then pallet 743, then pallet 744, then trailer 5502."
    place = utterance.context_behind
    parts = [
        *before,
        *(what_follows.split_names(session, last) if place is None else [replace(last, context_behind=place)]),
    ]
    orders, lasting = [*taken], dict[str, FieldReading]()
    for one in parts:
        doubted = drafting.read_with_acoustic_doubts(session, one)
        inherited = {name: place for name, place in lasting.items() if name not in doubted.fields}
        whole = replace(doubted, fields={**doubted.fields, **inherited})
        said = context.fill_unless_other_trailer(session, whole)
        places = {name: doubted.fields[name] for name in leads_to_place(doubted, session.rules)}
        places |= {} if one.context_behind is None else one.context_behind.fields
        said_in = (one.utterance_id,)
        lasting |= {name: replace(place, words=(), said_in=said_in) for name, place in places.items()}
        orders += parking.queue_entry(session, one, said, behind=until)
        until = session.queue.drafts[-1].utterance_id
        waiting_context.queue(session, one, until)
    return orders
