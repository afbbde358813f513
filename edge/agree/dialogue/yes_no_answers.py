"""Answers: the steps that take a yes, a no, "cancel" and "never mind" over what is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction, is_listed_command, names_last_one, words_behind_yes
from dockvoice_protocol.records import Act, FieldValue, Reading, Word
from edge.agree.decide import Rules
from edge.agree.dialogue import (
    amendments,
    context,
    drafting,
    instead_of_answer,
    next_or_instead,
    parking,
    reference,
    repeating,
    several,
    take_back,
    trailers,
)
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic, judge_draft
from edge.agree.dialogue.session import REACTION_S, DialogueSession
from edge.agree.dialogue.table import State
from edge.agree.merging import with_agreed_value, with_support
from edge.agree.off_talk import says_values_only
from edge.agree.readings import likely_values, possible_values, read_part, values_of, with_unconfirmed
from edge.agree.sentence_parts import leads_to_place, read_trailer_done
from edge.records import Draft, Note, Outcome, Park, StoreDropped
from edge.records.speech import Prompt


def is_early(session: DialogueSession, utterance: UtteranceHeard) -> bool:
    """Whether it began before the prompt could be heard, so that it cannot answer it.

    A typed answer has no reaction time: its prompt is on the screen at once.
    """
    if utterance.began is None or session.spoken.put_at is None:
        return False
    return utterance.began < session.spoken.put_at + (0.0 if utterance.known.acoustics is None else REACTION_S)


def close_or_reopen_trailer_or_accept_yes(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Close or reopen the trailer on a yes to that question; any other question takes the yes."""
    match session.topic:
        case Topic.CLOSE:
            return trailers.commit_closing(session, utterance)
        case Topic.REOPEN:
            return trailers.reopen_trailer(session, utterance)
        case _:
            return take_yes(session, utterance)


def take_leading_yes(session: DialogueSession, utterance: UtteranceHeard) -> tuple[list[Order], UtteranceHeard]:
    """Take a yes that closes what is open, before what is said of another thing behind it; and the rest.

    "Yes, pallet 743, ten cases", to whether to cancel 742; "yes, then trailer 5502" and "yes, trailer done" over an
    entry that was read back. Elsewhere, and of the same thing, it is one utterance.
    """
    said, rules = utterance.reading, session.rules
    behind = _words_behind_yes(session, said.words)
    is_held = session.state is State.HELD and session.open_draft.act is not Act.CONTEXT
    asks = session.topic in {Topic.CANCEL, Topic.DROP, Topic.ENTRY_RIGHT, Topic.CLOSE}
    if not (asks or is_held) or said.act is not Act.RECORD or not behind:
        return [], utterance
    closing = read_trailer_done(said, behind, rules)
    rest = read_part(said, behind, rules)
    named = session.identifiers_of(likely_values(rest))
    another = asks and named and not is_about_open(session, named)
    of_none = asks and rest.fields and not named and context.is_between_entries(session)
    follows = _is_place_of_next(session, rest)
    sure = rules.trusts(said.words[: -len(behind)])
    sure &= not is_early(session, utterance) and not utterance.is_indistinct(rules)
    if sure and closing is not None:
        if session.topic is not Topic.CLOSE:  # It waits, so that what the yes records is counted.
            trailers.queue_closing(session, replace(utterance, reading=closing), apart=True)
        yes = replace(said, words=said.words[: -len(behind)], fields={}, act=Act.YES, not_understood=None)
        return [], replace(utterance, reading=yes)
    if not (another or of_none or follows) or not sure:
        return [], utterance
    accept = drafting.commit_on_yes if is_held else close_or_reopen_trailer_or_accept_yes
    agreed = accept(session, utterance)
    taken: list[Order] = [order for order in agreed if not isinstance(order, Note)]
    return taken, replace(utterance, reading=rest, aloud=True)  # A step commits one entry.


