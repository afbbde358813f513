"""The part of the dialogue that brings a draft from its first utterance to the journal, and asks what it must."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.answering import another, as_heard, corrected, other_identifier, replaced
from edge.agree.decide import Circumstances, Rules
from edge.agree.happenings import Heard
from edge.agree.orders import Commit, Drop, Earcon, Note, Order, Park, Say, Sound
from edge.agree.prompts import Prompt
from edge.agree.questions import About, Question, judged, question, worded
from edge.agree.states import QUESTIONS, State
from edge.agree.telling import Manner, Telling, heeded
from edge.forms.spoken import corrects
from edge.forms.spoken.language import fold
from edge.records import Act, Because, Confirmation, Draft, LastEntry, Outcome, Reading, Reason, Verdict, Word

MOST_TRIES = 3
"""So many answers to one question that answer nothing, and a person must look at it."""

UNANSWERED = "unanswered"
"""Why an utterance is under review: the question about it got no answer."""


class Drafting(Telling):
    """The steps of a draft, and the questions about it."""

    def __init__(self, rules: Rules, manner: Manner) -> None:
        super().__init__(rules, manner)
        self._verdict: Verdict | None = None
        self._question: Question | None = None
        self._lapsed = False
        self._tries = 0
        self._doubted = False
        self._challenges = 0

    @property
    def question(self) -> Question | None:
        """What was asked last and is not answered yet."""
        return self._question

    def _begin(self, heard: Heard) -> list[Order]:
        reading = as_heard(replace(heard.reading, act=Act.RECORD), heard.known, self._rules)
        draft = Draft(heard.utterance_id, self._rules.form.name, reading, self._who)
        return self._first(heard, draft, heard.verdict)

    def _first(self, heard: Heard, draft: Draft, verdict: Verdict) -> list[Order]:
        """Consider a draft that `heard` began."""
        kept = replace(verdict, outcome=Outcome.HOLD) if verdict.outcome is Outcome.ACCEPT else verdict
        return [Note(heard.utterance_id, heard.reading, kept), *self._consider(draft, verdict, heard)]

    def _next(self, heard: Heard) -> list[Order]:
        """A whole sentence while another entry is held: the next one, unless it takes that one back."""
        draft = self._open_draft()
        if corrects(heard.reading.words, self._rules.language) or not another(
            draft.reading, heard.reading, self._rules
        ):
            return self._instead(heard, replaced(draft, self._said_by(heard), heard.utterance_id))
        # Held in any case: a step commits one entry.
        sure = replace(heard, verdict=replace(heard.verdict, confirm=Confirmation.READBACK))
        return [*self._commit(), *self._begin(sure)]

    def _correct(self, heard: Heard) -> list[Order]:
        draft = self._open_draft()
        said = self._said_by(heard)
        if said.act is not Act.AMEND and other_identifier(draft.reading, said, self._rules):
            other = Draft(heard.utterance_id, draft.form, replace(said, act=Act.RECORD), self._who)
            values = {name: one.value for name, one in said.fields.items() if one.value is not None}
            asked = Question(About.INSTEAD, fields=values, other=other)
            # In review until it is answered what it was meant for: no end of this question may lose it.
            kept = Note(heard.utterance_id, heard.reading, heard.verdict)
            return [kept, Park(heard.utterance_id, UNANSWERED, values), *self._ask(asked)]
        return self._instead(heard, corrected(draft, said.fields, heard.utterance_id))

    def _instead(self, heard: Heard, draft: Draft) -> list[Order]:
        return [heeded(heard, Reason.ANSWER), *self._consider(draft, self._judged(draft, heard), heard)]

    def _judged(self, draft: Draft, heard: Heard) -> Verdict:
        """The verdict on the draft. That the thing is recorded already which it is a correction of says nothing."""
        recent = heard.known.recent
        mends = self._mending is not None and self._mending[0] == draft.utterance_id
        if self.last is not None and (draft.replaces is not None or mends):
            names, before = [one.name for one in self._rules.form.fields if one.identifier], self.last.fields
            recent = tuple(one for one in recent if any(one.get(name) != before.get(name) for name in names))
        return judged(draft, self._rules, Circumstances(recent=recent))

    def _said_by(self, heard: Heard) -> Reading:
        """What was said, with the doubts that come of how it sounded."""
        return as_heard(heard.reading, Circumstances(heard.known.acoustics), self._rules)

    def _amend(self, heard: Heard) -> list[Order]:
        """A correction while nothing is open: of the last entry. If the inventory refused that, it is recorded anew."""
        if self.last is None:
            return [heeded(heard, Reason.ANSWER), self._say(Prompt.NOTHING_TO_CORRECT)]
        before, said = self.last.draft.reading, self._said_by(heard)
        draft = self._of_last(self.last, replace(before, fields={**before.fields, **said.fields}), heard)
        return self._first(heard, draft, self._judged(draft, heard))

    def _object(self, heard: Heard) -> list[Order]:
        """A "no" that came too late for the undo window: what was recorded over it may be wrong."""
        if self.last is None:
            return [heeded(heard, Reason.ANSWER)]
        self.draft = self._of_last(self.last, self.last.draft.reading, heard)
        held = Verdict(Outcome.HOLD, (Because(Reason.ANSWER),), {})
        told = Say(Prompt.LAST_REFUSED if self.last.refused else Prompt.LAST_ENTRY, self.last.fields)
        return [Note(heard.utterance_id, heard.reading, held), told, *self._ask(Question(About.WRONG))]

    def _of_last(self, last: LastEntry, reading: Reading, heard: Heard) -> Draft:
        """A draft that takes the place of the last entry: where the inventory refused that, an entry of its own."""
        standing = self._standing(last)
        if last.refused:
            self._mending = heard.utterance_id, last.event_id
        return Draft(
            utterance_id=heard.utterance_id,
            form=self._rules.form.name,
            reading=reading,
            operator=self._who,
            act=Act.RECORD if standing is None else Act.AMEND,
            replaces=standing,
            agreed=last.draft.agreed,
            proved=last.draft.proved,
        )

    def _standing(self, last: LastEntry) -> str | None:
        """The event that the inventory has of it: where it refused a correction, the one that was to be corrected."""
        standing = last.draft.replaces if last.refused else last.event_id
        return None if standing in self._refused else standing

    def _consider(self, draft: Draft, verdict: Verdict, heard: Heard | None) -> list[Order]:
        """Ask the next question about the draft, or hold it, or commit what is so sure that nobody need hear it."""
        self.draft, self._verdict, self._doubted = draft, verdict, False
        ended = self._rules.form.terminator is None or (heard is not None and self._terminated(heard.reading.words))
        asked = question(draft, verdict, self._rules, self._challenges, ended=ended)
        if asked is not None:
            return self._ask(asked)
        self._question = None
        if verdict.confirm is Confirmation.EARCON and not self._manner.holds_sure:
            return self._commit()
        self.state = State.HELD
        prompt = Prompt.READBACK if draft.act is Act.RECORD else Prompt.READBACK_AMENDED
        return [self._say(prompt, verdict.fields)]

    def _commit(self) -> list[Order]:
        verdict = self._verdict or judged(self._open_draft(), self._rules)
        commit = Commit(self._open_draft(), replace(verdict, outcome=Outcome.ACCEPT))
        self._close()
        return [commit]

    def _take_back(self, heard: Heard) -> list[Order]:
        """Cancel the last entry, which is published: it takes a yes. One that was refused is given up at once."""
        if self.last is None:
            return [heeded(heard, Reason.ANSWER), self._say(Prompt.NOTHING_TO_CANCEL)]
        standing = self._standing(self.last)
        if standing is None:
            self._refused.discard(self.last.event_id)
            self.last = None
            return [heeded(heard, Reason.ANSWER), self._say(Prompt.DROPPED)]
        if self.last.refused:
            self._mending = heard.utterance_id, self.last.event_id
        self.draft = Draft(
            heard.utterance_id,
            self._rules.form.name,
            heard.reading,
            self._who,
            act=Act.CANCEL,
            replaces=standing,
        )
        self._verdict = Verdict(Outcome.ACCEPT, (), {})
        held = replace(self._verdict, outcome=Outcome.HOLD)
        asked = Question(About.CANCEL, fields=self.last.fields)
        return [Note(heard.utterance_id, heard.reading, held), *self._ask(asked)]

    def _due(self) -> list[Order]:
        """The undo window is over. What nobody understood in it may have been "no": then silence is no consent."""
        return self._ask(self._whole()) if self._doubted else self._commit()

    def _put_off(self, heard: Heard) -> list[Order]:
        """Something was said that only a model could read, and none answers: it may have been "no" as well."""
        self._doubted = True
        return self._defer(heard)

    def _doubt(self, heard: Heard) -> list[Order]:
        """Something was said that may have been "no": the entry must not be committed as if nothing had been."""
        orders = self._not_understood(heard)
        if not self._doubted:
            self._doubted = True
            return orders
        return [orders[0], Sound(Earcon.NOT_UNDERSTOOD), *self._ask(self._whole())]

    def _ask(self, asked: Question) -> list[Order]:
        self._question, self.state, self._lapsed, self._tries = asked, asked.state, False, 0
        self._challenges += asked.about is About.PROOF
        return [self._told(worded(asked))]

    def _ask_again(self) -> list[Order]:
        """The same question; after too many answers that answer nothing, a person must look at it."""
        self._tries += 1
        if self._tries >= MOST_TRIES or self._question is None:
            return self._park()
        return [Sound(Earcon.NOT_UNDERSTOOD), self._told(worded(self._question))]

    def _lapse(self) -> list[Order]:
        if self._lapsed or self._question is None:
            return self._park()
        self._lapsed = True
        return [self._told(worded(self._question))]

    def _repeated(self) -> list[Say]:
        asked = self._question if self.state in QUESTIONS else None
        return [] if asked is None else [self._told(worded(asked))]

    def _park(self) -> list[Order]:
        told = Prompt.KEPT_AS_IT_IS if self._open_draft().act is Act.CANCEL else Prompt.PARKED
        return [*self._set_aside(), self._say(told)]

    def _set_aside(self) -> list[Order]:
        """To a person with the draft; but a cancellation that nobody confirmed is none."""
        draft, values = self._open_draft(), self._verdict.fields if self._verdict else {}
        self._close()
        if draft.act is Act.CANCEL:
            return [Drop(draft)]
        # Whoever decides about a correction must not make a second entry of it by a mere yes.
        return [Park(draft.utterance_id, UNANSWERED, {} if draft.act is Act.AMEND else values)]

    def _close(self) -> None:
        self.draft = self._verdict = self._question = None
        self.state = State.IDLE

    def _whole(self) -> Question:
        fields = self._verdict.fields if self._verdict else {}
        return Question(About.ENTRY_RIGHT, fields=fields)

    def _about(self) -> About | None:
        return None if self._question is None else self._question.about

    def _asked(self) -> Question:
        return self._question or self._whole()

    def _open_draft(self) -> Draft:
        if self.draft is None:
            raise ValueError(f"the dialogue is {self.state} without a draft")
        return self.draft

    def _terminated(self, words: tuple[Word, ...]) -> bool:
        return bool(words) and fold(words[-1].text).strip(".,;:!? ") == self._rules.form.terminator
