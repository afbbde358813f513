"""Drafting: the steps that bring a draft from its first utterance to the journal, and ask what they must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dockvoice_protocol.forms.model import Expects
from dockvoice_protocol.forms.spoken import cue
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading, Word
from edge.agree.bare_names import SHORTEST_NAME, with_unclear_name
from edge.agree.cut_numbers import completed
from edge.agree.decide import Circumstances, Rules
from edge.agree.dialogue import context
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.events import Contradicted, UtteranceHeard
from edge.agree.dialogue.orders import Order
from edge.agree.dialogue.questions import OF_VALUE, About, Question, held, judged, next_question
from edge.agree.dialogue.session import Behind, DialogueSession, terms_at_hand
from edge.agree.dialogue.table import State
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.agree.merging import as_heard, marked, says_number, with_support
from edge.agree.off_talk import takes_something_back
from edge.agree.one_breath import several_identifiers, two_in_one_breath, two_that_share
from edge.agree.readings import likely_values, values_in, values_of
from edge.agree.terms import units_said
from edge.records import Because, Commit, Confirmation, Draft, Drop, LastEntry, Note, Outcome, Park, Reason, Verdict
from edge.records.speech import Earcon, Prompt, Say, Sound, Terms

HELP = {
    State.SIGNED_OFF: Prompt.HELP_SIGNED_OFF,
    State.IDLE: Prompt.HELP,
    State.HELD: Prompt.HELP_HELD,
    State.ASKING: Prompt.HELP_ASKING,
    State.CHOOSING: Prompt.HELP_CHOOSING,
    State.CONFIRMING: Prompt.HELP_CONFIRMING,
    State.PROVING: Prompt.HELP_PROVING,
    State.IDENTIFYING: Prompt.HELP_CONFIRMING,
    State.PAUSED: Prompt.HELP_PAUSED,
}
"""What can be said in each state: told who asks, and with a question that is put for the last time."""

MOST_TRIES = 3  # So many answers to one question that answer nothing, and a person must look at it.
REOPENED = "reopened"  # What was agreed about a closed trailer, among the values that the operator said yes to.
UNANSWERED = "unanswered"  # Why an utterance is under review: the question about it got no answer.


# What was said, and what is thought of it.


def reading_of(session: DialogueSession, heard: UtteranceHeard) -> Reading:
    """What was said, with the doubts that come of how it sounded."""
    return as_heard(heard.reading, Circumstances(heard.known.acoustics), session.rules)


def takes_back(session: DialogueSession, heard: UtteranceHeard) -> bool:
    """Whether it surely takes something back, for a breath may sound like a "no"."""
    said = heard.reading
    cues, least = cue(said.words, session.rules.language), session.rules.demands.uncalibrated
    return (bool(cues) or said.act is Act.AMEND) and all(word.confidence >= least for word in cues)


def judged_after(session: DialogueSession, draft: Draft, heard: UtteranceHeard, *, aloud: bool = False) -> Verdict:
    """The verdict on the draft. That the thing is recorded already which it is a correction of says nothing.

    `aloud`: it is read back however sure it is, since a step commits one entry.
    """
    verdict = _judged_after(session, draft, heard)
    return replace(verdict, confirm=Confirmation.READBACK) if aloud and verdict.outcome is Outcome.ACCEPT else verdict


def _judged_after(session: DialogueSession, draft: Draft, heard: UtteranceHeard) -> Verdict:
    known, last = heard.known, session.recorded.last
    if last is not None and session.recorded.replaces_one(draft):
        of = session.rules.identifies
        recent = tuple(one for one in known.recent if any(one.get(name) != last.fields.get(name) for name in of))
        expected = _of_count(session, last, draft, known.expected)
        known = replace(known, recent=recent, expected=expected)
    return judged(draft, session.rules, known)


def _of_count(session: DialogueSession, last: LastEntry, draft: Draft, expected: Expectations) -> Expectations:
    """What is announced of a recorded pallet whose count is changed: that it has come says nothing against that."""
    form, values = session.rules.form, values_of(draft.reading)
    pallet, counted = form.expects.get(Expects.PALLET, ""), form.expects.get(Expects.QUANTITY, "")
    same = last.fields.get(pallet) == values.get(pallet)
    if pallet not in values or not same or last.fields.get(counted) == values.get(counted):
        return NOTHING_EXPECTED
    return expected.awaiting(str(values[pallet]))


def is_terminator(session: DialogueSession, words: tuple[Word, ...]) -> bool:
    """Whether this is the form's word for the end of an entry, and nothing else."""
    return len(words) == 1 and _is_terminated(session, words)


