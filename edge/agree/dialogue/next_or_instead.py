"""Next or instead: another identifier, spoken alone over an open entry.

It may begin the next thing after a pause, or correct an identifier that was misheard. Both drafts stay open until
values follow or the operator says which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import (
    chosen_position,
    is_correction,
    is_courtesy,
    names_by_position,
    possible_digit_strings,
    read_fields,
    says_next,
    split_at_listed,
    without_cue,
)
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.records import Act, FieldValue, Reading, Word, as_text
from edge.agree.dialogue import amendments, context, drafting, parking, repeating
from edge.agree.dialogue.claims import Relation, sounds_like
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import OF_VALUE, Question, Topic, hold_if_accepted, judge_draft
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import (
    find_fields_with_another_old_value,
    has_number_word,
    read_as_answer_to,
    with_fields,
    with_reading,
    with_support,
)
from edge.agree.off_talk import begins_with_foreign_words, has_only_fields, may_object
from edge.agree.readings import (
    SHORTEST_NAME,
    find_differing_identifiers,
    likely_values,
    possible_values,
    read_part,
    split_at_leading_next,
    values_of,
    without_inherited,
)
from edge.records import Commit, Draft, Note, Outcome, Park, StoreDropped
from edge.records.speech import Prompt


def may_correct_identifier(session: DialogueSession, reading: Reading) -> bool:
    """Whether another identifier sounds like the open entry's, and so may correct it."""
    now, before = _both_identifiers(session, reading)
    return sounds_like(as_text(now), as_text(before))


def ask_next_or_instead(session: DialogueSession, utterance: UtteranceHeard, reading: Reading) -> list[Order]:
    """Ask whether another identifier is the next entry's or a correction; see `may_correct_identifier`.

    Asked at once over a question, or if it sounds like the open one; else the next utterance decides. "Next pallet 743"
    needs no question.
    """
    if session.state is State.HELD and any(_is_named(session, one, reading) for one in session.queue.drafts):
        left = commit_or_queue_held(session, reading)
        return [*left, *drafting.begin_entry(session, replace(utterance, reading=reading))]
    name = find_differing_identifiers(session.open_draft.reading, reading, session.rules.identifying_fields)[0]
    at_once = session.question is not None or may_correct_identifier(session, reading)
    session.doubted = session.doubted or session.question is not None
    other = drafting.build_draft(session, replace(utterance, reading=reading))  # `reading` may be a number alone
    # It has the place that holds now, whatever is said before it is taken up; instead, the open one keeps its own.
    placed, of = context.fill_unless_other_trailer(session, other.reading, other), session.rules.identifying_fields
    own = {one: said for one, said in placed.fields.items() if one in other.reading.fields or one not in of}
    other = replace(other, reading=replace(other.reading, fields=own))
    says = says_next(reading.words, session.rules.language) or split_at_leading_next(reading.words, session.rules)
    if says or says_beside(session, reading) or _follows_by_number(session, reading, name):
        return begin_as_next(session, utterance, other)
    question = Question(
        Topic.NEXT_OR_INSTEAD, name, _both_identifiers(session, reading), other=other, unspoken=not at_once
    )
    parked = Park(other.utterance_id, parking.UNANSWERED, values_of(other.reading), other)
    return [utterance.note_utterance(hold_if_accepted(utterance.verdict)), parked, *session.ask(question)]


def commit_or_queue_held(session: DialogueSession, reading: Reading) -> list[Order]:
    """Commit the held entry; queue it if something said over it may have been a "no"."""
    is_doubtful = session.doubted or not session.denied_identifiers <= reading.fields.keys()
    return parking.queue_or_park_open_draft(session) if is_doubtful else drafting.commit_draft(session)


def _is_named(session: DialogueSession, waits: Draft, reading: Reading) -> bool:
    """Whether a reading names what waits for its turn: then it is that one's."""
    return session.relate_to_claim(reading, waits) is Relation.SAME


def _follows_by_number(session: DialogueSession, reading: Reading, name: str) -> bool:
    """Whether it names, with nothing asked, the number behind that of the open entry: "pallet 511", "pallet 512".

    Not behind a word of correction, nor where the recogniser might have heard the one for the other.
    """
    now, before = reading.fields[name], session.open_draft.reading.fields[name]
    numbers = [str(one.value) for one in (before, now)]
    alike = {before.value, now.value} & {before.runner_up, now.runner_up, *before.rivals, *now.rivals}
    corrects = is_correction(reading.words, session.rules.language)
    if session.question is not None or session.doubted or corrects or alike or not all(map(str.isdecimal, numbers)):
        return False
    return len({*map(len, numbers)}) == 1 and int(numbers[1]) == int(numbers[0]) + 1


