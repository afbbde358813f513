"""What a sentence says of what follows its entry: the next place or name, or an order to close the trailer."""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.forms.spoken import is_correction, may_end_order_to_close
from dockvoice_protocol.records import Act, Command, Reading
from edge.agree.decide import Rules
from edge.agree.dialogue import context, parking, trailers, waiting_context
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import AGREEING
from edge.agree.off_talk import says_values_only
from edge.agree.readings import read_part, values_of, without_trailing_next
from edge.agree.sentence_parts import (
    MOST_WORDS_OF_ORDER,
    OfAnother,
    as_trailer_done,
    is_understood,
    list_places_behind_closing,
    read_trailer_done,
    says_now,
    says_now_alone,
    split_before_name,
    split_off_end,
    with_words_not_got,
    without_next,
    words_behind_closing,
)
from edge.agree.whole_things import split_off_first
from edge.records import Draft, Outcome, Park


def split_off_what_follows(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard:
    """The utterance without what it says at its end of what follows its entry, which waits until that is closed.

    What is not understood is told as not got.
    """
    said, rules = utterance.reading, session.rules
    if (parts := _split_at_closing_within(said, rules)) is not None:
        before, order, rest = parts
        trailers.queue_closing(session, replace(utterance, reading=order), apart=True)
        return _with_rest_waiting(session, utterance, OfAnother(before.entry, rest.words, {}), rest)
    ended = split_off_end(said, rules)
    if ended is None:  # "Then trailer 5502, two damaged."
        own = {name: one for name, one in said.fields.items() if name not in rules.form.standing_fields}
        places = list_places_behind_closing(said, rules) if own and own.keys() < said.fields.keys() else iter(())
        if any(_is_of_what_follows(session, replace(said, fields=own), one) for one in places):
            session.needs_yes.add(utterance.utterance_id)
        return _without_trailing_next(utterance, rules)
    closing = read_trailer_done(said, ended.words, rules)
    next_part = read_part(said, without_next(ended.words, rules), rules)
    behind = next_part if closing is None else as_trailer_done(closing, ended.words)
    is_answer = _answers_open_thing(session, ended.entry)
    if not _is_of_what_follows(session, ended.entry, behind, is_answer=is_answer, closes=closing is not None):
        return utterance
    if is_answer and split_before_name(said, session.open_draft.reading, rules) is not None:
        return utterance  # What the open thing gets of it is split off with the next name.
    of_entry = {word for one in ended.entry.fields.values() for word in one.words}
    alone = says_now_alone(behind, rules) and of_entry.issuperset(word.text for word in ended.entry.words[-1:])
    if closing is None and says_now(ended.words, rules) and not alone:
        session.needs_yes.add(utterance.utterance_id)  # "Now on trailer 5502" may be where this one is.
        return utterance
    return _with_rest_waiting(session, utterance, ended, behind)


def _split_at_closing_within(said: Reading, rules: Rules) -> tuple[OfAnother, Reading, Reading] | None:
    """An entry with an order to close behind it, that order, and what follows; None where it is no such sentence.

    "Pallet 743, ten cases, trailer 5501 done, now trailer 5502."
    """
    names = {*rules.form.standing_fields, *rules.identifying_fields}
    for at in range(2, len(said.words)):
        if not may_end_order_to_close(said.words[at - 1], rules.language):
            continue
        head, rest = read_part(said, said.words[:at], rules), read_part(said, said.words[at:], rules)
        ended = None if rest.fields.keys().isdisjoint(names) else split_off_end(head, rules)
        order = None if ended is None else read_trailer_done(head, ended.words, rules)
        if ended is not None and order is not None:
            return ended, order, rest
    return None


def _without_trailing_next(utterance: UtteranceHeard, rules: Rules) -> UtteranceHeard:
    """The utterance without words for a next thing that it does not name, if nothing else is left over of it."""
    said = utterance.reading
    words = without_trailing_next(said.words, rules)
    if len(words) == len(said.words) or not said.fields or is_understood(said, rules):
        return utterance
    part = replace(read_part(said, words, rules), act=said.act)
    return replace(utterance, reading=part) if is_understood(part, rules) else utterance


def take_closing(session: DialogueSession, utterance: UtteranceHeard) -> UtteranceHeard | None:
    """The utterance as an order to close the trailer, "that's all, trailer done"; None for all else.

    Before what follows, "trailer 5501 done, now trailer 5502", the order waits, and the utterance is of that.
    """
    said, rules = utterance.reading, session.rules
    if said.fields.keys() <= {*rules.form.standing_fields}:
        for part in words_behind_closing(said.words, rules):
            if (order := read_trailer_done(said, part, rules)) is not None:
                return replace(utterance, reading=as_trailer_done(order, part))
    found = _split_behind_closing(session, said)
    if found is None or is_correction(found[1].words, rules.language):  # "Trailer 5501 done, no, 5502."
        return None
    order, rest = found
    trailers.queue_closing(session, replace(utterance, reading=order), apart=True)
    if not rest.fields.keys() <= {*rules.form.standing_fields}:
        session.needs_yes.add(utterance.utterance_id)  # It may be on the trailer that is done.
    return replace(utterance, reading=replace(rest, act=Act.RECORD, not_understood=None), follows=True)


def _split_behind_closing(session: DialogueSession, said: Reading) -> tuple[Reading, Reading] | None:
    """An order to close the trailer that a sentence begins with, and the place or the name behind it; or None."""
    rules, place = session.rules, trailers.find_current_place(session)
    names = (*rules.form.standing_fields, *rules.identifying_fields)
    for at in range(2, min(len(said.words), MOST_WORDS_OF_ORDER + 1)):
        order = read_trailer_done(said, said.words[:at], rules, None if place is None else place.name)
        rest = None if order is None else read_part(said, said.words[at:], rules)
        if order is not None and rest is not None and not rest.fields.keys().isdisjoint(names):
            return order, rest
    return None


def split_names(session: DialogueSession, utterance: UtteranceHeard) -> list[UtteranceHeard]:
    """The parts of an utterance that each name a thing, "743, then 744"; the last one has the place behind them."""
    first = split_off_what_follows(session, utterance)
    if not first.behind:
        return [first]
    return [replace(first, behind=()), *split_names(session, replace(first, reading=first.behind[0], behind=()))]


def queue_all_but_first(session: DialogueSession, draft: Draft) -> tuple[Draft, list[Order]]:
    """The first of several things of a draft that is taken up, and the orders that queue the others behind it.

    The draft as it is, and no orders, where it is of one thing.
    """
    parts = split_off_first(draft.reading, session.rules)
    if parts is None:
        return draft, []
    waiting_context.wait_longer(session, draft.utterance_id, parking.rest_id(draft.utterance_id))
    first = replace(draft, reading=parts[0])
    alone = Park(draft.utterance_id, parking.UNANSWERED, values_of(first.reading), first)
    return first, [alone, *parking.queue_rest(session, draft, parts[1])]


def _with_rest_waiting(
    session: DialogueSession, utterance: UtteranceHeard, ended: OfAnother, behind: Reading
) -> UtteranceHeard:
    """The utterance as it is of its entry, while the rest waits, or is told as not got."""
    rules, entry = session.rules, replace(utterance, reading=ended.entry)
    if behind.command is Command.TRAILER_DONE:
        trailers.queue_closing(session, replace(utterance, reading=behind), apart=True)
        return entry
    if not behind.fields.keys().isdisjoint(rules.identifying_fields):
        return replace(entry, behind=(behind,))
    if _is_sure_context(utterance, behind, rules):
        return replace(entry, context_behind=behind)
    if not ended.entry.fields:  # Names alone, "pallets 742 and 743": they are asked about as they were said.
        session.needs_yes.add(utterance.utterance_id)
        return utterance
    doubted = tell_words_not_got(ended, rules)
    return replace(utterance, reading=doubted, context_behind=without_values(behind, rules))


def _is_sure_context(utterance: UtteranceHeard, said: Reading, rules: Rules) -> bool:
    """Whether nothing is to be asked of words that set the context."""
    verdict = replace(utterance, reading=replace(said, act=Act.CONTEXT)).with_verdict(rules).verdict
    heard = all(one.confidence >= rules.site_policy.earcon for one in said.words)
    return verdict.outcome is Outcome.ACCEPT and heard and says_values_only(said, rules)


def without_values(said: Reading, rules: Rules) -> Reading:
    """What puts the context in doubt: its fields that words told of which were not got."""
    names = [name for name in said.fields if name in rules.form.standing_fields]
    told = {name: replace(said.fields[name], value=None, runner_up=None) for name in names}
    return replace(said, fields=told)


def _answers_open_thing(session: DialogueSession, said: Reading) -> bool:
    """Whether a reading may be of the open entry: it names that, or nothing."""
    draft = session.draft
    is_open = draft is not None and draft.act is not Act.CONTEXT and session.state in AGREEING
    return is_open and session.relate_to_claim(said) in {Relation.NONE, Relation.SAME}


def _is_of_what_follows(
    session: DialogueSession, entry: Reading, behind: Reading, *, is_answer: bool = False, closes: bool = False
) -> bool:
    """Whether what stands behind an entry is not its own: an order to close, or a place or name unlike the known one.

    Not "742 is now on trailer 5501" where that one holds, nor a place that nothing is known of, or that it lacks.
    """
    own = context.fill_new_entry_from_context(session, entry).fields
    known = {**context.inheritable_fields(session), **(session.open_draft.reading.fields if is_answer else {}), **own}
    lacks = session.rules.form.required_fields - known.keys()
    now = says_now(behind.words, session.rules)
    another = any(known[name].value != one.value if name in known else not now for name, one in behind.fields.items())
    return (closes or another) and lacks.isdisjoint(behind.fields)


def tell_words_not_got(found: OfAnother, rules: Rules) -> Reading:
    """The reading of an entry, in doubt by the words that are of something else, which its question tells."""
    return with_words_not_got(found.entry, tuple(word.text for word in found.words), rules)