def _is_terminated(session: DialogueSession, words: tuple[Word, ...]) -> bool:
    return bool(words) and fold(words[-1].text).strip(".,;:!? ") == session.rules.form.terminator


# A draft goes its way.


def draft_of(session: DialogueSession, heard: UtteranceHeard) -> Draft:
    """What was heard, as a claim of its own."""
    reading = as_heard(replace(heard.reading, act=Act.RECORD), heard.known, session.rules)
    stands = tuple((name, heard.utterance_id) for name in heard.stands)
    return Draft(heard.utterance_id, session.rules.form.name, reading, session.who, stands=stands)


def begin_entry(session: DialogueSession, heard: UtteranceHeard, *, alone: bool = False) -> list[Order]:
    """A new entry, with what stands. It is held, unless it is `alone`: a step commits one entry."""
    draft, verdict = draft_of(session, heard), heard.verdict
    draft = replace(draft, reading=with_unclear_name(draft.reading, draft.utterance_id, session.rules))
    understood = any(values_in(one) for one in draft.reading.fields.values() if not one.is_taken)
    if not understood and two_that_share(draft.reading, session.rules) is None:
        return ask_to_repeat(session, heard)
    if apart := _put_apart(session, draft, verdict):
        return apart
    named = replace(draft.reading, fields={**session.named_again, **draft.reading.fields})
    draft = _without_name_that_stands(session, replace(draft, reading=context.filled(session, named)))
    if verdict.outcome is Outcome.ACCEPT and not alone:
        verdict = replace(verdict, confirm=Confirmation.READBACK)
    if draft.reading.fields.keys() != heard.reading.fields.keys() or heard.reading.act is not Act.RECORD:
        verdict = judged_after(session, draft, heard, aloud=True)
    waited = session.next
    if waited is None or session.relation(draft.reading, waited) is not Relation.SAME:
        return begin_draft(session, heard, draft, verdict)
    session.next = None  # its turn has come: the operator has said it by himself
    known = values_of(draft.reading)
    if any(known.get(name, value) != value for name, value in values_of(waited.reading).items()):
        return [*tell_parked(session, waited.reading), *begin_draft(session, heard, draft, verdict)]
    said = Note(waited.utterance_id, waited.reading, heard.noted_as_heeded().verdict)
    return [said, *begin_draft(session, heard, with_support(draft, waited.utterance_id), verdict)]


def _put_apart(session: DialogueSession, draft: Draft, verdict: Verdict) -> list[Order]:
    """Several things in one breath that are not asked one by one, to a person: an answer for one drops the others."""
    rules, fields = session.rules, draft.reading.fields
    several = several_identifiers(draft.reading, rules)
    if not several or (verdict.ask in rules.identifiers and two_in_one_breath(draft.reading, rules)):
        return []
    name = next(one for one in rules.identifies if several[0] in values_in(fields.get(one)))
    session.recorded.left_since = True
    told = [session.say(Prompt.PARKED_ENTRY, {name: one}) for one in several]
    return [Park(draft.utterance_id, UNANSWERED, values_of(draft.reading), draft), *told]


def _without_name_that_stands(session: DialogueSession, draft: Draft) -> Draft:
    """The claim without a name from the context, where another was named since: it may be of that, and needs a yes."""
    fields = draft.reading.fields
    taken = {name for name in session.rules.identifies if name in fields and fields[name].is_taken}
    if not (taken and session.recorded.left_since):
        return draft
    session.needs_yes.add(draft.utterance_id)
    left = {name: one for name, one in fields.items() if name not in taken}
    return replace(draft, reading=replace(draft.reading, fields=left))


def begin_draft(session: DialogueSession, heard: UtteranceHeard, draft: Draft, verdict: Verdict) -> list[Order]:
    """A draft that `heard` began."""
    session.recorded.left_since = False
    return [heard.noted(held(verdict)), *consider(session, draft, verdict, heard)]


