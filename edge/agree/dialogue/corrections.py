"""Corrections: the steps that change the open entry, or begin the next one behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dockvoice_protocol.forms.spoken import begins_with_no, is_correction, leading_cue, read_fields
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.tokens import tokenize
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, as_text
from edge.agree.dialogue import (
    amendments,
    claims,
    context,
    drafting,
    next_or_instead,
    parking,
    reference,
    repeating,
    take_back,
)
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic, hold_if_accepted
from edge.agree.dialogue.session import Addition, DialogueSession, list_known_things
from edge.agree.dialogue.table import State
from edge.agree.expectations import list_condition_fields
from edge.agree.merging import agreement_mark, read_correction_of_number, with_fields, with_reading, with_support
from edge.agree.off_talk import begins_with_foreign_words, find_fields_worded_as_talk, has_only_fields, has_remark
from edge.agree.one_breath import names_several
from edge.agree.readings import (
    SHORTEST_NAME,
    find_differing_identifiers,
    has_no_values,
    likely_values,
    names_unclearly,
    possible_values,
    split_at_leading_next,
    values_of,
    with_unconfirmed,
    without_inherited,
    without_joining_and,
)
from edge.agree.unclear_numbers import count_digits, is_long_number
from edge.records import Cause, Note, Outcome, Park, Reason, Verdict


def begin_next_or_correct_held(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin the next entry with a complete sentence over a held one, unless it corrects the held one."""
    relation = session.relate_to_claim(utterance.reading)
    if relation in {Relation.NONE, Relation.SAME}:
        takes_back = is_correction(utterance.reading.words, session.rules.language)
        anew = relation is Relation.SAME and _changes_several_fields(session, utterance.reading)
        anew = not takes_back and (anew or _may_tell_more(session, utterance, relation))
        return ask_if_replaces_open(session, utterance) if anew else replace_open_draft(session, utterance)
    if drafting.is_sure_correction(session, utterance):
        return correct_recorded_entry_if_named(session, utterance) or (
            drop_and_begin(session, utterance)
            if may_rename_open_claim_unasked(session, utterance.reading, complete_sentence=True)
            and not _leaves_out_values(session, utterance.reading)
            else ask_if_replaces_open(session, utterance)
        )
    if is_correction(utterance.reading.words, session.rules.language):
        return ask_if_replaces_open(session, utterance)
    if relation is Relation.NAME and next_or_instead.may_correct_identifier(session, utterance.reading):
        return next_or_instead.ask_next_or_instead(
            session, utterance, drafting.read_with_acoustic_doubts(session, utterance)
        )
    return _commit_or_queue_and_begin_next(session, utterance)


def _leaves_out_values(session: DialogueSession, reading: Reading) -> bool:
    """Whether the open entry has values that the sentence does not say anew: "two damaged" would vanish."""
    own = {name for name in values_of(without_inherited(session.open_draft.reading)) if name in session.values}
    return not own <= reading.fields.keys()


