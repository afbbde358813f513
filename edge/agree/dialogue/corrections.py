"""Corrections: the steps that tell a change of the open entry from the next entry, and from mere talk."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.dialogue import amendments, context, drafting
from edge.agree.dialogue.events import UtteranceHeard
from edge.agree.dialogue.merging import (
    among_talk,
    begins_astray,
    is_of_another,
    is_plain,
    names_another,
    names_field,
    names_unclearly,
    part_of,
    put_right,
    says_nothing,
    with_fields,
    with_reading,
)
from edge.agree.dialogue.orders import Order, Prompt
from edge.agree.dialogue.questions import About, Question, held, likely_values, values_of
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import State
from edge.forms.spoken import begins, corrects, read, without_cue
from edge.forms.spoken.folding import fold
from edge.records import Act, Confirmation, Draft, FieldValue, Note, Outcome, Park, Reading, Reason, Verdict

# While an entry is held.


def begin_next(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """A whole sentence while another entry is held: the next one, unless it takes that one back."""
    draft = session.open_draft
    if not is_of_another(draft.reading, heard.reading, session.rules):
        return _revise_whole(session, heard)
    if drafting.takes_back(session, heard):
        return _drop_and_begin(session, heard)
    if corrects(heard.reading.words, session.rules.language):
        return ask_if_corrects(session, heard)
    if session.doubted:
        return _ask_before_next(session, heard)
    if heard.verdict.outcome is Outcome.ACCEPT:  # Held in any case: a step commits one entry.
        heard = replace(heard, verdict=replace(heard.verdict, confirm=Confirmation.READBACK))
    return [*drafting.commit(session), *drafting.begin_entry(session, heard)]


def _ask_before_next(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """A whole sentence about another thing, over an entry that nobody has said is right: that is asked first.

    A yes says too that this one is no correction of it. Where it differs in nothing but which thing it is of, it may
    well be one, said again as a whole: that is asked instead.
    """
    draft, said = session.open_draft, drafting.reading_of(session, heard)
    named, own = session.identifiers_of(values_of(said)), values_of(draft.reading)
    if all(own.get(name) == value for name, value in values_of(said).items() if name not in named):
        return ask_if_corrects(session, heard)
    waits = drafting.let_wait(session, heard, said)
    session.next_is_own = True
    return [*waits, *session.ask(session.is_entry_right)]


def is_next_in_doubt(session: DialogueSession, heard: UtteranceHeard) -> bool:
    """Whether it is a whole sentence that is of another thing, whichever of the values is meant that it may have."""
    said, rules, own = heard.reading, session.rules, values_of(session.open_draft.reading)
    if any(doubt.reason is not Reason.FIELD_AMBIGUOUS for doubt in heard.verdict.reasons) or says_nothing(said):
        return False
    named = [(name, said.fields[name]) for name in rules.identifiers if name in said.fields]
    other = any(own.get(name, one.value) not in {one.value, *one.rivals} for name, one in named)
    return other and all(one.value is not None for one in said.fields.values())


def correct_held(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """A part of a sentence while an entry is held: in words that are strange before it, it may be mere talk."""
    draft, said = session.open_draft, _added(session, drafting.reading_of(session, heard))
    takes_back = drafting.takes_back(session, heard)
    if not takes_back and _surely_names_another(session, said):
        return ask_if_corrects(session, heard)
    if _may_be_talk(session, said, takes_back=takes_back):
        return drafting.doubt(session, heard)
    another = names_another(draft.reading, said, session.rules)
    recorded = len(said.fields) > 1 and session.entry_named(said) is not None
    if (another and recorded) if takes_back else (another or _may_be_next(session, said)):
        return ask_if_corrects(session, heard)
    return _revise(session, heard, said)


def _revise(session: DialogueSession, heard: UtteranceHeard, said: Reading) -> list[Order]:
    """The open entry with what was said of it: without a "no" it may go on with "hmm, five zero seven" before it.

    Then the entry is asked about until somebody says yes.
    """
    draft = session.open_draft
    goes_on = session.doubted_number and not drafting.takes_back(session, heard)
    said = put_right(draft.reading, said, session.rules)
    revised = drafting.revise(session, heard, with_fields(draft, said.fields, heard.utterance_id))
    if not goes_on or session.state is not State.HELD:
        return revised
    session.doubted = session.doubted_number = True
    return [heard.noted_as_heeded(), *session.ask(session.is_entry_right)]


def _may_be_talk(session: DialogueSession, said: Reading, *, takes_back: bool) -> bool:
    """Whether it corrects the held entry in words that make no value, or with which one talks to others as well."""
    rules = session.rules
    if begins_astray(said, rules) or says_nothing(said):
        return True
    if not takes_back and (not is_plain(said, rules) or names_unclearly(said, rules)):
        return True
    return bool(among_talk(said, rules, held=_own_values(session.open_draft)))


def _added(session: DialogueSession, said: Reading) -> Reading:
    """The reading without the "and" before what was not said of the entry yet: "and two damaged"."""
    known, joins = session.open_draft.reading.fields, session.rules.language.words["joins"]
    if not said.fields or said.fields.keys() & known.keys() or (fold(said.words[0].text),) not in joins:
        return said
    rest = part_of(said, said.words[1:], session.rules)
    return rest if rest.fields.keys() == said.fields.keys() else said


def _surely_names_another(session: DialogueSession, said: Reading) -> bool:
    """Whether another thing is named for sure: "okay, pallet 743" is nothing to be said again over pallet 742."""
    sure = not any(said.fields[name].rivals for name in session.identifiers_of(values_of(said)))
    return sure and names_another(session.open_draft.reading, said, session.rules)


def _may_be_next(session: DialogueSession, said: Reading) -> bool:
    """Whether it may be another entry, where none is known by a name: all of what was said of it is said otherwise."""
    own = _own_values(session.open_draft)
    if session.rules.identifiers:
        return False
    differing = [name for name, value in values_of(said).items() if name in own and own[name] != value]
    return len(differing) > 1


def of_held(session: DialogueSession, said: Reading) -> Reading:
    """The reading, as a correction of the entry that was read back where it is one: "not B, D", "actually fifteen"."""
    wrong = session.about is About.WRONG
    read_back = wrong or session.state is State.HELD or session.about is About.ENTRY_RIGHT
    if said.fields or said.act is not Act.RECORD or not said.words or not read_back:
        return said
    if session.draft is None:  # the last entry is on record: "what is wrong?" opened no draft
        return said
    rules, entry = session.rules, _own_values(session.open_draft)
    fields = read(said.words, rules.form, rules.catalogue, rules.language, held=entry, correcting=wrong)
    return replace(said, fields=fields, act=Act.AMEND, not_understood=None) if fields else said


def _own_values(draft: Draft) -> dict[str, FieldValue]:
    """What was said of the entry itself: a bare "no, fourteen" is no other door than the one that stands."""
    taken = {name for name, one in draft.reading.fields.items() if one.is_taken}
    return {name: value for name, value in values_of(draft.reading).items() if name not in taken}


def counts_anew(session: DialogueSession, heard: UtteranceHeard) -> bool:
    """Whether it corrects a held entry, though the "no" before it is doubtful: a bare "fifteen units" does so, too.

    What begins with a label does not: "not dock C" sounds like it.
    """
    said, language = heard.reading, session.rules.language
    return bool(said.fields) and said.act is Act.AMEND and bool(begins(without_cue(said.words, language), language))


def _revise_whole(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """The open draft, said anew as a whole. What was said surely of it besides, as how many are damaged, stays."""
    draft, said = session.open_draft, drafting.reading_of(session, heard)
    sure = {name: one for name, one in draft.reading.fields.items() if one.value is not None and not one.rivals}
    anew = {name: one for name, one in said.fields.items() if not (one.is_taken and name in sure)}
    whole = with_reading(draft, replace(said, fields={**sure, **anew}), heard.utterance_id)
    return drafting.revise(session, heard, whole)


def _drop_and_begin(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """A whole sentence about another thing, which takes the open one back: that stays on record as taken back."""
    if session.recorded.replaces_one(session.open_draft):
        return _revise_whole(session, heard)
    return [*drafting.drop(session), *drafting.begin_entry(session, heard)]


def ask_if_corrects(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Whether what names another thing corrects the open entry, or begins the next: only the operator knows."""
    # That nobody has said that it is right, or somebody that it is wrong, is not forgotten over another question.
    session.doubted = session.doubted or session.about in {About.ENTRY_RIGHT, About.WRONG}
    said = replace(drafting.reading_of(session, heard), act=Act.RECORD)
    stands = tuple((name, heard.utterance_id) for name in heard.stands)
    other = Draft(heard.utterance_id, session.open_draft.form, said, session.who, stands=stands)
    return [heard.noted(held(heard.verdict)), *_review_and_ask(session, other)]