def revise(session: DialogueSession, heard: UtteranceHeard, draft: Draft) -> list[Order]:
    """The open draft has become this one by what was heard; on another trailer, without the door of the one before."""
    draft = replace(draft, reading=context.moved(session, draft.reading))
    return [heard.noted_as_heeded(), *consider(session, draft, judged_after(session, draft, heard), heard)]


def consider(session: DialogueSession, draft: Draft, verdict: Verdict, heard: UtteranceHeard | None) -> list[Order]:
    """Ask the next question about the draft, or hold it, or commit what is so sure that nobody need hear it."""
    session.open(draft, verdict)
    terminator = session.rules.form.terminator
    of_entry = draft.act is not Act.CONTEXT and terminator is not None
    ended = not of_entry or (heard is not None and _is_terminated(session, heard.reading.words))
    question = next_question(draft, verdict, session.rules, session.challenges, ended=ended)
    question = question or _whether_to_reopen(session, draft, verdict)
    if question is not None:
        return session.ask(question)
    if draft.utterance_id in session.needs_yes:
        return session.ask(session.is_entry_right)
    sure = verdict.confirm is Confirmation.EARCON and draft.act is not Act.CONTEXT
    told = session.settings.holds_sure or _otherwise_aside(session) or context.begins_to_stand(session, draft)
    if sure and not told:
        return commit(session)
    return hold(session)


def hold(session: DialogueSession) -> list[Order]:
    """The open draft is read back, and committed if nothing is said against it; and what else waits of the thing."""
    others = _otherwise_aside(session)
    session.question, session.state = None, State.HELD
    session.read_back = session.open_draft if session.open_draft.act is Act.CONTEXT else None
    return [*session.several([replace(context.readback(session), terms=terms_at_hand(session)), *others])]


def _otherwise_aside(session: DialogueSession) -> list[Say]:
    """What was put aside of the same thing, and says something else: it stays there, and that is told."""
    verdict = session.verdict
    if verdict is None:
        return []
    waiting = [one for one in _aside_of_it(session, session.open_draft) if not _says_no_other(one, verdict)]
    told = ((likely_values(one.reading), Terms(units_said(one.reading, session.rules))) for one in waiting)
    return [Say(Prompt.ASIDE_BEFORE, values, terms=terms) for values, terms in told]


def _whether_to_reopen(session: DialogueSession, draft: Draft, verdict: Verdict) -> Question | None:
    """Whether the trailer is open again of which it is dictated; what waits for a person was dictated before."""
    name = session.rules.form.place_field(Expects.TRAILER)
    trailer = None if name is None else verdict.fields.get(name)
    if name is None or trailer is None or draft.act is not Act.RECORD or session.recorded.in_review(draft):
        return None
    if (
        marked(REOPENED, trailer) in draft.agreed
        or session.recorded.closing_of(str(trailer), session.settings, session.lately.now) is None
    ):
        return None
    return Question(About.REOPEN, name, fields={name: trailer})


def commit(session: DialogueSession) -> list[Order]:
    """Commit the draft; to a person with one that is in doubt, whatever was agreed about it."""
    verdict = session.verdict or judged(session.open_draft, session.rules)
    if verdict.outcome is not Outcome.ACCEPT:
        return park(session)
    if session.open_draft.act is Act.CONTEXT:
        return context.settle(session)
    draft = _replacing_what_stands(session, session.open_draft)
    settled = [one for one in _aside_of_it(session, draft) if _says_no_other(one, verdict)]
    for one in settled:
        draft = with_support(draft, one.utterance_id)
    # What was said before another thing is not what a nameless correction is of.
    session.recorded.left_since |= draft.utterance_id in session.needs_yes
    context.entered(session, session.open_draft)
    session.close()
    session.breath.words = ()
    heeded = Verdict(Outcome.HEED, (Because(Reason.ANSWER),), {})
    return [*(Note(one.utterance_id, one.reading, heeded) for one in settled), Commit(draft, verdict)]


def _aside_of_it(session: DialogueSession, draft: Draft) -> list[Draft]:
    """What was put aside of the same thing, and was not taken up: it has been dictated again since."""
    needed = {one for one in session.rules.identifies if session.rules.form[one].required}
    named = session.identifiers_of(values_of(draft.reading))
    if not needed or draft.act is not Act.RECORD:
        return []
    waiting = (one for one in session.recorded.aside.drafts if one.act is Act.RECORD and one.form == draft.form)
    others = (one for one in waiting if one.utterance_id != draft.utterance_id)
    known = ((one, session.identifiers_of(likely_values(one.reading))) for one in others)
    return [one for one, of in known if needed <= of.keys() and {**of, **named} == {**named, **of}]