def _words_behind_yes(session: DialogueSession, words: Sequence[Word]) -> Sequence[Word]:
    """The words behind a yes, without those that say again that the trailer is to be closed: "yes, close it"."""
    behind, language = words_behind_yes(words, session.rules.language), session.rules.language
    agrees = (at for at in range(len(behind) - 1, 0, -1) if is_listed_command("agree_to_close", behind[:at], language))
    return behind[next(agrees, 0) :] if session.topic is Topic.CLOSE else behind


def _is_place_of_next(session: DialogueSession, said: Reading) -> bool:
    """Whether words behind a yes tell the place of what follows: "then trailer 5502", or another trailer alone."""
    rules, open_one = session.rules, session.open_draft
    if not {*rules.form.standing_fields} >= said.fields.keys() > set():
        return False
    known = {**session.context.fields, **open_one.reading.fields}
    another = all(name in known and known[name].value != one.value for name, one in said.fields.items())
    alone = another and says_values_only(said, rules) and not rules.form.is_identified_by_context
    return {*leads_to_place(said, rules)} >= said.fields.keys() or alone


def take_yes(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Accept what the open question asked."""
    question, draft = session.current_question, session.open_draft
    match question.about:
        case Topic.FIELD | Topic.WRONG:
            return _fill_yes_no(session, utterance, yes=True)
        case Topic.FIELD_RIGHT:
            name, value, meant = str(question.field), question.candidates[0], question.is_about_implausible_value
            agreed = with_agreed_value(draft, name, value, utterance.utterance_id, as_meant=meant)
            agreed = _agree_to_unit(agreed, name, utterance.utterance_id, session.rules)
            if name in session.rules.identifying_fields and not (session.tries or session.set_over_question):
                session.needs_yes.discard(draft.utterance_id)
            return drafting.revise_draft(session, utterance, agreed)
        case Topic.INSTEAD if question.other is not None:
            other = _agree_to_name(question.other, question.before, utterance.utterance_id)
            return next_or_instead.rename_open_entry(session, utterance, other)
        case Topic.CANCEL | Topic.DROP:
            return _agree_to_cancel(session, utterance)
        case _ if drafting.judge_after_utterance(session, draft, utterance).outcome is not Outcome.ACCEPT:
            # A doubt came up after the readback, or with a restart, which knew nothing of the circumstances.
            return drafting.revise_draft(session, utterance, with_support(draft, utterance.utterance_id))
        case _:
            session.draft = with_support(draft, utterance.utterance_id)
            return [utterance.note_as_heeded(), *drafting.commit_draft(session)]


def _agree_to_name(other: Draft, named: Iterable[str], utterance_id: str) -> Draft:
    """The other draft, agreed in what the question named of it: words beside that put it in doubt."""
    for name in named:
        if other.reading.fields[name].unexplained:
            other = with_agreed_value(other, name, likely_values(other.reading)[name], utterance_id)
    return other


def _agree_to_unit(draft: Draft, counted: str, utterance_id: str, rules: Rules) -> Draft:
    """The draft, agreed in the unit of a count too: the question "24 cases?" named both. Not one with a rival."""
    unit = rules.form.unit_field(counted)
    said = None if unit is None else draft.reading.fields.get(unit.name)
    if unit is None or said is None or said.value is None or said.rivals or said.runner_up or said.unexplained:
        return draft
    return with_agreed_value(draft, unit.name, said.value, utterance_id)


def _agree_to_cancel(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    draft, fields, aside = session.open_draft, session.current_question.fields, session.current_question.other
    named = replace(utterance, reading=replace(utterance.reading, fields=draft.reading.fields))
    if session.topic is Topic.DROP:
        return _drop_open(session, utterance)
    if aside is not None:
        session.close_draft()
        left = several.leave_out_named(session, aside, draft.reading)
        left = left or several.leave_out_name(session, aside, draft.reading)
        session.queue.replace(aside.utterance_id, *([] if left is None else [left]))
        dropped = (
            StoreDropped(aside)
            if left is None
            else Park(aside.utterance_id, parking.UNANSWERED, values_of(left.reading), left)
        )
        more = amendments.ask_to_cancel_more(session, named, aside.utterance_id)
        return [utterance.note_as_heeded(), dropped, parking.say_dropped(session, draft), *more]
    if session.recorded.find_applied_event(draft.replaces) is None:  # the inventory refused it meanwhile
        return [utterance.note_as_heeded(), *parking.drop_draft(session), *amendments.give_up_refused_last(session)]
    session.draft = with_support(draft, utterance.utterance_id)
    if not session.settings.is_closing(draft):
        # Said before what the commit lets go on, such as the closing of the trailer.
        cancelled = [utterance.note_as_heeded(), session.say(Prompt.CANCELLED), *drafting.commit_draft(session)]
        return [*cancelled, *amendments.ask_to_cancel_more(session, named, draft.replaces)]
    orders = [utterance.note_as_heeded(), *drafting.commit_draft(session), session.say(Prompt.REOPENED, fields)]
    context.begin_reopened_context(session, fields, utterance)
    return orders


def reject_open_question(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Reject what the open question asked."""
    question = session.current_question
    match question.about:
        case Topic.FIELD | Topic.WRONG:
            return _fill_yes_no(session, utterance, yes=False)
        case Topic.FIELD_RIGHT | Topic.REOPEN:
            return ask_for_value_not_offered(session, utterance)
        case Topic.CLOSE:
            return [utterance.note_as_heeded(), *parking.drop_trailer_closing(session)]
        case Topic.INSTEAD if question.other is not None:
            separate = instead_of_answer.record_as_separate_entry(session, question.other, utterance)
            return [utterance.note_as_heeded(), *separate]
        case Topic.CANCEL | Topic.DROP:
            return _keep_as_it_is(session, utterance)
        case _:
            return ask_what_is_wrong(session, utterance)


def _keep_as_it_is(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Cancel nothing; an open entry is read back or asked about again, and needs its yes as before."""
    if session.topic is not Topic.DROP:
        return [utterance.note_as_heeded(), *parking.drop_draft(session), session.say(Prompt.KEPT_AS_IT_IS)]
    if session.doubted:
        return [utterance.note_as_heeded(), *session.ask(session.entry_question)]
    return drafting.revise_draft(session, utterance, session.open_draft)


def _fill_yes_no(session: DialogueSession, utterance: UtteranceHeard, *, yes: bool) -> list[Order]:
    """Fill a field whose question has a yes or no as value, "is it sealed?"; for any other field it is no answer."""
    name = session.current_question.field
    counted = None if yes or name is None else session.rules.form[name].unit_of
    if counted is not None and counted in session.open_draft.reading.fields:
        return _ask_count_again_after_no(session, utterance, counted)
    if name is None or not session.rules.form[name].spoken.answers:
        return repeating.reject_answer(session, utterance)
    return drafting.revise_draft_with_answer(
        session, utterance, with_agreed_value(session.open_draft, name, yes, utterance.utterance_id)
    )


def _ask_count_again_after_no(session: DialogueSession, utterance: UtteranceHeard, count_field: str) -> list[Order]:
    """Ask again for a count: a "no" to the question for its unit can only reject the count."""
    draft = session.open_draft
    session.draft = replace(draft, reading=with_unconfirmed(draft.reading, [count_field]))
    session.verdict = judge_draft(session.draft, session.rules)
    return [utterance.note_as_heeded(), *session.ask(Question(Topic.FIELD, count_field, prompt=Prompt.ASK_FIELD))]


def ask_for_value_not_offered(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask for the field, since no offered value is right."""
    if session.topic is Topic.NEXT_OR_INSTEAD:  # it does not say which of the two is rejected
        return repeating.reject_answer(session, utterance)
    asked = session.current_question
    question = Question(Topic.FIELD, asked.field, why=asked.why, prompt=Prompt.ASK_FIELD)
    return [utterance.note_as_heeded(), *session.ask(question)]


def ask_what_is_wrong(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask what is wrong with the entry that was read back."""
    return [utterance.note_as_heeded(), *session.ask(Question(Topic.WRONG))]


def handle_cancel_over_open(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Drop what is open, but not for the name of another thing; over the question whether to cancel it is a yes.

    Over a question about an entry on record, which stands whatever is dropped, ask whether to cancel that.
    """
    other = _take_back_place_or_another(session, utterance) or _take_back_corrected_entry(session, utterance)
    if other := other or reference.ask_whose_is_dropped(session, utterance):
        return other
    if session.topic is Topic.CANCEL:
        unclear = is_correction(utterance.reading.words, session.rules.language)  # "no, delete pallet 742"
        return repeating.reject_answer(session, utterance) if unclear else take_yes(session, utterance)
    question, named = session.current_question, bool(utterance.reading.fields)
    if question.prompt is Prompt.ONE_BY_ONE and (
        named or names_last_one(utterance.reading.words, session.rules.language)
    ):
        return drop_one_of_several(session, utterance, utterance.reading)
    beside = question.other is not None and question.other.utterance_id != session.open_draft.utterance_id
    if question.other is not None and beside and (named or session.topic in {Topic.INSTEAD, Topic.NEXT_OR_INSTEAD}):
        return _drop_one_of_two(session, utterance, question.other)
    is_closing = session.topic is Topic.CLOSE
    if left := (reject_open_question if is_closing else take_back.take_back_last)(session, utterance):
        return left
    by = session.open_draft.utterance_id
    return [*_drop_open(session, utterance), *amendments.ask_to_cancel_more(session, utterance, by)]


def _drop_open(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    told = parking.say_dropped(session, session.open_draft)
    return [utterance.note_as_heeded(), *parking.drop_draft(session, told)]


def _take_back_place_or_another(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Take back a place that was said last over the question, or the last correction of a record, or ask about another.

    Empty for all else.
    """
    place = take_back.take_back_place(session, utterance) if session.question is not None else []
    if found := place or _take_back_another(session, utterance):
        return found
    corrects = session.open_draft.act is Act.AMEND and session.topic is not Topic.INSTEAD
    return take_back.take_back_last(session, utterance) if corrects else []


def drop_one_of_several(session: DialogueSession, utterance: UtteranceHeard, named: Reading) -> list[Order]:
    """Drop one of the things in one breath; the question is put again where it is not clear which."""
    left = several.leave_out_named(session, session.open_draft, named)
    if left is None:
        return repeating.reject_answer(session, utterance)
    gone = session.identifiers_of(values_of(named))
    told = parking.say_dropped_values(session, gone, session.open_draft)
    left = replace(left, reading=context.fill_unless_other_trailer(session, left.reading))
    supported = with_support(left, utterance.utterance_id)
    return [told, *drafting.revise_draft(session, utterance, supported)]


def _drop_one_of_two(session: DialogueSession, utterance: UtteranceHeard, other: Draft) -> list[Order]:
    """Drop the one of the question's two things that is named, else the other one, which came last.

    Whether to cancel the entry on record that has that name is asked behind the one that is left.
    """
    named = session.identifiers_of(values_of(utterance.reading))
    gone = session.open_draft if session.open_identifiers.items() & named.items() else other
    order = amendments.queue_order_of_record(session, utterance)
    orders: list[Order] = [order, parking.say_dropped(session, gone)]
    if gone is session.open_draft:
        left: list[Order] = [StoreDropped(session.open_draft)]
        return [*orders, *next_or_instead.begin_as_next(session, utterance, other, left=left)]
    return [*orders, StoreDropped(other), *session.ask(session.entry_question)]


def _is_about_entry_on_record(session: DialogueSession, *, is_held: bool = False) -> bool:
    """Whether the open question is about an entry on record: what is wrong with it, which value is, or if it is right.

    Whether another thing takes its place is not: that other thing was said. `is_held`: also where it is corrected, and
    that was read back.
    """
    corrects = (is_held or session.question is not None) and session.open_draft.act is Act.AMEND
    return corrects and session.topic is not Topic.INSTEAD


def _only_objects_to_record(session: DialogueSession) -> bool:
    """Whether nothing but an objection to an entry on record is open."""
    return _is_about_entry_on_record(session) and session.recorded.changes_nothing(session.open_draft)


def _take_back_corrected_entry(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask whether to cancel an entry on record that is objected to, or whose open correction is named and so dropped.

    Without a name drop a correction that is asked about. Empty for all else.
    """
    draft, only_objects = session.open_draft, session.recorded.changes_nothing(session.open_draft)
    said = session.identifiers_of(values_of(utterance.reading))
    named, is_of_open = bool(said), said.items() & session.open_identifiers.items()
    of_other = session.topic is Topic.NEXT_OR_INSTEAD and not is_of_open  # That came last.
    if of_other or not _is_about_entry_on_record(session, is_held=named):
        return []
    if not (named or only_objects):
        return _keep_as_it_is(session, utterance)
    dropped = parking.drop_draft(session, *([] if only_objects else [parking.say_dropped(session, draft)]))
    corrected = amendments.find_entry_replaced_by(session, draft)
    return [*dropped, *amendments.ask_to_cancel_named_or_last(session, utterance, corrected)]


def drop_open_or_park_again(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Drop what is open, or park it again if it was in review; repeat a question what is wrong, or which thing.

    What names a thing drops that, except that it is no yes to whether to cancel it.
    """
    named = bool(utterance.reading.fields)
    is_behind_name = session.current_question.unspoken  # Of a name alone no question was heard: it is of that.
    if is_behind_name or (named and session.topic is not Topic.CANCEL):
        return handle_cancel_over_open(session, utterance)
    match session.topic:
        case Topic.CANCEL if named:
            return _take_back_another(session, utterance) or repeating.reject_answer(session, utterance)
        case Topic.WRONG | Topic.INSTEAD | Topic.NEXT_OR_INSTEAD if not _only_objects_to_record(session):
            return repeating.reject_answer(session, utterance)
        case _ if session.recorded.is_in_review(session.open_draft):
            return [utterance.note_as_heeded(), *parking.park_draft(session)]
        case _ if session.topic is Topic.CANCEL or _is_about_entry_on_record(session):
            return _keep_as_it_is(session, utterance)
        case _:
            return handle_cancel_over_open(session, utterance)


def _take_back_another(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask whether to cancel the entry of another thing than the open one; empty where the utterance names no such.

    What is open is left as for the next entry. It stays where no entry has that name: then the name may be its own,
    misheard, and silence commits it no more. One of the two names that are asked is to be said first.
    """
    said = utterance.reading
    named = session.identifiers_of(values_of(said))
    if not named or is_about_open(session, named):
        if session.topic is not Topic.CHOICE or session.current_question.field not in named:
            return []
        # Whether that is its name is asked: the other name would vanish with it.
        again = repeating.repeat_question(session, [session.say(Prompt.REPEAT)])
        return [utterance.note_as_not_understood(), *again]
    if session.find_own_entry(values_of(said)) is None and reference.find_put_aside(session, named) is None:
        asked = session.ask(session.entry_question) if session.question is None else []
        return [utterance.note_as_heeded(), *amendments.say_no_own_entry(session, named), *asked]
    if context.is_between_entries(session):
        left = amendments.ask_again_behind_another(session, said)
    elif session.question is None:
        left = next_or_instead.commit_or_queue_held(session, said)
    else:
        left = parking.queue_or_park_open_draft(session)
    return [*left, *amendments.ask_to_cancel_named_or_last(session, utterance)]


def is_about_open(session: DialogueSession, named: Mapping[str, FieldValue]) -> bool:
    """Whether these identifiers name the open thing, or the other one that the question asks about."""
    asked, question = amendments.find_entry_to_cancel(session), session.current_question
    if asked is not None:
        return named.items() <= asked.fields.items()
    drafts = (session.open_draft, *(() if question.other is None else (question.other,)))
    return any(
        all(value in possible_values(one.reading.fields.get(name)) for name, value in named.items()) for one in drafts
    )
