"""Rereading: an utterance as it is meant in the dialogue, before the table selects its step.

A sentence that describes, adds to, or points at an entry is a correction of that; a number that a pause may have cut is
unconfirmed; the standing context is filled in. Pure: nothing of the session changes but the number that was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.spoken import (
    is_correction,
    is_listed_command,
    last_entry_cue,
    names_by_position,
    read_fields,
    says_all_is_well,
    without_cue,
    words_behind_pointer,
    words_behind_yes,
)
from dockvoice_protocol.forms.spoken.account import Sense, account_for
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.records import Act, FieldReading, NotUnderstoodReason, Reading, Word, as_text
from edge.agree.decide import Rules
from edge.agree.dialogue import (
    claims,
    context,
    context_reading,
    next_or_instead,
    reference,
    same_again,
    trailers,
    yes_no_answers,
)
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Topic
from edge.agree.dialogue.session import DialogueSession, list_known_things, list_own_standing_entries
from edge.agree.dialogue.table import State
from edge.agree.expectations import list_condition_fields
from edge.agree.merging import find_fields_with_another_old_value, read_as_answer_to
from edge.agree.off_talk import has_only_fields
from edge.agree.one_breath import doubt_values_before_name, split_if_several
from edge.agree.readings import (
    SHORTEST_NAME,
    has_no_values,
    likely_values,
    mark_partial_recount,
    possible_values,
    read_part,
    values_of,
    with_unconfirmed,
    without_inherited,
)
from edge.agree.unclear_numbers import read_number_as_place, read_stray_names
from edge.records import Draft, LastEntry


def read_in_context(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard:
    """The utterance, read in the context of the dialogue.

    A number that a pause may have cut in two is marked unconfirmed. While a question is open, a long silence does not
    end the sentence: an answer still belongs to it.
    """
    if utterance.reading.is_scan:
        return _fill_in_context(session, utterance, utterance.reading, utterance.reading)
    if (command := _read_as_command_with_place(session, utterance)) is not None:
        return replace(utterance, reading=command)
    if session.question is None and session.breath.is_long_ago(utterance.began):
        session.breath.forget()
    reading, part = utterance.reading, mark_partial_recount(utterance.reading, session.rules)
    # Behind records "all of them wet" is of any of them.
    if part is not reading and (session.draft is not None or _counts_part(part, session.rules)):
        reading = _as_part_of_counted(session, part)
    claim = None if session.draft is None else session.draft.reading
    reading = session.breath.doubt_continued_number(reading, claim, session.rules)
    reading = _as_choice(session, reading)
    several = bool(split_if_several(reading, session.rules))
    asked = session.current_question.field
    names_another = session.topic is Topic.FIELD_RIGHT and without_inherited(reading).fields  # Not "742?", "743".
    if not several and (asked not in session.rules.identifying_fields or names_another):
        claim = None if context.is_between_entries(session) else session.open_draft.reading
        reading = read_stray_names(reading, claim, session.rules)
    reading = _name_known_thing(session, reading)
    for reread in _REREADINGS:
        reading = reread(session, reading)
    if not several:  # There, each thing has what is its own.
        reading = doubt_values_before_name(reading, session.rules)
    reading = read_number_as_place(reading, reading.fields if session.draft is None else {str(asked)}, session.rules)
    same = trailers.expand_last_digits(
        session, same_again.copy_from_entry_before(session, reading), utterance.known.expected
    )
    return _fill_in_context(session, utterance, reading, same)


def _name_known_thing(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, in which one of two numbers for a count is the name of a known thing: "two of 742 are damaged".

    Both are asked.
    """
    name = next(iter(session.needed_identifiers), None)
    if name is None or name in without_inherited(reading).fields:
        return reading
    things = [*list_known_things(session), {} if session.draft is None else session.open_identifiers]
    known = {one.get(name) for one in things}
    for counted, one in reading.fields.items():
        values = possible_values(one)
        named = [value for value in values if as_text(value) in known]
        if session.rules.form[counted].spoken.counts and (len(values), len(named)) == (2, 1):
            count = next(value for value in values if value not in named)
            fields = {
                name: replace(one, value=as_text(named[0]), rivals=(), runner_up=None),
                counted: replace(one, value=count, rivals=(), runner_up=None),
            }
            meant = replace(reading, fields={**reading.fields, **fields}, act=Act.AMEND, not_understood=None)
            return with_unconfirmed(meant, fields)
    return reading