def _says_no_other(aside: Draft, verdict: Verdict) -> bool:
    """Does what was put aside say nothing else than the entry? Then that is all that was meant by it."""
    said = [(name, one) for name, one in aside.reading.fields.items() if one.value is not None]
    return all(verdict.fields.get(name) == one.value and not one.rivals for name, one in said)


def _replacing_what_stands(session: DialogueSession, draft: Draft) -> Draft:
    """The draft, in the place of what the inventory has: it may have refused meanwhile what was to be replaced."""
    recorded = session.recorded
    if draft.replaces is None or draft.replaces not in recorded.turned_down:
        return draft
    recorded.mending = draft.utterance_id, draft.replaces
    standing = recorded.standing(draft.replaces)
    return replace(draft, replaces=standing, act=Act.RECORD if standing is None else draft.act)


def park(session: DialogueSession) -> list[Order]:
    """To a person with the draft, and the operator is told; but a cancellation that nobody confirmed is none."""
    draft, values, besides = session.open_draft, session.values, in_review_besides(session)
    if session.settings.is_closing(draft) and draft.act is Act.RECORD:
        return leave_open(session)
    session.close()
    if draft.act is Act.CONTEXT:
        return [*context.keep(session, draft), session.say(Prompt.KEPT_AS_IT_IS), *besides]
    if draft.act is Act.CANCEL:
        return [Drop(draft), session.say(Prompt.KEPT_AS_IT_IS), *besides]
    context.leave(session, draft.reading)
    session.recorded.left_since |= draft.act is Act.RECORD or bool(besides)
    # Whoever decides about a correction must not make a second entry of it by a mere yes.
    kept = Park(draft.utterance_id, UNANSWERED, {} if draft.act is Act.AMEND else values, draft)
    return [kept, *tell_parked(session, draft.reading), *besides]


def leave_open(session: DialogueSession) -> list[Order]:
    """A closing that nobody said yes to is none, and the operator is told."""
    told = session.settings.as_told(session.values, session.rules.form)
    return [*drop(session), session.say(Prompt.STAYS_OPEN, told)]


def in_review_besides(session: DialogueSession) -> list[Order]:
    """What was put aside when it was asked whether it corrects the open entry: it stays there, and that is told."""
    asked, draft = session.question, session.open_draft
    if asked is None or asked.other is None or asked.other.utterance_id == draft.utterance_id:
        return []
    return tell_parked(session, asked.other.reading)


def put_behind(session: DialogueSession) -> list[Order]:
    """The open claim is asked about again behind the next one, once: in review until then, so that nothing loses it."""
    draft, values = session.open_draft, session.values
    if draft.act is not Act.RECORD or session.settings.is_closing(draft) or draft.utterance_id in session.needs_yes:
        return park(session)
    besides = [*tell_next_parked(session), *in_review_besides(session)]
    session.needs_yes.add(draft.utterance_id)
    context.leave(session, draft.reading)
    session.close()
    session.next, session.next_is_own = draft, False
    return [Park(draft.utterance_id, UNANSWERED, values, draft), *besides]


def let_wait(session: DialogueSession, heard: UtteranceHeard, said: Reading) -> list[Order]:
    """What was heard waits for its turn behind the open draft; what waited there stays in review, and that is told."""
    before = tell_next_parked(session)
    return [heard.noted(held(heard.verdict)), put_next(session, heard, said), *before]


def tell_next_parked(session: DialogueSession) -> list[Order]:
    """That what waits for its turn is not taken up, as something else takes that."""
    return [] if session.next is None else tell_parked(session, session.next.reading)


def put_next(session: DialogueSession, heard: UtteranceHeard, said: Reading, support: tuple[str, ...] = ()) -> Park:
    """An entry waits for its turn behind the open draft: in review, so that nothing loses it."""
    reading = replace(said, act=Act.RECORD)
    session.next_is_own = False
    stands = tuple((name, heard.utterance_id) for name in heard.stands)
    form = session.rules.form.name
    session.next = Draft(heard.utterance_id, form, reading, session.who, support=support, stands=stands)
    return Park(heard.utterance_id, UNANSWERED, values_of(said), session.next)