def _review_and_ask(session: DialogueSession, other: Draft) -> list[Order]:
    """In review until it is answered what it was meant for: no end of this question may lose it."""
    values = values_of(other.reading)
    before = amendments.first_differing(session, values_of(session.open_draft.reading), values)
    asked = Question(About.INSTEAD, fields=values, other=other, before=before)
    besides = drafting.in_review_besides(session) if _is_third(session, other) else []
    return [Park(other.utterance_id, drafting.UNANSWERED, values, other), *besides, *session.ask(asked)]


def _is_third(session: DialogueSession, other: Draft) -> bool:
    """Whether it was asked of another thing already, which is neither the open entry nor this."""
    asked = session.asked.other
    return asked is not None and asked.utterance_id != other.utterance_id


# While a question is open: something else than its answer.


def answer_about_entry(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """A correction in the place of a yes or a no, or a new sentence."""
    said, draft = drafting.reading_of(session, heard), session.open_draft
    if heard.verdict.outcome is Outcome.ACCEPT:
        return _answer_with_entry(session, heard)
    if not said.fields or begins_astray(said, session.rules):
        return _ask_for_named(session, heard, said)
    if names_unclearly(said, session.rules) and not drafting.takes_back(session, heard):
        return set_aside(session, heard, said)
    another = names_another(draft.reading, said, session.rules)
    if another and session.about is About.WRONG and session.recorded.replaces_one(draft):
        changed = with_fields(draft, said.fields, heard.utterance_id)
        return [heard.noted_as_heeded(), *_ask_if_instead(session, changed, heard)]
    if another and not drafting.takes_back(session, heard):
        return ask_if_corrects(session, heard)
    return _revise(session, heard, said)


def _ask_for_named(session: DialogueSession, heard: UtteranceHeard, said: Reading) -> list[Order]:
    """No value is said; but who names a field, "the dock is wrong", is asked for that."""
    name = None if said.fields else names_field(said, session.rules)
    if name is None:
        return drafting.reject_answer(session, heard)
    return [heard.noted_as_heeded(), *session.ask(Question(About.FIELD, name, prompt=Prompt.ASK_FIELD))]


def withdraw_objection(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Nothing is wrong: what was recorded stays as it is, and what is not yet is read back once more."""
    draft, last = session.open_draft, session.recorded.last
    if last is not None and session.recorded.replaces_one(draft) and values_of(draft.reading) == last.fields:
        session.recorded.mending = None
        return [heard.noted_as_heeded(), *drafting.drop(session), session.say(Prompt.KEPT_AS_IT_IS)]
    return drafting.revise(session, heard, draft)


def set_aside(session: DialogueSession, heard: UtteranceHeard, said: Reading) -> list[Order]:
    """What answers nothing and names something unclearly; with more of it, it may be an entry, and goes to a person."""
    return drafting.reject_answer(session, heard) if len(said.fields) == 1 else put_aside_aloud(session, heard, said)


def put_aside_aloud(session: DialogueSession, heard: UtteranceHeard, said: Reading) -> list[Order]:
    """To a person with what may be of another thing; the operator is told, and the question put again."""
    again = drafting.reject_answer(session, heard)
    parked = Park(heard.utterance_id, drafting.UNANSWERED, values_of(said))
    return [parked, *drafting.tell_parked(session, said), *again[1:]]


def answer_about_other(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Neither yes nor no: what goes on with the other thing, or names one more, leaves the open entry as it is."""
    said, other = drafting.reading_of(session, heard), session.asked.other
    if heard.verdict.outcome is Outcome.ACCEPT:
        return _answer_with_entry(session, heard)
    if other is None or not said.fields:
        return drafting.reject_answer(session, heard)
    if begins_astray(said, session.rules):
        third = _may_name_third(session, other, said)
        return put_aside_aloud(session, heard, said) if third else drafting.reject_answer(session, heard)
    if other.utterance_id == session.open_draft.utterance_id:
        return _of_third(session, heard, said)
    return set_aside(session, heard, said) if names_unclearly(said, session.rules) else _of_other(session, heard, other)


def _of_other(session: DialogueSession, heard: UtteranceHeard, other: Draft) -> list[Order]:
    """What goes on with the other thing; or with one more, which takes its place in the question."""
    said, rules = drafting.reading_of(session, heard), session.rules
    if names_another(other.reading, said, rules):
        third = names_another(session.open_draft.reading, said, rules)
        return ask_if_corrects(session, heard) if third else drafting.reject_answer(session, heard)
    if drafting.takes_back(session, heard):
        return drafting.reject_answer(session, heard)
    more = with_fields(other, said.fields, heard.utterance_id)
    return [heard.noted_as_heeded(), *_review_and_ask(session, more)]


def _may_name_third(session: DialogueSession, other: Draft, said: Reading) -> bool:
    """Whether it names neither the open entry nor the other thing, as far as it was understood."""
    named = session.identifiers_of(likely_values(said))
    known = (values_of(one.reading) for one in (session.open_draft, other))
    return bool(named) and all(any(one.get(name, value) != value for name, value in named.items()) for one in known)


def _of_third(session: DialogueSession, heard: UtteranceHeard, said: Reading) -> list[Order]:
    """Over the question whether it takes the place of the last entry: one more thing waits for its turn."""
    if not _surely_names_another(session, said) or session.entry_named(said) is not None:
        return drafting.reject_answer(session, heard)
    return [*drafting.let_wait(session, heard, said), session.put(session.asked)]


def _answer_with_entry(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """A whole sentence in the place of an answer."""
    if is_of_another(session.open_draft.reading, drafting.reading_of(session, heard), session.rules):
        return leave_for_entry(session, heard)
    return _revise_whole(session, heard)


def leave_for_entry(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Another whole sentence in the place of an answer: the open one goes to a person, this one goes on.

    Not where it takes the open one back. What answers what is wrong with the last entry may take the place of that.
    """
    replaces = session.recorded.replaces_one(session.open_draft)
    if session.about is About.WRONG and replaces:
        draft = with_reading(session.open_draft, drafting.reading_of(session, heard), heard.utterance_id)
        return [heard.noted_as_heeded(), *_ask_if_instead(session, draft, heard)]
    if drafting.takes_back(session, heard) and (session.about is not About.INSTEAD or replaces):
        return _drop_and_begin(session, heard)
    return [*drafting.park(session), *drafting.begin_entry(session, heard)]


def _ask_if_instead(session: DialogueSession, draft: Draft, heard: UtteranceHeard) -> list[Order]:
    """What is said to be wrong with the last entry is what it is about: no silence turns one record into another."""
    said = drafting.reading_of(session, heard)
    return amendments.ask_if_replaces_last(session, draft, drafting.judged_after(session, draft, heard), said)


def leave_cancelling(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """The operator goes on with something else than whether to cancel, or to close: the last entry stays, or all."""
    said, dictated = heard.reading, heard.verdict.outcome in {Outcome.ACCEPT, Outcome.ASK}
    if not (dictated or said.fields) or context.begins_otherwise(said, session.rules):
        entry = _may_hold_entry(session, said)
        return drafting.reject_answer(session, heard) if entry is None else put_aside_aloud(session, heard, entry)
    named, recorded = session.identifiers_of(values_of(said)), session.entry_named(said)
    corrected = corrects(said.words, session.rules.language)
    if session.about is About.CLOSE and corrected and named and recorded is None:
        return [*leave_question(session), *_begin_behind_no(session, heard)]
    if session.about is About.CANCEL and corrected and recorded is not None and said.fields.keys() == named.keys():
        return [*leave_question(session), *amendments.cancel_last(session, heard)]  # that is the one to cancel
    asked = amendments.to_be_cancelled(session)
    orders = leave_question(session)
    if said.act is not Act.AMEND:
        return [*orders, *amendments.begin_or_replace_last(session, heard)]
    session.recorded.last = asked or session.recorded.last
    return [*orders, *amendments.correct_last(session, heard)]


def _begin_behind_no(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """The next entry, behind a "no" that was the answer to whether to close the trailer, and corrects nothing."""
    rest = without_cue(heard.reading.words, session.rules.language)
    said = replace(part_of(drafting.reading_of(session, heard), rest, session.rules), act=Act.RECORD)
    draft = Draft(heard.utterance_id, session.rules.form.name, context.filled(session, said), session.who)
    return drafting.begin_draft(session, heard, draft, drafting.judged_after(session, draft, heard))


def _may_hold_entry(session: DialogueSession, said: Reading) -> Reading | None:
    """What is said behind other words of a thing, and more than which one: "oh, one more, pallet 743, ten cases"."""
    for start in range(len(said.words)):
        part = part_of(said, said.words[start:], session.rules)
        named = session.identifiers_of(likely_values(part))
        if any(part.fields[name].words[:1] == (said.words[start].text,) for name in named):
            return part if len(likely_values(part)) > len(named) else None
    return None


def leave_question(session: DialogueSession) -> list[Order]:
    """Nothing is cancelled, and no trailer closed."""
    return drafting.leave_open(session) if session.about is About.CLOSE else drafting.drop(session)


def enter_separately(session: DialogueSession, other: Draft, heard: UtteranceHeard) -> list[Order]:
    """It is an entry of its own. What it was said over is committed before it; what that lacks is asked first.

    Only now it has what stands filled in: until here it may have been a correction, which says nothing of that.
    """
    beside = other.utterance_id != session.open_draft.utterance_id
    before: list[Order] = []
    if beside:
        stays = drafting.judged_after(session, session.open_draft, heard)
        if session.doubted or stays.outcome is not Outcome.ACCEPT:
            return _go_back(session, other, stays)
        before = drafting.commit(session)
    else:
        session.draft = session.recorded.mending = None
    other = replace(other, reading=context.filled(session, other.reading))
    verdict = replace(drafting.judged_after(session, other, heard), confirm=Confirmation.READBACK)
    orders = drafting.consider(session, other, verdict, None)
    if beside:  # It is agreed from here on, and waits for no other person.
        return [Note(other.utterance_id, other.reading, held(verdict)), *before, *orders]
    # The "no" may have meant all of it: silence would be no consent.
    return session.ask(session.is_entry_right) if session.state is State.HELD else orders


def _go_back(session: DialogueSession, other: Draft, verdict: Verdict) -> list[Order]:
    """The open entry stays open: it lacks something, or nobody had said that it is right. The other waits for its turn.

    A "no" to the one is no yes to the other; and who was misheard is asked about what he said himself.
    """
    before = drafting.tell_next_parked(session)
    # In review since it was asked about.
    session.next, session.next_is_own, doubted = other, True, session.doubted
    orders = drafting.consider(session, session.open_draft, verdict, None)
    if session.state is State.HELD and doubted:
        session.doubted = True
        orders = session.ask(session.is_entry_right)
    return [*before, *orders]