def _both_identifiers(session: DialogueSession, reading: Reading) -> tuple[FieldValue, FieldValue]:
    """The identifier in `reading`, and the open entry's."""
    before = session.open_draft.reading
    name = find_differing_identifiers(before, reading, session.rules.identifying_fields)[0]
    return possible_values(reading.fields[name])[0], possible_values(before.fields[name])[0]


def answer_next_or_instead(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Rename the open entry, begin the next, or take the values that follow; a yes or no alone does not answer.

    "The first" is the next one, as the question offers it; "the second" may be the second pallet, so it needs a yes.
    """
    reading, other = _read_answer(session, utterance), session.current_question.other
    if other is None:
        return repeating.reject_answer(session, utterance)
    place = chosen_position(reading.words, 2, session.rules.language)
    alone = without_inherited(reading).fields.keys() <= set(session.rules.identifying_fields)
    if place == 1:
        session.needs_yes.add(session.open_draft.utterance_id)
    if place == 1 or (alone and _says_instead(session, reading, other)):
        return rename_open_entry(session, utterance, other)
    is_next = alone and answers_next(session, reading)
    if place == 0 or (is_next and session.relate_to_claim(reading, other) is not Relation.NAME):
        return [
            utterance.note_as_heeded(),
            *begin_as_next(session, utterance, with_support(other, utterance.utterance_id)),
        ]
    if unread := not reading.fields or begins_with_foreign_words(reading, session.rules):
        # "The count is wrong": the held entry is asked about behind the next.
        session.doubted = session.doubted or may_object(reading, session.rules)
        if not _tells_of_either(session, reading):
            return repeating.reject_answer(session, utterance)
    if unread or _has_old_value_of_another(session, reading, other):
        repeating.require_yes(session)  # It may be of either.
        return [utterance.note_as_not_understood(), *repeating.repeat_question(session, [session.say(Prompt.REPEAT)])]
    return _take_following_values(session, utterance, reading, other)


def _read_answer(session: DialogueSession, utterance: UtteranceHeard) -> Reading:
    """The utterance, in which a number without a label is a name where it is one of the two: "no, 742"."""
    reading, question = drafting.read_with_acoustic_doubts(session, utterance), session.current_question
    named = read_as_answer_to(str(question.field), reading, session.rules)
    value = values_of(named).get(str(question.field))
    corrects = drafting.is_sure_correction(session, utterance) and len(str(value)) >= SHORTEST_NAME
    is_name = not reading.fields and value is not None and (value in question.candidates or corrects)
    return named if is_name else reading


def _tells_of_either(session: DialogueSession, reading: Reading) -> bool:
    """Whether words that were not read tell of one of the two things: "scrap 742", "scrap the second"."""
    question, language = session.current_question, session.rules.language
    named = read_as_answer_to(str(question.field), reading, session.rules).fields.get(str(question.field))
    numbers = " ".join(word.text for word in reading.words if has_number_word([word.text], session.rules))
    said = {*map(as_text, possible_values(named)), *possible_digit_strings(numbers, language)}
    answers = says_instead_of(session, reading) or split_at_listed("next_one", reading.words, language) is not None
    is_named = not said.isdisjoint(map(as_text, question.candidates))
    return not answers and (is_named or names_by_position(reading.words, (), language))


def _has_old_value_of_another(session: DialogueSession, reading: Reading, other: Draft) -> bool:
    """Whether it says an old value that the other thing does not have, and names no third thing."""
    goes_on = session.relate_to_claim(reading, other) in {Relation.NONE, Relation.SAME}
    unnamed = without_inherited(reading).fields.keys().isdisjoint(session.rules.identifying_fields[:1])
    return (goes_on or unnamed) and bool(find_fields_with_another_old_value(other.reading, reading))


def _says_instead(session: DialogueSession, reading: Reading, other: Draft) -> bool:
    """Whether it is "instead", by itself or between the two names, "743 instead of 742", in this order.

    Not "not instead", nor "instead of" a third one.
    """
    if (parts := _split_at_instead(session, reading.words)) is None:
        return False
    new, old = set(session.identifiers_of(values_of(other.reading)).items()), set(session.open_identifiers.items())
    before, behind = (_named_in(session, part) for part in parts)
    plain = all(_is_plain(session, reading, part) for part in parts)
    return plain and before <= new and behind <= (old if before else old | new)


def leave_out_instead(session: DialogueSession, reading: Reading) -> tuple[bool, Reading]:
    """Whether an utterance names a thing and says "instead" behind that or at its end; and the reading without that.

    A bare number behind all else, "dock C, not 742", is denied of the thing, and not of the dock.
    """
    words, of = reading.words, session.rules.identifying_fields
    before, behind = _split_at_instead(session, words) or _split_at_contrast(session, words) or ((), ())
    said = read_part(reading, before, session.rules)
    named = [name for name in of if possible_values(said.fields.get(name))]
    if not named:
        return False, reading
    if not behind:
        return True, said
    if said.fields.keys() <= {*of}:
        return _split_at_instead(session, words) is not None, reading
    fields = read_fields(behind, session.rules.form, session.rules.catalogue, session.rules.language, asked=named[0])
    denied = possible_values(fields.get(named[0])) if fields.keys() == {named[0]} else ()
    whole = replace(said, fields={**said.fields, named[0]: replace(said.fields[named[0]], denied=denied)})
    return False, whole if denied else reading


def says_instead_of(session: DialogueSession, reading: Reading) -> bool:
    """Whether an utterance says "instead of", or "instead"."""
    return _split_at_instead(session, reading.words) is not None


def takes_back_next(session: DialogueSession, reading: Reading) -> bool:
    """Whether an utterance is "instead" alone over a question for the next entry, behind one that it may replace."""
    draft, last, parts = session.draft, session.recorded.last, _split_at_instead(session, reading.words)
    is_next = draft is not None and draft.act is Act.RECORD and session.topic in OF_VALUE and session.open_identifiers
    behind = last is not None and last.draft.form == session.rules.form.name
    alone = parts is not None and not (without_cue(parts[0], session.rules.language) or parts[1])
    return bool(is_next) and behind and alone


def find_draft_before_rename(session: DialogueSession, before: Draft | None) -> Draft | None:
    """The open draft as it was before it got another name, or as it is on record; `before` is that before the step."""
    draft = session.draft
    if draft is None:
        return None
    entry = amendments.find_entry_replaced_by(session, draft) if draft.act is Act.AMEND else None
    is_same = before is not None and draft.utterance_id == before.utterance_id
    first = entry.draft if entry is not None else (session.renamed or before) if is_same else None
    if first is None:
        return None
    renamed = find_differing_identifiers(first.reading, draft.reading, session.rules.identifying_fields)
    return first if renamed else None


def takes_back_instead(session: DialogueSession, reading: Reading) -> bool:
    """Whether it is "no, next" over an entry that got another name: that name is the next one's."""
    is_open = session.renamed is not None and session.current_question.other is None
    if not is_open or not is_correction(reading.words, session.rules.language) or not answers_next(session, reading):
        return False
    alone = without_inherited(reading).fields.keys() <= {*session.rules.identifying_fields}
    return alone and session.relate_to_claim(reading) in {Relation.NONE, Relation.SAME}


def take_back_instead(session: DialogueSession, utterance: UtteranceHeard, before: Draft) -> list[Order]:
    """Give an entry its name back, to be asked about behind the next; what was said since is of that one.

    One on record stays as it is.
    """
    draft, known = session.open_draft, before.reading.fields
    own = {name: one for name, one in draft.reading.fields.items() if known.get(name) != one}
    reading = replace(utterance.reading, act=Act.RECORD, fields=own, not_understood=None)
    since = tuple(one for one in draft.support if one not in before.support)
    other = Draft(utterance.utterance_id, draft.form, reading, draft.operator, support=since)
    if session.recorded.replaces_recorded_entry(draft):
        left: list[Order] = [StoreDropped(draft), session.say(Prompt.KEPT_AS_IT_IS)]
        return begin_as_next(session, utterance, other, left)
    session.draft, session.verdict, session.doubted = before, judge_draft(before, session.rules), True
    return begin_as_next(session, utterance, other)


def _split_at_contrast(session: DialogueSession, words: Sequence[Word]) -> tuple[Sequence[Word], Sequence[Word]] | None:
    """The words before and behind the last "not" or "rather than"; None without one."""
    language = session.rules.language
    spans = ((at, end) for at in range(len(words) - 1, 0, -1) for end in range(at + 1, len(words)))
    found = (span for span in spans if token_texts(words[slice(*span)], language) in language.words["contrasts"])
    return next(((words[:at], words[end:]) for at, end in found), None)


def _split_at_instead(session: DialogueSession, words: Sequence[Word]) -> tuple[Sequence[Word], Sequence[Word]] | None:
    """The words before and behind the last "instead of"; None without one."""
    for end in range(len(words), 0, -1):
        found = split_at_listed("instead_one", words[:end], session.rules.language)
        if found is not None and len(found[0]) + len(found[1]) == end and [*found[1], *found[0]] == [*words[:end]]:
            return found[1], words[end:]
    return None


def _named_in(session: DialogueSession, words: Sequence[Word]) -> set[tuple[str, FieldValue]]:
    """The identifiers that the words name, or deny."""
    rules, asked = session.rules, session.current_question.field
    said = read_fields(words, rules.form, rules.catalogue, rules.language, asked=asked)
    known = {name: one for name, one in said.items() if name in rules.identifying_fields}
    return {(name, value) for name, one in known.items() for value in (*possible_values(one), *one.denied)}


def answers_next(session: DialogueSession, reading: Reading) -> bool:
    """Whether it is "next", also behind a "no" or "not instead", but not "not next"."""
    language = session.rules.language
    ways = (reading.words, without_cue(reading.words, language))  # "no, next pallet 743"
    found = next((one for said in ways if (one := split_at_listed("next_one", said, language)) is not None), None)
    if found is None:
        return False
    rest = without_cue(found[1], language)
    return _is_plain(session, reading, rest) or split_at_listed("instead_one", rest, language) is not None


def says_beside(session: DialogueSession, reading: Reading) -> bool:
    """Whether it names a thing beside the open one, whole, and takes nothing back: "743 too", "no, 743 too".

    "Item A100 also" may be at the place of the open one.
    """
    language = session.rules.language
    if not {*session.needed_identifiers} <= without_inherited(reading).fields.keys():
        return False
    return split_at_listed("beside_one", without_cue(reading.words, language), language) is not None


def _is_plain(session: DialogueSession, reading: Reading, rest: Sequence[Word]) -> bool:
    """Whether the words beside an answer are nothing, or only name a thing; "not" denies the answer."""
    language = session.rules.language
    said = token_texts(rest, language)
    denials = (language.words[name].ends(said, at) for name in ("nots", "contrasts") for at in range(len(said)))
    digits = all(language.may_be_in_identifier(word.text) for word in rest)
    small = digits or is_courtesy(rest, language) or all((text,) in language.words["particles"] for text in said)
    return not any(denials) and (small or has_only_fields(read_part(reading, rest, session.rules), session.rules))


def _take_following_values(
    session: DialogueSession, utterance: UtteranceHeard, reading: Reading, other: Draft
) -> list[Order]:
    to_other, takes_back = session.relate_to_claim(reading, other), drafting.is_sure_correction(session, utterance)
    to_other = Relation.ANOTHER if _names_third_thing(session, reading, other) else to_other
    fields = without_inherited(reading).fields
    alone = fields.keys() <= {session.current_question.field}
    if to_other in {Relation.NONE, Relation.SAME}:
        if takes_back and to_other is Relation.SAME and alone:
            return rename_open_entry(session, utterance, other)
        if takes_back or alone:
            return repeating.reject_answer(session, utterance)
        session.require_yes_if_partly_named(reading, other)
        goes_on = with_fields(other, fields, utterance.utterance_id)
        known = values_of(session.open_draft.reading)
        # The open entry's values under another identifier may correct that, so the open one is asked about next.
        repeats = not session.current_question.unspoken and all(
            known.get(name) == one.value for name, one in fields.items()
        )
        session.doubted |= repeats
        return [utterance.note_as_heeded(), *begin_as_next(session, utterance, goes_on)]
    if (
        session.relate_to_claim(reading) is Relation.SAME and session.current_question.field in fields
    ):  # the open one was right
        orders = parking.announce_other_draft_in_review(session)
        revised = with_fields(session.open_draft, fields, utterance.utterance_id)
        return [*orders, *drafting.revise_draft(session, utterance, revised)]
    if to_other in {Relation.ANOTHER, Relation.NAME}:
        renames = to_other is Relation.NAME and takes_back and alone
        return _rename_next(session, utterance, reading, other) if renames else _leave_both(session, utterance)
    return repeating.reject_answer(session, utterance)


def _rename_next(session: DialogueSession, utterance: UtteranceHeard, reading: Reading, other: Draft) -> list[Order]:
    """Ask the same of a third name, in place of the one that was said last: "no, 515" over "514 next, or instead?"."""
    renamed = with_fields(other, reading.fields, utterance.utterance_id)
    session.question = replace(
        session.current_question, candidates=_both_identifiers(session, renamed.reading), other=renamed
    )
    parked = Park(renamed.utterance_id, parking.UNANSWERED, values_of(renamed.reading), renamed)
    return [utterance.note_as_heeded(), parked, *session.ask(session.question)]


def _names_third_thing(session: DialogueSession, reading: Reading, other: Draft) -> bool:
    """Whether it has another name than the open one, in a part that the next one left out: "trailer 5502, rear".

    "Rear" behind trailer 5501 was of that.
    """
    said, known = session.identifiers_of(values_of(reading)), session.identifiers_of(likely_values(other.reading))
    left_out = session.open_identifiers.items() - known.items()
    return any(name not in known and said.get(name, value) != value for name, value in left_out)


def _leave_both(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Begin another entry; the other one of the question is put aside, and the open one, unless it is agreed."""
    if session.doubted or not session.current_question.unspoken:
        return [*parking.park_draft(session), *drafting.begin_entry(session, utterance)]
    aside = parking.announce_other_draft_in_review(session)
    return [*aside, *drafting.commit_draft(session), *drafting.begin_entry(session, utterance)]


def begin_as_next(
    session: DialogueSession, utterance: UtteranceHeard, other: Draft, left: list[Order] | None = None
) -> list[Order]:
    """Begin the next entry: commit the open one, or queue it behind the next if it is doubted.

    `left`: the orders that close the open entry instead.
    """
    stays = drafting.judge_after_utterance(session, session.open_draft, utterance)
    agreed = not session.doubted and stays.outcome is Outcome.ACCEPT
    values = [field.name for field in session.rules.form.fields if not field.unit_of]
    differing = find_differing_identifiers(session.open_draft.reading, other.reading, values)
    session.question = None  # answered
    if left is None:
        left = drafting.commit_draft(session) if agreed else parking.queue_or_park_open_draft(session)
    # The same thing with another count is asked about as recorded already; where more differs it is of another kind.
    counts = not differing[1:] and session.rules.site_policy.double_count_minutes > 0
    recorded = tuple(order.verdict.fields for order in left if counts and isinstance(order, Commit))
    known = replace(utterance.known, recent=(*utterance.known.recent, *recorded))
    session.draft = None
    other = replace(other, reading=context.fill_new_entry_from_context(session, other.reading, other))
    verdict = drafting.judge_after_utterance(session, other, replace(utterance, known=known), aloud=True)
    orders = drafting.ask_or_read_back_or_commit(session, other, verdict, None)
    # It is agreed now, so this record ends its review.
    return [Note(other.utterance_id, other.reading, hold_if_accepted(verdict)), *left, *orders]


def rename_open_entry(session: DialogueSession, utterance: UtteranceHeard, other: Draft) -> list[Order]:
    """Rename the open entry, and read it back again; it takes over that the other one needs a yes.

    Where that is complete, a correction of an entry on record leaves all of its own: "wet" was of the one renamed.
    """
    if other.utterance_id in session.needs_yes:
        session.needs_yes.add(session.open_draft.utterance_id)
    alone = replace(other, reading=without_inherited(other.reading))
    whole = judge_draft(alone, session.rules).outcome is Outcome.ACCEPT
    if whole and session.recorded.replaces_recorded_entry(session.open_draft):
        draft = with_reading(session.open_draft, other.reading, other.utterance_id)
    else:
        draft = with_fields(session.open_draft, alone.reading.fields, other.utterance_id)
    for support in (*other.support, utterance.utterance_id):
        draft = with_support(draft, support)
    noted = utterance.note_as_heeded()
    meant = Note(other.utterance_id, other.reading, noted.verdict)
    return [
        noted,
        meant,
        *drafting.ask_or_read_back_or_commit(
            session, draft, drafting.judge_after_utterance(session, draft, utterance), utterance
        ),
    ]