def tell_parked(session: DialogueSession, said: Reading) -> list[Order]:
    """What was put aside: by what it is known by, or may be, if that was heard. Two in one breath are told both."""
    known = session.identifiers_of(likely_values(said))
    rivals = any(said.fields[name].rivals for name in known)
    two = two_in_one_breath(said, session.rules) if rivals else two_that_share(said, session.rules)
    if not known and two is None:
        return [session.say(Prompt.PARKED)]
    each = [known] if two is None else [session.identifiers_of(values_of(part)) for part in two]
    return [session.say(Prompt.PARKED_ENTRY, one) for one in each]


def ask_to_finish(session: DialogueSession, behind: Behind | None = None) -> list[Order]:
    """Whoever leaves, or changes the work, is asked once to finish what is open: its question is put again.

    What he wants is carried out `behind` that.
    """
    draft, asked = session.draft, session.question
    if (
        draft is None
        or asked is None
        or draft.act is Act.CANCEL
        or session.settings.is_closing(draft)
        or session.leaving
    ):
        return []
    session.leaving, session.behind = True, behind
    return [*unfinished(session, draft), session.put(asked)]


def unfinished(session: DialogueSession, draft: Draft) -> list[Say]:
    """What a question is about that is put once more: by what that is known, if by anything."""
    values = likely_values(draft.reading)
    terms = Terms(units_said(draft.reading, session.rules))
    return [Say(Prompt.UNFINISHED, session.identifiers_of(values) or values, terms=terms)] if values else []


def finish_open(session: DialogueSession) -> list[Order]:
    """Close what is open before somebody else speaks, or another form is filled.

    What is held is committed, what is asked goes to a person. What is told of it stays of its form.
    """
    session.next = None  # it waits for a person, and is counted
    if session.draft is None:
        return []
    sure, form = session.state is State.HELD and not session.doubted, session.rules.form.name
    closed = commit(session) if sure else park(session)
    return [replace(one, form=form) if isinstance(one, Say) else one for one in closed]


def drop(session: DialogueSession) -> list[Order]:
    """The draft is no more, on record as taken back."""
    order, besides = Drop(session.open_draft), in_review_besides(session)
    session.scanned = (), None  # the same label may well be scanned at once for what is meant
    session.close()
    return [order, *besides]


# While an entry is held.