def _commit_or_queue_and_begin_next(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Commit the held entry, which was read back, and begin the next.

    If something said over it may have been a "no", it is queued behind the next one instead.
    """
    named = session.named_again
    left = next_or_instead.commit_or_queue_held(session, utterance.reading)
    session.named_again = named
    return [*left, *drafting.begin_entry(session, utterance)]


def put_named_utterance_under_review(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Park an utterance about another thing that is no entry, and tell the operator.

    The open draft is left as for a next entry; behind a word of correction it is asked about, or its question is.
    """
    said = utterance.reading
    named = replace(utterance, reading=replace(said, fields=said.unrecorded or said.fields, not_understood=None))
    takes_back = drafting.is_sure_correction(session, utterance)
    session.doubted |= takes_back  # It may object to what was read back.
    draft = drafting.build_draft(session, named)
    if session.draft is None:
        left = []
    elif session.state is State.HELD:
        left = next_or_instead.commit_or_queue_held(session, named.reading)
    elif context.is_between_entries(session):
        left = parking.drop_open_question(session)
    else:
        left = [] if takes_back else parking.queue_or_park_asked(session, named.reading, utterance.utterance_id)
    parked = Park(utterance.utterance_id, parking.UNANSWERED, values_of(named.reading), draft)
    asked = [] if session.question is None else repeating.repeat_question(session)
    return [*left, parked, *parking.announce_parked(session, named.reading), *asked]


def correct_held(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Correct a held entry with a partial sentence; after words that fit no field that may be talk."""
    reading = without_joining_and(
        drafting.read_with_acoustic_doubts(session, utterance), session.open_draft.reading, session.rules
    )
    relation, takes_back = session.relate_to_claim(reading), drafting.is_sure_correction(session, utterance)
    beside = relation in {Relation.ANOTHER, Relation.NAME} and next_or_instead.says_beside(session, reading)
    takes_back &= not beside
    if not takes_back and not begins_with_foreign_words(reading, session.rules):
        several = relation is Relation.NAME and names_several(utterance.reading, session.rules)
        if relation is Relation.ANOTHER or several or (relation is Relation.NONE and session.another_unclear):
            return _commit_or_queue_and_begin_next(session, utterance)
        if relation is Relation.NAME:
            return next_or_instead.ask_next_or_instead(session, utterance, reading)
    if _may_be_talk(session, reading, takes_back=takes_back) or _has_unclear_name(session, reading):
        return drafting.ask_to_repeat_possible_no(session, utterance)
    named = tell_of_other(session, utterance, reading) or correct_recorded_entry_if_named(session, utterance)
    if named := named or _ask_if_replaced(session, utterance, reading):
        return named
    again = (
        reading.fields.keys() < {*session.rules.identifying_fields}
        and reading.fields.keys() <= session.open_identifiers.keys()
    )
    revised = merge_correction(session, utterance, reading)
    if relation is Relation.NONE and not takes_back and session.state is State.HELD:
        session.denied_identifiers = frozenset(name for name in reading.fields if session.rules.form[name].required)
    if again and not takes_back:
        said_in = (utterance.utterance_id,)
        session.named_again = {name: replace(one, said_in=said_in) for name, one in reading.fields.items()}
    return revised


def tell_of_other(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Tell of the thing that is named what was told of another: "742 is wet", "no, 743"; empty for all else.

    The other stays as it was. What is told is what the open amendment changes, or was added last, and what is said with
    the name; it rests on the words that told it. Who named a record himself renames it by no other name: that begins an
    entry.
    """
    draft, named, added = session.open_draft, session.identifiers_of(likely_values(reading)), session.last_addition
    amends = draft.act is Act.AMEND
    is_known = reference.find_known(session, named) is not None
    repeats = added is not None and _repeats_addition(session, reading, added)
    is_told = amends or (added is not None and (added.named or is_known or repeats))
    if named.items() <= session.open_identifiers.items() or not is_told:
        return []
    known = draft.reading.fields
    by_name = not amends or all(name in known and known[name].said_in == (draft.utterance_id,) for name in named)
    moves = drafting.is_sure_correction(session, utterance) and _moves_what_was_told(session, reading)
    moves &= session.state is State.HELD or by_name
    if not (moves or (by_name and session.topic is Topic.WRONG)):
        return []
    if not is_known and (amends or (added and not (added.waited or repeats))):
        return _begin_beside_remark(session, utterance) if amends and by_name else []
    was = {} if amends or added is None else values_of(added.before.reading)
    before = () if amends or added is None else added.before.utterances
    tells = tuple(one for one in draft.utterances if one not in before)
    changed = context.find_fields_amended(session, draft) if amends else _fields_added(session, was)
    own, names = without_inherited(reading).fields, {*session.rules.identifying_fields}
    told = {name: replace(known[name], said_in=known[name].said_in or tells) for name in changed - names}
    if any(name in own and own[name].value != one.value for name, one in told.items()):
        return []  # Something else is told of the other one.
    sure = {name: replace(own[name], value=value) for name, value in named.items() if name in own}
    said = replace(reading, fields={**told, **own, **sure}, act=Act.AMEND, not_understood=None)
    meant = replace(utterance, reading=said)
    left = _leave_amendment(session) if added is None or amends else take_back.leave_as_before(session, added)
    if is_known:
        orders = amendments.correct_named_or_last(session, meant)
    else:
        session.needs_yes.add(utterance.utterance_id)
        orders = drafting.begin_entry(session, replace(meant, reading=replace(said, act=Act.RECORD)))
    for one in tells if session.draft is not None else ():
        session.draft = with_support(session.open_draft, one)
    return [*left, *orders]


def _repeats_addition(session: DialogueSession, reading: Reading, added: Addition) -> bool:
    """Whether it says anew what was added last, and no more than a name besides: "wet", "no, pallet 743 is wet"."""
    names = {*session.rules.identifying_fields}
    own = {name: one for name, one in values_of(without_inherited(reading)).items() if name not in names}
    before = values_of(added.before.reading).items()
    return bool(own) and own.items() <= values_of(session.open_draft.reading).items() - before


def _leave_amendment(session: DialogueSession) -> list[Order]:
    """Leave the open amendment of a record; its words tell of another thing."""
    draft = session.open_draft
    session.recorded.in_review = session.recorded.in_review.without(draft.utterance_id)
    session.close_draft()
    return [Note(draft.utterance_id, draft.reading, Verdict(Outcome.HEED, (Cause(Reason.ANSWER),), {}))]


def _fields_added(session: DialogueSession, before: Mapping[str, FieldValue]) -> set[str]:
    """The fields of the open draft that have another value than before."""
    return {name for name, value in values_of(session.open_draft.reading).items() if before.get(name) != value}


def renames_what_was_told(session: DialogueSession, reading: Reading) -> bool:
    """Whether it says of which other thing it was what is told now: "742 is wet", "no, 743"."""
    added, named = session.last_addition, session.identifiers_of(likely_values(reading))
    is_told = session.draft is not None and (session.draft.act is Act.AMEND or (added is not None and added.named))
    return (
        is_told
        and bool(named)
        and is_correction(reading.words, session.rules.language)
        and _moves_what_was_told(session, reading)
    )


def _moves_what_was_told(session: DialogueSession, reading: Reading) -> bool:
    """Whether it says what it was told of: "no, 743". "743 is wet" tells more, of that."""
    language, own = session.rules.language, without_inherited(reading).fields
    alone = own.keys() <= {*session.rules.form.identifies}
    return begins_with_no(reading.words, language) or (alone and is_correction(reading.words, language))


def _begin_beside_remark(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin an entry; what was told of another one, and is objected to, is left in review."""
    session.needs_yes.add(utterance.utterance_id)
    return [*parking.park_draft(session), *drafting.begin_entry(session, utterance)]


def _has_unclear_name(session: DialogueSession, reading: Reading) -> bool:
    """Whether it names a thing that was not understood, where the open one has a name: it may be of another."""
    named = (reading.fields[name] for name in session.open_identifiers if name in reading.fields)
    return any(not (possible_values(one) or one.denied) and count_digits(one.words, session.rules) for one in named)


def may_rename_open_claim_unasked(
    session: DialogueSession, reading: Reading, *, complete_sentence: bool = False
) -> bool:
    """Whether a correction may rename the open claim without a question; True without a claim.

    Never without a word of correction, with words that mean nothing for the form, where the claim replaces an entry on
    record, or to a thing that was recorded or parked. A complete sentence may if its identifier sounds like the one
    that was read back, and it says no other value of it anew: the next pallet on a trailer has the next number.
    """
    draft = session.draft
    if draft is None or session.recorded.replaces_recorded_entry(draft) or _renames_to_known(session, reading):
        return draft is None
    known, said = values_of(draft.reading), values_of(reading)
    other = said.keys() - {*find_differing_identifiers(draft.reading, reading, session.rules.identifying_fields)}
    same = all(known.get(name, said[name]) == said[name] for name in other)
    texts = [token.text for token in tokenize(reading.words, session.rules.language)]
    dropped = bool(session.rules.language.words["drops"].ends(texts, 0))  # "Scratch that, pallet 743, ..."
    objects = dropped or session.topic is Topic.WRONG or is_correction(reading.words, session.rules.language)
    tells = not {one.name for one in list_condition_fields(session.rules.form)}.isdisjoint(said)
    if not objects or (tells and not (complete_sentence and same)) or has_remark(reading, session.rules):
        return False  # "743, not 742": 742 may be right; "no, 743 is wet": that may be beside it.
    alike = complete_sentence and (same or dropped) and next_or_instead.may_correct_identifier(session, reading)
    return alike or claims.may_rename(draft.reading, reading, session.rules.identifying_fields)


def _renames_to_known(session: DialogueSession, reading: Reading) -> bool:
    """Whether the name that it would give the open claim was recorded or parked, also with another item."""
    of = session.rules.identifying_fields
    renamed = {*find_differing_identifiers(session.open_draft.reading, reading, of), *session.needed_identifiers}
    named = session.identifiers_of(values_of(reading))
    return session.is_recorded_or_in_review({name: value for name, value in named.items() if name in renamed})


def correct_recorded_entry_if_named(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Correct an entry on record, or in review, that the utterance names; empty for any other utterance.

    It does not object to the open entry. Over a question the correction is committed with its readback and the question
    is repeated, since the next utterance answers that.
    """
    heard, utterance = utterance, _read_against_record(session, utterance)
    named, relation = session.find_own_entry(values_of(utterance.reading)), session.relate_to_claim(utterance.reading)
    meant = relation is Relation.ANOTHER or session.open_draft.act is Act.CONTEXT
    put_aside = named is None and _names_draft_put_aside(session, utterance.reading)
    if named is None and not put_aside:  # "743, not 742", and 742 is not the open one
        named = amendments.find_corrected_entry(session, utterance.reading)
        denied = {value for one in utterance.reading.fields.values() for value in one.denied}
        meant |= relation is Relation.NAME and denied.isdisjoint(session.open_identifiers.values())
        meant &= named is None or not session.open_identifiers.items() <= named.fields.items()
    is_known = named is not None or put_aside
    if not (meant and drafting.is_sure_correction(session, utterance) and is_known):
        return []
    correction = replace(utterance, reading=without_inherited(utterance.reading))
    replaced = session.recorded.find_replaced_event(session.open_draft)
    of_replaced = {replaced, session.recorded.find_applied_event(replaced)}
    if named is not None and named.event_id in of_replaced:  # it takes back the open correction
        open_one = session.topic is Topic.INSTEAD  # ... which may be an entry of its own
        left = parking.park_draft(session) if open_one else parking.drop_draft(session)
        return [*left, *amendments.correct_named_or_last(session, correction)]
    if session.question is None:
        # What is meant by a value that it has was not named: it may be an objection to the open entry.
        own = without_inherited(heard.reading).fields
        said = [own.get(name) for name in session.rules.identifying_fields]
        doubted = session.doubted or any(one is not None and not one.words for one in said)
        doubted |= named is not None and amendments.has_part_of_name(session, named, correction.reading)
        left = parking.queue_or_park_open_draft(session) if doubted else drafting.commit_draft(session)
        return [*left, *amendments.correct_named_or_last(session, correction)]
    draft, verdict, question = session.open_draft, session.verdict, session.current_question
    session.close_draft()
    corrected = amendments.correct_named_or_last(session, correction)
    asks = session.draft is not None and session.state is not State.HELD
    if asks:
        amended = session.draft, session.verdict, session.question, session.state
        session.draft, session.verdict, session.question = draft, verdict, question
        left = parking.queue_or_park_open_draft(session)
        session.draft, session.verdict, session.question, session.state = amended
        return [*left, *corrected]
    committed = [] if session.draft is None else drafting.commit_draft(session)
    session.draft, session.verdict = draft, verdict
    return [*corrected, *committed, *session.ask(question)]


def _read_against_record(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard:
    """The utterance, read against the entry on record that it names with the open one's place: "no, rear, minus 16".

    Not where it may rename the open one.
    """
    said, rules = utterance.reading, session.rules
    own = session.identifiers_of(likely_values(without_inherited(said)))
    is_whole = own.keys() >= {*session.needed_identifiers} or session.relate_to_claim(said) is not Relation.ANOTHER
    if is_whole or claims.may_rename(session.open_draft.reading, said, rules.identifying_fields):
        return utterance
    name = session.open_identifiers | own
    record = session.find_own_entry(name)
    if record is None:
        return utterance
    fields = read_fields(said.words, rules.form, rules.catalogue, rules.language, held=record.fields)
    named = {one: FieldReading(value, (), 1.0) for one, value in name.items()}
    return replace(utterance, reading=replace(said, fields={**named, **fields}, preface=(), not_understood=None))


def _names_draft_put_aside(session: DialogueSession, reading: Reading) -> bool:
    """Whether it names an entry in review, other than the open question's other one, and cannot rename the open one."""
    corrects = is_correction(reading.words, session.rules.language)
    if corrects and claims.may_rename(session.open_draft.reading, reading, session.rules.identifying_fields):
        return False
    aside, question = reference.find_put_aside(session, session.identifiers_of(values_of(reading))), session.question
    asked = None if question is None or question.other is None else question.other.utterance_id
    return aside is not None and aside.act is Act.RECORD and aside.utterance_id != asked


def _ask_if_replaced(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Ask whether a correction with another identifier renames the open entry; empty where it need not be asked.

    Or whether several values, said anew without a word of correction, are in place of its own: they may be of more.
    """
    relation = session.relate_to_claim(reading)
    differs = relation in {Relation.ANOTHER, Relation.NAME} and not may_rename_open_claim_unasked(session, reading)
    if differs or (relation is Relation.SAME and _shares_more_with_record(session, reading)):
        return ask_if_replaces_open(session, utterance)
    adds = relation in {Relation.NONE, Relation.SAME} and not drafting.is_sure_correction(session, utterance)
    several = relation is Relation.NONE and _changes_several_fields(session, reading)
    if _was_identified_later(session) or not (adds and (several or _may_tell_more(session, utterance, relation))):
        return []  # Where the names come last, they are of the next thing.
    return ask_if_replaces_open(session, replace(utterance, reading=_with_open_name(session, reading)))


def _with_open_name(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as of the open thing."""
    draft = session.open_draft
    by = draft.utterances
    named = [name for name in session.open_identifiers if name not in reading.fields]
    own = {name: replace(draft.reading.fields[name], said_in=by) for name in named}
    return replace(reading, fields={**own, **reading.fields})


def merge_correction(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Merge a correction into the open entry.

    After a number that was not understood it may belong to that one: then ask until the operator says yes.
    """
    if session.breath.is_continued_by(reading, session.rules):
        drafting.doubt_cut_number(session, reading)
    draft = session.open_draft
    goes_on = session.doubted_number  # it may belong to what was not understood
    takes_back = drafting.is_sure_correction(session, utterance)
    of_another = reference.may_be_of_another(session, reading, takes_back=takes_back)
    if session.find_own_entry(values_of(reading)) is not None:
        session.require_yes_if_partly_named(reading, draft)  # Another entry has this part of its name, too.
    reading = read_correction_of_number(draft.reading, reading, session.rules)
    reading = unconfirm_what_may_be_names(session, reading, takes_back=True)
    if of_another or (not takes_back and _may_be_of_more(session, reading)):
        session.needs_yes.add(draft.utterance_id)
    changed = with_fields(draft, reading.fields, utterance.utterance_id)
    if takes_back and (denied := _fields_a_no_may_deny(session, reading)):
        session.needs_yes.add(draft.utterance_id)
        left = {name: one for name, one in changed.reading.fields.items() if name not in denied}
        changed = replace(changed, reading=replace(changed.reading, fields=left))
    revised = drafting.revise_draft(session, utterance, changed)
    if not goes_on or session.state is not State.HELD:
        return revised
    session.doubted = session.doubted_number = True
    return [utterance.note_as_heeded(), *session.ask(session.entry_question)]


_NEAR = 100  # Numbers of things that follow one another differ by less.


def unconfirm_what_may_be_names(session: DialogueSession, reading: Reading, *, takes_back: bool) -> Reading:
    """The reading; a number as long as an identifier, without a unit, is unconfirmed where it may name a thing.

    Behind a "no" any such count may, "no, 951"; in an answer one that names a known thing, "How many?", "742", and any
    number that is near to the open one's: "744" behind pallet 743, also to "Which trailer?".
    """
    language, form = session.rules.language, session.rules.form
    cues = {word.text for word in leading_cue(reading.words, language)}
    bare = {
        name: as_text(one.value)
        for name, one in reading.fields.items()
        if one.value is not None
        and name not in session.rules.identifying_fields
        and all(word in cues or language.may_be_in_identifier(word) for word in one.words)
    }
    counts = {name for name in bare if is_long_number(reading.fields[name].value) and form[name].units}
    known = {name for name in counts if takes_back or _names_known_thing(session, bare[name])}
    near = {
        name for name in bare if (name in counts or form[name].spoken.spelt) and _is_near_open_name(session, bare[name])
    }
    return with_unconfirmed(reading, [*known | near])


def _is_near_open_name(session: DialogueSession, number: str) -> bool:
    """Whether it is near to the number of the open thing's name, or the end of that: 715 to item B714."""
    ends = (as_text(one)[-len(number) :] for one in session.open_identifiers.values())
    is_long = number.isdecimal() and len(number) >= SHORTEST_NAME
    return is_long and any(end.isdecimal() and abs(int(end) - int(number)) < _NEAR for end in ends)


def _names_known_thing(session: DialogueSession, number: str) -> bool:
    """Whether a number names the open thing, one that is announced, or one of this device's entries and reviews."""
    known = [session.open_identifiers, *list_known_things(session)]
    return any(number in one.values() for one in known) or bool(session.expected.lines_for_pallet(number))


def _changes_several_fields(session: DialogueSession, reading: Reading) -> bool:
    """Whether it changes several fields: "two cases wet" over three that are crushed.

    Or one, if the entry's identifier came last: then the next thing's values come before its identifier, too.
    """
    known, form = values_of(without_inherited(session.open_draft.reading)), session.rules.form
    units = {field.name for field in form.fields if field.unit_of}
    changed = {name for name, value in values_of(reading).items() if name in known and known[name] != value}
    return len(changed - units - set(form.identifies)) > (0 if _was_identified_later(session) else 1)


def _may_be_of_more(session: DialogueSession, reading: Reading) -> bool:
    """Whether it changes several fields, or one that was agreed to by a yes: it may be of another thing."""
    agreed, known, said = session.open_draft.agreed, values_of(session.open_draft.reading), values_of(reading)
    changed = {name: known[name] for name, value in said.items() if name in known and known[name] != value}
    is_agreed = any(agreement_mark(*one) in agreed for one in changed.items())
    return is_agreed or _changes_several_fields(session, reading)


def _may_tell_more(session: DialogueSession, utterance: UtteranceHeard, relation: Relation) -> bool:
    """Whether it may be true beside what the open thing has: "two wet" over two crushed, "6 pieces" over 12 cases.

    Or it says the name of that thing anew, as the next, with another seal, or without all of it: "next pallet 742".
    """
    known, said, form = values_of(session.open_draft.reading), values_of(utterance.reading), session.rules.form
    changed = {name for name, value in said.items() if name in known and known[name] != value} - {*form.identifies}
    states = {name for name in changed if form[name].choices}
    counts = {name for name in changed if known[name] and said[name]}  # No case is no piece.
    if any(form[name].unit_of in counts | {None} for name in states):
        return True
    seals = any(form[name].spoken.is_code and form[name].catalogue is None for name in changed)
    partly = bool(changed) and not session.open_identifiers.keys() <= said.keys()
    begins = split_at_leading_next(utterance.reading.words, session.rules) is not None
    return relation is Relation.SAME and (begins or seals or partly)


def _shares_more_with_record(session: DialogueSession, reading: Reading) -> bool:
    """Whether a record of the open thing, which lacks some of it, shares more with it: "three cases crushed", over wet.

    Whether it corrects that, or the open entry, is asked.
    """
    said, record = values_of(reading).items(), amendments.find_corrected_entry(session, reading)
    replaces = session.recorded.replaces_recorded_entry(session.open_draft)
    if record is None or replaces or said <= record.fields.items():
        return False
    return len(said & record.fields.items()) > len(said & values_of(session.open_draft.reading).items())


def _was_identified_later(session: DialogueSession) -> bool:
    """Whether an identifier of the open entry came in a later utterance than its first."""
    reading = session.open_draft.reading
    began = {fold(token.surface) for token in tokenize(reading.words, session.rules.language)}
    names = [reading.fields[name] for name in session.rules.identifying_fields if name in reading.fields]
    return any(fold(word) not in began for one in names for word in one.words)


def _fields_a_no_may_deny(session: DialogueSession, reading: Reading) -> set[str]:
    """The optional fields whose value a "no" may deny: "no, not wet" over wet."""
    held, form = values_of(without_inherited(session.open_draft.reading)), session.rules.form
    unclear = {name: one for name, one in reading.fields.items() if one.value is None and not one.rivals}
    denied = {name: possible_values(one) or one.denied for name, one in unclear.items()}
    return {name for name, values in denied.items() if held.get(name) in values and not form[name].required}


def _may_be_talk(session: DialogueSession, reading: Reading, *, takes_back: bool) -> bool:
    """Whether a correction of the held entry gives no value, or is worded as talk to others."""
    rules, known = session.rules, session.open_draft.reading.fields.keys()
    if begins_with_foreign_words(reading, rules, behind_cue=takes_back and reading.fields.keys() <= known):
        return True
    if has_no_values(reading) and not _fields_a_no_may_deny(session, reading):
        return True
    describes = _describes_known(session, reading)
    if not (takes_back or describes) and (not has_only_fields(reading, rules) or names_unclearly(reading, rules)):
        return True
    if describes:
        return False
    return bool(
        find_fields_worded_as_talk(reading, rules, held=values_of(without_inherited(session.open_draft.reading)))
    )


def _describes_known(session: DialogueSession, reading: Reading) -> bool:
    """Whether it tells more of a thing that it names, the open one or another known: "741 is wet" over 742, or 741."""
    if is_correction(reading.words, session.rules.language):
        return False
    relation, said = session.relate_to_claim(reading), values_of(reading)
    if relation is Relation.SAME:
        return said.keys() == reading.fields.keys() and {*session.needed_identifiers} <= said.keys()
    of_another = reading.act is Act.AMEND and relation is Relation.ANOTHER
    return of_another and reference.find_known(session, said) is not None


def remove_denied_identifier(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Remove an identifier that the operator denies, "it's not 742", and ask for it; empty where none is denied."""
    fields = session.open_draft.reading.fields
    denied = {
        name
        for name, one in reading.fields.items()
        if one.value is None and session.open_identifiers.get(name) in one.denied
    }
    if not denied:
        return []
    left = {name: one for name, one in fields.items() if name not in denied}
    draft = replace(session.open_draft, reading=replace(session.open_draft.reading, fields=left))
    return drafting.revise_draft(session, utterance, with_support(draft, utterance.utterance_id))


def replace_open_draft(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Replace the open draft by a complete sentence; sure values of other fields stay: "two damaged"."""
    draft, reading = session.open_draft, drafting.read_with_acoustic_doubts(session, utterance)
    sure = {name: one for name, one in draft.reading.fields.items() if one.value is not None and not one.rivals}
    anew = {name: one for name, one in reading.fields.items() if not (one.is_inherited and name in sure)}
    whole = with_reading(draft, replace(reading, fields={**sure, **anew}), utterance.utterance_id)
    return drafting.revise_draft(session, utterance, whole)


def drop_and_begin(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Drop the open entry and begin another thing with the sentence; revise it instead if it replaces one on record.

    A place that was said with the one that is dropped holds on where the other one has it.
    """
    draft = session.open_draft
    if session.recorded.replaces_recorded_entry(draft):
        return replace_open_draft(session, utterance)
    own, said = draft.reading.fields, values_of(utterance.reading)
    lasting = {*context.find_fields_becoming_context(session, draft)} - {*session.rules.identifying_fields}
    kept = {name: own[name] for name in lasting if said.get(name) == own[name].value}
    if kept:
        context.set_fields_in_context(session, kept, draft.utterance_id)
    return [*parking.drop_draft(session), *drafting.begin_entry(session, utterance)]


def ask_if_replaces_open(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask whether another thing after a word of correction replaces the open entry."""
    # A missing yes, or an objection, must survive the other question.
    session.doubted |= session.topic in {Topic.ENTRY_RIGHT, Topic.WRONG} or drafting.is_sure_correction(
        session, utterance
    )
    other = drafting.build_draft(session, utterance)
    values = likely_values(other.reading)
    before = amendments.find_first_difference(session, likely_values(session.open_draft.reading), values)
    question = Question(Topic.INSTEAD, fields=values, other=other, before=before)
    besides = parking.announce_other_draft_in_review(session)
    parked = Park(other.utterance_id, parking.UNANSWERED, values, other)
    return [utterance.note_utterance(hold_if_accepted(utterance.verdict)), parked, *besides, *session.ask(question)]