def _as_choice(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, with a number as the one of two offered values that it is, "778812 intact"; "none" is a no."""
    question, rules = session.question, session.rules
    if question is None or question.about is not Topic.CHOICE or reading.act is not Act.RECORD:
        return reading
    said = token_texts(reading.words, rules.language)
    if 0 not in question.candidates and said in rules.language.words["none"]:
        return replace(reading, fields={}, act=Act.NO, not_understood=None)  # French "aucune" is no count of zero.
    name = str(question.field)
    if name in reading.fields:
        return reading
    fields = read_fields(reading.words, rules.form, rules.catalogue, rules.language, asked=name)
    is_offered = name in fields and fields[name].value in question.candidates
    return replace(reading, fields=fields, not_understood=None) if is_offered and reading.fields else reading


def _read_as_command_with_place(session: DialogueSession, utterance: UtteranceHeard) -> Reading | None:
    """The command before, where this names the trailer alone that it lacks: "trailer done", "5501"; else None."""
    before, rules, ended = session.placeless, session.rules, session.breath.ended
    if before is None or session.draft is not None:
        return None
    if ended is not None and utterance.began is not None and utterance.began > ended + 2 * session.settings.patience_s:
        return None
    name = rules.form.trailer_and_door_fields[0]
    said = read_as_answer_to(name, utterance.reading, rules)
    is_answer = values_of(said).keys() == said.fields.keys() == {name} and has_only_fields(said, rules)
    return replace(before, words=said.words, fields=said.fields) if is_answer else None


def _fill_in_context(
    session: DialogueSession, utterance: UtteranceHeard, reading: Reading, same: Reading
) -> UtteranceHeard:
    """The utterance with the standing context filled in; `same` is `reading` with values of the entry before."""
    meant, stands = context_reading.read_as_context_or_fill_in(session, same)
    needs_readback = same is not reading or context.has_unread_inherited_values(session, meant)
    return replace(utterance, reading=meant, stands=stands, aloud=utterance.aloud or needs_readback)


# Which entry a sentence corrects, if any. Each leaves a reading that is none of its own unchanged.


def _as_correction_of_known(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction where it describes a known thing in the past: "742 was 14".

    It may describe another time, so the changed fields are unconfirmed; of what waits, all of it needs a yes.
    """
    named = select_identifying_fields(session, reading)
    more = reading.unrecorded.keys() - named.fields.keys()
    if not (named.fields and more):
        return reading
    told = replace(reading, fields=reading.unrecorded, act=Act.AMEND, not_understood=None, unrecorded={})
    is_open = session.draft is not None and session.relate_to_claim(named) is Relation.SAME
    if is_open or session.find_own_entry(values_of(named)):
        return with_unconfirmed(told, [name for name in more if session.rules.form[name].unit_of not in more])
    name = session.identifiers_of(values_of(named))
    if reference.find_known(session, name) is not None:
        return told
    return replace(told, act=Act.RECORD) if reference.list_put_aside(session, name) else reading


def select_identifying_fields(session: DialogueSession, reading: Reading) -> Reading:
    """The identifying fields of an utterance that is no entry."""
    named = {name: one for name, one in reading.unrecorded.items() if name in session.rules.identifying_fields}
    return replace(reading, fields=named)


def _as_remark_on_known(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction where it tells of an entry on record, or in review, and is no whole one.

    "Pallet 742 is wet". Or where it says what that has, and is not right: "pallet 742, dock C instead of dock B"; what
    is in review is corrected by a whole one, too, that says otherwise, or is said at another place.
    """
    if reading.act is not Act.RECORD or _is_of_open(session, reading):
        return reading
    named = values_of(reading)
    last, is_remark = session.find_own_entry(named), _is_remark(reading, session.rules)
    if last is None:
        aside = reference.find_known(session, named)
        is_of_aside = aside is not None and (is_remark or _says_otherwise(session, reading, aside))
        return replace(reading, act=Act.AMEND) if is_of_aside else reading
    if last.refused or last.draft.form != session.rules.form.name:
        return reading
    replaces = any(name in last.fields and last.fields[name] in one.denied for name, one in reading.fields.items())
    if replaces and context.differs_from_context(session, last):
        return reading  # On another trailer the same number may be another pallet.
    is_told = replaces or is_remark or _tells_count(session, reading, last)
    return replace(reading, act=Act.AMEND) if is_told else reading


def _tells_count(session: DialogueSession, reading: Reading, last: LastEntry) -> bool:
    """Whether it tells the count of the entry on record, and nothing else anew: "pallet 742 has 13 cases"."""
    rules, counted = session.rules, session.rules.form.roles.get(FieldRole.QUANTITY)
    own = values_of(without_inherited(reading))
    anew = {name for name, value in own.items() if last.fields.get(name) != value}
    if counted not in anew or any(rules.form[name].unit_of != counted for name in anew - {counted}):
        return False
    parts, names = account_for(reading.words, rules.form, rules.catalogue, rules.language), {*rules.form.identifies}
    bare = {word for name in names & reading.fields.keys() for word in reading.fields[name].words}  # "742 has ..."
    return any(
        between.sense is Sense.PHRASE
        and (
            (before.sense is Sense.VALUE and {*before.fields} <= names)
            or (before.sense is Sense.UNEXPLAINED and {*before.words} <= bare)
        )
        for before, between in pairwise(parts[:-1])
    )


def _says_otherwise(session: DialogueSession, reading: Reading, aside: Draft) -> bool:
    """Whether it gives a value that the draft in review has otherwise, or another place holds now."""
    known, said = values_of(aside.reading), values_of(reading)
    holds = {name: one.value for name, one in context.inheritable_fields(session).items()}
    return any(known.get(name, value) != value for name, value in (holds | said).items())


def _is_of_open(session: DialogueSession, reading: Reading) -> bool:
    """Whether an entry is open, and it is surely of no other thing."""
    draft = session.draft
    if draft is None or draft.act is Act.CONTEXT or context.is_between_entries(session):
        return False
    return session.relate_to_claim(reading) is not Relation.ANOTHER


def _is_remark(reading: Reading, rules: Rules) -> bool:
    """Whether it surely tells more of a thing than its name and place, but no whole entry: "pallet 742 is wet"."""
    form, said = rules.form, without_inherited(reading).fields
    names, places = {*form.identifies}, {*form.standing_fields}
    needed = form.required_fields - names - places
    more = said.keys() - names - (set() if needed else places)
    is_whole = (needed and needed <= said.keys()) or form.required_fields <= said.keys()
    return bool(more) and not is_whole and values_of(reading).keys() == reading.fields.keys()


def _as_correction_behind_drop(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction where it drops what was said and names another: "scratch that, I meant 742"."""
    language, at_hand = session.rules.language, reference.find_entry_at_hand(session)
    # "Scratch pallet 742" is of 742.
    drops = any(end > 1 for end in language.words["drops"].ends(token_texts(reading.words, language), 0))
    if reading.act is not Act.CANCEL or not reading.fields or not drops:
        return reading
    claim = session.draft or (None if at_hand is None else at_hand.draft)
    another = claim is not None and session.relate_to_claim(reading, claim) is Relation.NAME
    return replace(reading, act=Act.AMEND) if another else reading


def _as_yes_to_dropping(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a yes where it names what it agrees to cancel or drop: "yes, pallet 742"."""
    behind = words_behind_yes(reading.words, session.rules.language)
    if session.topic not in {Topic.CANCEL, Topic.DROP} or not behind:
        return reading
    part = read_part(reading, behind, session.rules)
    named = session.identifiers_of(values_of(part))
    alone = named and named.keys() == part.fields.keys() and has_only_fields(part, session.rules)
    agrees = alone and yes_no_answers.is_about_open(session, named)
    return replace(reading, act=Act.YES, fields={}, not_understood=None) if agrees else reading


def _as_other_that_is_known(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction where its number names another thing known: "no, 743".

    Over whether to drop one, or what was told of one: "742 is wet".
    """
    corrects = is_correction(reading.words, session.rules.language)
    drops = session.topic in {Topic.CANCEL, Topic.DROP}
    if not (drops or _tells_of_known(session)) or reading.fields or not corrects:
        return reading
    rules = session.rules
    open_names = session.identifiers_of(session.current_question.fields) if drops else session.open_identifiers
    name, words = session.needed_identifiers[0], reading.words
    fields = read_fields(words, rules.form, rules.catalogue, rules.language, asked=name, held=open_names)
    named = likely_values(replace(reading, fields=fields))
    known = named.keys() == fields.keys() == {name} and session.is_recorded_or_in_review(named)
    if not known or named[name] == open_names.get(name):
        return reading
    said = {name: replace(fields[name], value=named[name])}
    return replace(reading, fields=said, act=Act.AMEND, not_understood=None)


def _tells_of_known(session: DialogueSession) -> bool:
    """Whether it is asked about what is told of a thing said before, which was named."""
    draft, added = session.draft, session.last_addition
    if draft is None or session.question is None:
        return False
    by_name = draft.act is Act.AMEND and any(
        name in draft.reading.fields and draft.reading.fields[name].said_in == (draft.utterance_id,)
        for name in session.needed_identifiers
    )
    return by_name or (added is not None and added.named)


_WITH_ENTRY_BEFORE = OF_VALUE | {Topic.INSTEAD, Topic.NEXT_OR_INSTEAD, Topic.CLOSE, Topic.REOPEN}
"""The questions over which "the last one" is the entry before the open one; over a readback it is the open one."""


def _counts_part(reading: Reading, rules: Rules) -> bool:
    """Whether it counts things beside those counted before: how many are damaged, or short."""
    return any(rules.form[name].spoken.counts for name in reading.fields)


def _as_part_of_counted(session: DialogueSession, reading: Reading) -> Reading:
    """The reading of "two of those", where its count may be of all or of the others: that is asked.

    It corrects the open entry; where that has no count, the entry before, which is named.
    """
    last, draft, rules = session.recorded.last, session.draft, session.rules
    counted = rules.form.roles.get(FieldRole.QUANTITY)
    is_open = draft is not None and (draft.act is not Act.RECORD or counted in draft.reading.fields)
    of = draft if is_open or last is None else last.draft
    whole = None if of is None or counted is None else of.reading.fields.get(counted)
    if counted is None or whole is None or not _counts_part(reading, rules):
        return reading
    reading = replace(reading, fields={counted: replace(whole, value=None, rivals=()), **reading.fields})
    if is_open or draft is None or last is None:
        return reading
    named = {name: FieldReading(value, (), 1.0) for name, value in session.identifiers_of(last.fields).items()}
    return with_unconfirmed(replace(reading, fields={**named, **reading.fields}), reading.fields)


def _as_correction_of_last(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction of the entry before where its words point at that: "the last one was eleven"."""
    last, draft, rules = session.recorded.last, session.draft, session.rules
    pointing = last_entry_cue(reading.words, rules.language)
    is_behind = draft is None or (
        session.topic in _WITH_ENTRY_BEFORE and not session.recorded.replaces_recorded_entry(draft)
    )
    if last is None or not is_behind:
        return reading
    if draft is None and (told := _read_values_behind_pointer(session, reading, last.draft)) is not None:
        return told
    if not pointing:
        return _as_bare_correction(session, reading, last)
    fields = _read_against(session, last.draft, reading.words, correcting=True)
    if not fields or fields.keys() & set(rules.identifying_fields):
        return reading
    words = tuple(word.text for word in pointing)
    named = {name: FieldReading(value, words, 1.0) for name, value in session.identifiers_of(last.fields).items()}
    # Behind another thing that the device named, "the last one" may be that: then it is asked.
    sure = draft is not None or reference.is_named_last(session, last.fields)
    corrected = replace(reading, fields={**named, **fields}, act=Act.AMEND, not_understood=None)
    return corrected if sure else with_unconfirmed(corrected, fields)


def _as_bare_name(session: DialogueSession, reading: Reading) -> Reading:
    """The reading of a bare number, as the name that is all an entry lacks: "743", where trailer and door hold.

    Only where no entry is open, or one was read back; it is asked, since it may be talk.
    """
    rules, said, language = session.rules, [word.text for word in reading.words], session.rules.language
    lacks = rules.form.required_fields - {*rules.form.standing_fields}
    closed = session.state is State.IDLE or (session.state is State.HELD and not session.doubted)
    if reading.fields or reading.act is not Act.RECORD or not closed or lacks != {*session.needed_identifiers}:
        return reading
    (name,), is_bare = lacks, bool(said) and all(map(language.may_be_in_identifier, said))
    fields = read_fields(reading.words, rules.form, rules.catalogue, language, asked=name)
    value = fields[name].value if is_bare and fields.keys() == {name} else None
    if (
        value is None
        or len(as_text(value)) < SHORTEST_NAME
        or not rules.form.required_fields <= {name, *context.inheritable_fields(session)}
    ):
        return reading
    is_open = session.draft is not None and session.open_identifiers == values_of(replace(reading, fields=fields))
    return with_unconfirmed(replace(reading, fields=fields, not_understood=None), () if is_open else fields)


def _as_remark_on_last(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a remark on the entry before where a pointer stands before what is wrong: "it's wet".

    Only where nothing is open, and nothing else was named since; it is asked back.
    """
    last, rules, own = session.recorded.last, session.rules, without_inherited(reading)
    conditions = {one.name for one in list_condition_fields(rules.form)}
    behind = words_behind_pointer(reading.words, rules.language, "this_one")
    sure = session.state is State.IDLE and last is not None and reference.is_surely_at_hand(session, last)
    if not (sure and behind and reading.act is Act.RECORD and values_of(own).keys() == own.fields.keys() > set()):
        return reading
    tells = own.fields.keys() <= conditions and read_part(reading, behind, rules).fields.keys() == reading.fields.keys()
    return with_unconfirmed(replace(own, act=Act.AMEND), own.fields) if tells else reading


def _as_bare_correction(session: DialogueSession, reading: Reading, last: LastEntry) -> Reading:
    """The reading, as a correction of the last entry where it has a value behind a word of correction: "no, thirteen".

    Only where nothing is open, and nothing else was named since; it is asked back.
    """
    words, rest = reading.words, without_cue(reading.words, session.rules.language)
    sure = session.state is State.IDLE and reference.is_surely_at_hand(session, last)
    if not (sure and rest and rest != words) or values_of(reading) or reading.act not in {Act.RECORD, Act.AMEND}:
        return reading
    said = replace(reading, words=rest, preface=None, act=Act.AMEND, not_understood=None)
    said = replace(said, fields=_read_against(session, last.draft, rest, correcting=True))
    is_own = said.fields and said.fields.keys().isdisjoint(session.rules.identifying_fields)
    return with_unconfirmed(said, said.fields) if is_own and has_only_fields(said, session.rules) else reading


def _as_place_of_thing(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction of the thing named last where it says where that is: "that one's at dock B".

    Of a record it is asked, since it may be of the trailer; where others are is not understood.
    """
    rules, draft, words = session.rules, session.draft, reading.words
    is_open = not context.is_between_entries(session)
    of_context = not all(session.named.things) or (draft is not None and draft.act is Act.CONTEXT)
    at_hand = is_open or reference.find_entry_at_hand(session) is not None
    if reading.act is not Act.RECORD or of_context or not at_hand or rules.form.is_identified_by_context:
        return reading
    if not {*rules.form.standing_fields} >= reading.fields.keys() > set():
        return reading
    if words_behind_pointer(words, rules.language, "where_others_are"):
        return replace(reading, fields={}, not_understood=NotUnderstoodReason.NOT_DICTATION)
    place = read_part(reading, words_behind_pointer(words, rules.language, "where_it_is"), rules)
    if not place.fields and is_open and _points_at_one(reading, rules):
        return with_unconfirmed(replace(reading, act=Act.AMEND), reading.fields)
    corrected = replace(place, act=Act.AMEND) if place.fields else reading
    return corrected if is_open else with_unconfirmed(corrected, place.fields)


def _as_correction_of_place(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction where it tells a place alone, and that it is not that of the entry at hand.

    So "it's trailer 5510, not 5501".
    """
    last, said = reference.find_entry_at_hand(session), without_inherited(reading).fields
    of = session.draft or (None if last is None else last.draft)
    if of is None or of.act is Act.CONTEXT or reading.act is not Act.RECORD or not said:
        return reading
    known, places = values_of(of.reading), {*session.rules.form.standing_fields}
    denies = said.keys() <= places and any(known.get(name) in one.denied for name, one in said.items())
    return replace(reading, act=Act.AMEND) if denies else reading


def _points_at_one(reading: Reading, rules: Rules) -> bool:
    """Whether words beside its fields point at one thing: "trailer 5502 for this one"."""
    own = {word for one in reading.fields.values() for word in one.words}
    words = [word for word in reading.words if word.text not in own]
    spans = (words[at:end] for at in range(len(words)) for end in range(at + 1, len(words) + 1))
    return any(is_listed_command("same_one", one, rules.language) for one in spans)


def _read_values_behind_pointer(session: DialogueSession, reading: Reading, of: Draft) -> Reading | None:
    """The reading, as a correction of the draft where it tells values alone, "it was wet"; else None.

    It is asked back: it may be talk. A place may be of what follows.
    """
    rules = session.rules
    words = words_behind_pointer(without_cue(reading.words, rules.language), rules.language)
    if reading.act not in {Act.RECORD, Act.AMEND} or not words:
        return None
    fields = _read_against(session, of, words, correcting=True) or read_part(reading, words, rules).fields
    said = replace(reading, words=words, preface=None, fields=fields, act=Act.AMEND, not_understood=None)
    others = {*rules.identifying_fields, *rules.form.standing_fields}
    is_name = fields.keys() == {*session.needed_identifiers}  # "That was pallet 743": whether instead is asked.
    more = any(one.unexplained for one in fields.values()) or not (is_name or fields.keys().isdisjoint(others))
    if not fields or more or not has_only_fields(said, rules):
        return None
    return said if is_name else with_unconfirmed(said, fields)


def _as_addition_to_open(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as an addition to what was read back where a "no" stands before values that lacks: "no, two short".

    The "no" corrects none of them, and may be of something else: they are asked.
    """
    rules, rest = session.rules, without_cue(reading.words, session.rules.language)
    read_back = session.state is State.HELD or session.topic is Topic.ENTRY_RIGHT
    if not read_back or session.open_draft.act is Act.CONTEXT or rest == reading.words:
        return reading
    said = without_inherited(read_part(reading, rest, rules))
    others = {*rules.identifying_fields, *rules.form.standing_fields, *session.open_draft.reading.fields}
    sure = values_of(said).keys() == said.fields.keys() > set() and said.fields.keys().isdisjoint(others)
    if reading.act not in {Act.RECORD, Act.AMEND} or not sure or not has_only_fields(said, rules):
        return reading
    return with_unconfirmed(replace(said, preface=None, act=Act.AMEND, not_understood=None), said.fields)


def _as_correction_of_open(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction of the open entry where it is one: "not B, D", "actually fifteen"."""
    if session.topic in OF_VALUE:
        return _as_correction_while_asked(session, reading)
    wrong = session.topic is Topic.WRONG
    read_back = wrong or session.state is State.HELD or session.topic in {Topic.ENTRY_RIGHT, Topic.DROP}
    names = {*session.needed_identifiers}
    if not reading.fields.keys() <= names or reading.act is not Act.RECORD or not reading.words or not read_back:
        return reading
    if (told := _read_values_behind_pointer(session, reading, session.open_draft)) is not None:
        return told
    if reading.fields:
        return reading
    # Read against the entry's own values: a bare "no, fourteen" is not another door than the context's.
    fields = _read_against_open(session, reading.words, correcting=wrong)
    return replace(reading, fields=fields, act=Act.AMEND, not_understood=None) if fields else reading


def _as_correction_while_asked(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction of a known field while another one is asked for: "no, rear".

    What also answers the question, "no, 743" or "743, not 742" to "How many?", puts the open name in doubt.
    """
    name, takes_back = str(session.current_question.field), is_correction(reading.words, session.rules.language)
    answer, known = _read_answer(session, reading), session.open_identifiers
    if any(one.value is not None for one in reading.fields.values()) or reading.act not in {Act.RECORD, Act.AMEND}:
        return reading
    fields = _read_against_open(session, reading.words, correcting=takes_back)
    denies_name = any(known.get(other) in one.denied for other, one in fields.items() if other in known)
    if answer is not None and not (takes_back or denies_name):
        return reading
    is_answer = answer is not None and _is_possible(answer, name, session.rules)
    if answer is not None and (doubted := _as_rival_names(session, fields, is_answer=is_answer)):
        return replace(reading, fields=doubted, act=Act.AMEND, not_understood=None)
    objects = takes_back or any(one.value is None and one.denied for one in fields.values())
    if is_answer or name in fields or not objects or not fields.keys() <= session.open_draft.reading.fields.keys():
        return reading
    return replace(reading, fields=fields, act=Act.AMEND, not_understood=None) if fields else reading


def _read_answer(session: DialogueSession, reading: Reading) -> FieldReading | None:
    """The field that is asked for, as the utterance answers it; None where any "no" may be its answer."""
    name = str(session.current_question.field)
    if session.rules.form[name].spoken.answers:
        return None
    return read_as_answer_to(name, reading, session.rules).fields.get(name)


def _is_possible(answer: FieldReading, name: str, rules: Rules) -> bool:
    """Whether it may be a value of the field: 5502 is no temperature. What was not understood may be any."""
    likely = possible_values(answer)
    return not likely or any(rules.allows_value(rules.form[name], one) for one in likely)


def _as_rival_names(
    session: DialogueSession, fields: Mapping[str, FieldReading], *, is_answer: bool
) -> Mapping[str, FieldReading]:
    """A correction of the open name alone, as a rival of that, unless it denies that; empty for any other.

    Where nothing was said of the asked field there is nothing else to correct. What is an answer, too, must be a name
    beyond doubt.
    """
    known, asked = session.open_identifiers, session.open_draft.reading.fields.get(str(session.current_question.field))
    if session.topic is not Topic.FIELD or possible_values(asked) or not fields.keys() <= known.keys():
        return {}
    if is_answer and any(one.value is None and known[name] not in one.denied for name, one in fields.items()):
        return {}
    names = {name: as_text(value) for name, one in fields.items() for value in possible_values(one)[:1]}
    if names.keys() != fields.keys() or any(len(value) < SHORTEST_NAME for value in names.values()):
        return {}
    settled = {
        name for name, value in names.items() if value == as_text(known[name]) or known[name] in fields[name].denied
    }
    rivals = {name: () if name in settled else (known[name],) for name in names}
    return {name: replace(fields[name], value=value, rivals=rivals[name]) for name, value in names.items()}


_OFFERS_INSTEAD = frozenset({Topic.INSTEAD, Topic.NEXT_OR_INSTEAD})  # The questions that "743 instead of 742" answers.


def _as_taking_back_of_next(session: DialogueSession, reading: Reading) -> Reading:
    """The reading of "instead" alone over a question for the next entry, as a correction that names that one."""
    draft = session.draft
    if draft is None or not next_or_instead.takes_back_next(session, reading):
        return reading
    by = draft.utterances
    own = without_inherited(draft.reading).fields
    fields = {name: replace(one, said_in=one.said_in or by) for name, one in own.items()}
    return replace(reading, fields=fields, act=Act.AMEND, not_understood=None, preface=())


def _as_replacement(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as a correction where it names a thing in place of the open, or a recorded one: "743, not 742".

    Behind no word of correction it is asked, since 742 may be right, and 743 the next.
    """
    rules, question, draft = session.rules, session.question, session.draft
    is_answer = question is not None and (
        question.about in _OFFERS_INSTEAD or question.field in rules.identifying_fields
    )
    if is_answer or reading.act is not Act.RECORD:
        return reading
    says_instead, said = next_or_instead.leave_out_instead(session, reading)
    is_open = draft is not None and draft.act is not Act.CONTEXT and not context.is_between_entries(session)
    if is_open and session.relate_to_claim(said) not in {Relation.ANOTHER, Relation.NAME}:
        return reading
    open_names = session.open_identifiers if is_open else {}
    denied = [
        {name: value} for name in rules.identifying_fields if name in said.fields for value in said.fields[name].denied
    ]
    takes_place = any(one.items() <= open_names.items() or session.find_own_entry(one) is not None for one in denied)
    takes_place |= says_instead and (is_open or reference.find_entry_at_hand(session) is not None)
    named = session.identifiers_of(likely_values(said))
    is_recorded = session.find_own_entry(named) is not None
    return replace(said, act=Act.AMEND) if named and takes_place and not is_recorded else reading


_RECENT = 3  # How many entries an operator has in mind when he says a value that one of them has.


def _as_correction_by_old_value(session: DialogueSession, reading: Reading) -> Reading:
    """The reading of a correction that says the value before, too: "change dock A to dock D", "dock D, not dock A".

    It is of the entry that has this value: the open one, else the last recent one that has it, which is named, and
    asked. So is the entry at hand, where nothing is open and a recent one has that value, too.
    """
    draft, last = session.draft, reference.find_entry_at_hand(session)
    is_asked = session.topic is Topic.FIELD  # What was not said of the open thing yet has no value before.
    read_back = draft is None or ((session.state is State.HELD or is_asked) and draft.act is not Act.CONTEXT)
    replaces = reading.act is Act.AMEND or next_or_instead.says_instead_of(session, reading)
    at_hand = draft if draft is not None or last is None or not replaces else last.draft
    if at_hand is None or not read_back or reading.act not in {Act.RECORD, Act.AMEND}:
        return reading
    of_it = _read_with_old_values(session, at_hand, reading)
    if without_inherited(reading).fields.keys() & {*session.rules.identifying_fields[:1]}:
        return _as_change_of_number(session, reading, of_it)
    if draft is not None and of_it is not None:
        return of_it
    if of_it is None and not _may_be_of_recent(session, reading, at_hand):
        return reading
    return _as_correction_of_recent(session, reading, of_it)


def _may_be_of_recent(session: DialogueSession, reading: Reading, at_hand: Draft) -> bool:
    """Whether it says another old value than the draft's, of another field than the one that is asked for.

    So "crushed, not wet" over one that is crushed, and a change of a value that the open one does not have yet.
    """
    known, question = at_hand.reading.fields, session.question
    changes = session.topic is Topic.FIELD and reading.act is Act.AMEND
    if changes and any(name not in known and one.rivals for name, one in reading.fields.items()):
        return True
    old = {*find_fields_with_another_old_value(at_hand.reading, reading)}
    old |= {name for name, one in reading.fields.items() if {*one.denied} - {*possible_values(known.get(name))}}
    return bool(old - ({question.field} if question is not None else set()))


def _as_correction_of_recent(session: DialogueSession, reading: Reading, of_it: Reading | None) -> Reading:
    """The reading, as a correction of the entry at hand, `of_it`, else of the last recent one that has the old value.

    It is named, and asked, unless the entry at hand alone has it.
    """
    last = reference.find_entry_at_hand(session)
    own = list_own_standing_entries(session)[:_RECENT]
    read = [(one, _read_with_old_values(session, one.draft, reading)) for one in own]
    meant = [(one, right) for one, right in read if right is not None]
    if of_it is not None and last is not None:
        if reading.act is Act.AMEND and all(one.event_id == last.event_id for one, _ in meant):
            return of_it
        meant = [(last, of_it)]
    if not meant:
        return reading
    entry, right = meant[0]
    of = {name: FieldReading(value, (), 1.0) for name, value in session.identifiers_of(entry.fields).items()}
    return with_unconfirmed(replace(right, fields={**of, **right.fields}, act=Act.AMEND), right.fields)


def _as_change_of_number(session: DialogueSession, reading: Reading, of_it: Reading | None) -> Reading:
    """The reading as of the entry that has the number, where it was read as a name: "change 24 to 23"."""
    named = session.identifiers_of(likely_values(reading))
    is_name = reading.act is not Act.AMEND or session.find_own_entry(named) is not None
    return reading if of_it is None or is_name else of_it


def _read_with_old_values(session: DialogueSession, draft: Draft, reading: Reading) -> Reading | None:
    """The reading against the draft, where it says a value of it that is not right, and the right one; else None."""
    names = {*session.rules.identifying_fields[:1]}
    is_named = not names.isdisjoint(reading.fields)
    says_old = is_named or any(one.denied or one.rivals for one in reading.fields.values())
    if draft.form != session.rules.form.name or not says_old:
        return None
    known, fields = values_of(draft.reading), _read_against(session, draft, reading.words, correcting=False)
    right = any(name in known and known[name] in one.denied and possible_values(one) for name, one in fields.items())
    return replace(reading, fields=fields) if right and fields.keys() == reading.fields.keys() - names else None


def _as_answer_about_entry(session: DialogueSession, reading: Reading) -> Reading:
    """The reading of an answer about an entry over an open context: "the count", "25".

    It corrects the entry that it names, else that at hand, where that has such a value; or it begins one.
    """
    rules, name = session.rules, str(session.current_question.field) if session.draft is not None else ""
    if not context.asks_about_entry(session) or has_no_values(said := read_as_answer_to(name, reading, rules)):
        return reading
    entry = session.find_own_entry(values_of(said)) or reference.find_entry_at_hand(session)
    begins = rules.form.is_identified_by_context or name in rules.identifying_fields
    return said if begins or entry is None or name not in entry.fields else replace(said, act=Act.AMEND)


def _withhold_zero_of_nothing(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, without the count of zero that "nothing" or "none" is where none was asked for.

    Said of an entry it may mean that nothing is wrong with it, or that nothing is there: it is asked.
    """
    begins = session.draft is None and reading.act is Act.RECORD
    if begins or session.topic is Topic.FIELD or 0 not in values_of(reading).values():
        return reading
    means_all_is_well = says_all_is_well(reading.words, session.rules.language)
    unread = replace(reading, fields={}, act=Act.RECORD, not_understood=NotUnderstoodReason.NOT_DICTATION)
    return unread if means_all_is_well else reading


def _reject_if_named_by_position(session: DialogueSession, reading: Reading) -> Reading:
    """The reading, as not understood where it names a thing by its position: "change the first one to dock D".

    Which one that is depends on where the operator began to count, and it would be taken for the last or the open one.
    """
    rules, offered = session.rules, session.topic is Topic.CHOICE
    is_about_known = reading.act is Act.AMEND or (reading.act is Act.RECORD and session.draft is not None)
    if not is_about_known or not reading.fields or offered or {*rules.identifying_fields[:1]} & reading.fields.keys():
        return reading
    values = (one.words for one in reading.fields.values() if one.value is not None)  # "The one before": a 1.
    named = names_by_position(reading.words, values, rules.language)
    return replace(reading, fields={}, not_understood=NotUnderstoodReason.NOT_DICTATION) if named else reading


def _read_against_open(
    session: DialogueSession, words: Sequence[Word], *, correcting: bool
) -> Mapping[str, FieldReading]:
    """The fields that the words give, read against the open entry's values; what denies one corrects it."""
    draft = session.open_draft
    known, fields = values_of(draft.reading), _read_against(session, draft, words, correcting=correcting)
    denies = any(one.value is None and known.get(name) in one.denied for name, one in fields.items())
    return _read_against(session, draft, words, correcting=True) if denies else fields  # "13, not 12" over 12


def _read_against(
    session: DialogueSession, draft: Draft, words: Sequence[Word], *, correcting: bool
) -> Mapping[str, FieldReading]:
    """The fields that the words give, read against the draft's own values; one spoken number is one field's."""
    rules, held = session.rules, values_of(without_inherited(draft.reading))
    fields = read_fields(words, rules.form, rules.catalogue, rules.language, held=held, correcting=correcting)

    def replaces_held(name: str) -> tuple[bool, ...]:
        """How surely: it denies the held value, "120, no, 130"; sounds like that; or says which thing it is."""
        value = held.get(name)
        alike = value is not None and claims.sounds_like(as_text(value), likely[name][0])
        return value in fields[name].denied, alike, name in rules.identifying_fields

    unsure = {name: one for name, one in fields.items() if one.value is None and one.runner_up is not None}
    likely = {name: (as_text(possible_values(one)[0]), one.words) for name, one in unsure.items()}
    spoken = [one.words for one in unsure.values()]
    fields = {
        name: one for name, one in fields.items() if possible_values(one) or one.denied or one.words not in spoken
    }
    meant = [max((one for one in likely if likely[one] == number), key=replaces_held) for number in likely.values()]
    return {name: one for name, one in fields.items() if name in meant or name not in likely}


_REREADINGS = (
    _as_bare_name,
    _as_yes_to_dropping,
    _as_other_that_is_known,
    _as_correction_behind_drop,
    _as_correction_of_known,
    _as_remark_on_known,
    _as_correction_of_last,
    _as_remark_on_last,
    _as_correction_of_place,
    _as_place_of_thing,
    _as_addition_to_open,
    _as_correction_of_open,
    _as_correction_by_old_value,
    _as_taking_back_of_next,
    _as_replacement,
    _as_answer_about_entry,
    _withhold_zero_of_nothing,
    _reject_if_named_by_position,
)
"""In this order: a name says more than a pointer, a pointer more than what is open, and a position nothing."""