def commit_on_yes(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """The operator says that the held entry is right. A yes to "say again" confirms nothing: it is read back first."""
    return [heard.noted_as_heeded(), *(session.ask(session.is_entry_right) if session.doubted else commit(session))]


def end_undo_window(session: DialogueSession, _: object) -> list[Order]:
    """The undo window is over. What nobody understood in it may have been "no": then silence is no consent."""
    return session.ask(session.is_entry_right) if session.doubted else commit(session)


def put_off(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Something was said that only a model could read, and none answers: it may have been "no" as well."""
    session.doubted = True
    return tell_kept(session, heard)


def doubt(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """Something was said that may have been "no": the entry must not be committed as if nothing had been."""
    if (whole := completed(session.open_draft, session.breath.words, heard.reading, session.rules)) is not None:
        return revise(session, heard, whole)
    if session.was_named(heard.reading) and session.relation(heard.reading) in {Relation.ANOTHER, Relation.NAME}:
        return ask_to_repeat(session, heard)  # it is of an entry before, and says nothing against this one
    session.doubted_number |= says_number((word.text for word in heard.reading.words), session.rules)
    if not session.doubted:
        session.doubted = True
        return ask_to_repeat(session, heard)
    again = session.ask(session.is_entry_right)
    return [heard.noted_as_not_understood(), Sound(Earcon.NOT_UNDERSTOOD), *again]


def ask_which(session: DialogueSession, heard: Contradicted) -> list[Order]:
    """A second reader heard a value otherwise: ask "4744, or 474?", where it stands, and nobody has said yes to it.

    Who has begun to speak is not asked over his words: it is too late then, as it is after the undo window.
    """
    draft = session.open_draft
    if draft.utterance_id != heard.utterance_id or session.news.interrupted:
        return []
    fields = {name: _doubted(draft, name, *pair, session.rules) for name, pair in heard.otherwise.items()}
    doubted = {name: said for name, said in fields.items() if said is not None}
    draft = replace(draft, reading=replace(draft.reading, fields={**draft.reading.fields, **doubted}))
    verdict = judged(draft, session.rules)
    if not doubted or verdict.outcome is not Outcome.ASK:
        return []
    return [Sound(Earcon.QUESTION), *consider(session, draft, verdict, None)]


def _doubted(draft: Draft, name: str, value: FieldValue, other: FieldValue, rules: Rules) -> FieldReading | None:
    """The field with the other value beside its own; None where it is not in question."""
    said = draft.reading.fields.get(name)
    if said is None or said.value != value or marked(name, value) in {*draft.agreed, *draft.proved}:
        return None
    return replace(said, rivals=(other,)) if rules.allow(rules.form[name], other) else None


# What is not understood, in any state.


def ask_to_repeat(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """It was not understood."""
    context.leave(session, heard.reading)
    session.recorded.left_since |= _may_name(session, heard.reading)
    return [heard.noted_as_not_understood(), Sound(Earcon.NOT_UNDERSTOOD), session.say(Prompt.REPEAT)]


def _may_name(session: DialogueSession, said: Reading) -> bool:
    """Whether a thing may have been named: its field is said, or so many digits."""
    rules = session.rules
    digits = sum(len(word.text) if word.text.isdigit() else rules.language.tells(word.text) for word in said.words)
    return digits >= SHORTEST_NAME or any(name in said.fields for name in rules.identifies)


def tell_kept(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """It is kept, to be read when a model answers again."""
    return [heard.noted(), session.say(Prompt.DEFERRED)]


# While a question is open.


def reject_answer(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """What was said answers nothing. Where it holds a value or a number, the operator is told that it was not got.

    It may have been said against the entry, too: then that wants a yes. What names a thing is put aside by the audit.
    """
    said, rules, draft = heard.reading, session.rules, session.open_draft
    context.leave(session, said)
    told = [word.text for word in said.words if rules.language.tells(word.text)]
    is_known = told and any(" ".join(told) in " ".join(one.words) for one in draft.reading.fields.values())
    is_command = said.act not in {Act.RECORD, Act.AMEND}
    if session.about in OF_VALUE and not is_command and takes_something_back(said, rules):
        session.needs_yes.add(draft.utterance_id)
    named = any(values_in(said.fields.get(name)) for name in rules.identifies)
    if named or is_known or is_command or not (said.fields or _may_count(told, rules)):
        return [heard.noted_as_heeded(), *put_again(session)]
    session.recorded.left_since |= _may_name(session, said)
    return [heard.noted_as_not_understood(), *put_again(session, [session.say(Prompt.REPEAT)])]


def _may_count(told: Sequence[str], rules: Rules) -> bool:
    """Whether a number is said, and not "one" alone: "the green one"."""
    return says_number(told, rules) and (
        len(told) > 1 or [one.value for one in rules.language.numerals.counts([fold(told[0])], 0)] != [1]
    )


def reject_unheard(session: DialogueSession, heard: UtteranceHeard) -> list[Order]:
    """What was said was not heard well enough to answer anything, or cancels another entry than the open one."""
    told = [session.say(Prompt.REPEAT)] if heard.reading.act is Act.CANCEL and heard.reading.fields else []
    return [heard.noted_as_not_understood(), *put_again(session, told)]


def put_again(session: DialogueSession, given_up: Sequence[Say] = ()) -> list[Order]:
    """The same question; after too many answers that answer nothing, a person must look at it."""
    session.tries += 1
    if session.tries >= MOST_TRIES or session.question is None:
        return [*given_up, *park(session)]
    way_out = [Say(HELP[session.state])] if session.tries == MOST_TRIES - 1 else given_up
    return [Sound(Earcon.NOT_UNDERSTOOD), *way_out, session.put_aloud()]


def lapse(session: DialogueSession, _: object) -> list[Order]:
    """Nobody answers: the same question; a second time, a person must look at it."""
    if session.lapsed or session.question is None:
        session.next_is_own = False  # nobody may be there to hear it read back
        return park(session)
    session.lapsed = not session.question.unspoken
    return [session.put_aloud()]
