"""The part of the dialogue that brings a draft from its first utterance to the journal, and asks what it must."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.answering import another, corrected, other_identifier, replaced
from edge.agree.decide import Rules
from edge.agree.happenings import Heard
from edge.agree.orders import Commit, Drop, Earcon, Note, Order, Park, Sound
from edge.agree.prompts import Prompt
from edge.agree.questions import About, Question, judged, question, worded
from edge.agree.states import State
from edge.agree.telling import Manner, Telling, heeded
from edge.forms.spoken import corrects
from edge.records import Act, Confirmation, Draft, Outcome, Reason, Verdict, Word

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

    def _begin(self, heard: Heard) -> list[Order]:
        reading = replace(heard.reading, act=Act.RECORD)
        draft = Draft(heard.utterance_id, self._rules.form.name, reading, self._who)
        return self._first(heard, draft, heard.verdict)

    def _first(self, heard: Heard, draft: Draft, verdict: Verdict) -> list[Order]:
        """Consider a draft that `heard` began."""
        kept = replace(verdict, outcome=Outcome.HOLD) if verdict.outcome is Outcome.ACCEPT else verdict
        return [Note(heard.utterance_id, heard.reading, kept), *self._consider(draft, verdict, heard)]

    def _next(self, heard: Heard) -> list[Order]:
        """A whole sentence while another entry is held: the next one, unless it takes that one back."""
        draft = self._open_draft()
        if corrects(heard.reading.words) or not another(draft.reading, heard.reading, self._rules):
            return self._instead(heard, replaced(draft, heard.reading, heard.utterance_id))
        # Held in any case: a step commits one entry.
        sure = replace(heard, verdict=replace(heard.verdict, confirm=Confirmation.READBACK))
        return [*self._commit(), *self._begin(sure)]

    def _correct(self, heard: Heard) -> list[Order]:
        draft = self._open_draft()
        said = heard.reading
        if said.act is not Act.AMEND and other_identifier(draft.reading, said, self._rules):
            other = Draft(heard.utterance_id, draft.form, replace(said, act=Act.RECORD), self._who)
            values = {name: one.value for name, one in said.fields.items() if one.value is not None}
            asked = Question(About.INSTEAD, fields=values, other=other)
            return [Note(heard.utterance_id, said, heard.verdict), *self._ask(asked)]
        return self._instead(heard, corrected(draft, said.fields, heard.utterance_id))

    def _instead(self, heard: Heard, draft: Draft) -> list[Order]:
        return [heeded(heard, Reason.ANSWER), *self._consider(draft, judged(draft, self._rules, heard.known), heard)]

    def _amend(self, heard: Heard) -> list[Order]:
        """A correction while nothing is open: of the last entry. If the inventory refused that, it is recorded anew."""
        if self.last is None:
            return [heeded(heard, Reason.ANSWER), self._say(Prompt.NOTHING_TO_CORRECT)]
        draft = Draft(
            utterance_id=heard.utterance_id,
            form=self._rules.form.name,
            reading=replace(self.last.draft.reading, fields={**self.last.draft.reading.fields, **heard.reading.fields}),
            operator=self._who,
            act=Act.RECORD if self.last.refused else Act.AMEND,
            replaces=None if self.last.refused else self.last.event_id,
            agreed=self.last.draft.agreed,
            proved=self.last.draft.proved,
        )
        return self._first(heard, draft, judged(draft, self._rules))

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
        """Cancel the last entry, which is published: it takes a yes."""
        if self.last is None or self.last.refused:
            return [heeded(heard, Reason.ANSWER), self._say(Prompt.NOTHING_TO_CANCEL)]
        self.draft = Draft(
            heard.utterance_id,
            self._rules.form.name,
            heard.reading,
            self._who,
            act=Act.CANCEL,
            replaces=self.last.event_id,
        )
        self._verdict = Verdict(Outcome.ACCEPT, (), {})
        held = replace(self._verdict, outcome=Outcome.HOLD)
        asked = Question(About.CANCEL, fields=self.last.fields)
        return [Note(heard.utterance_id, heard.reading, held), *self._ask(asked)]

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
        return [self._told(worded(asked, self._rules))]

    def _ask_again(self) -> list[Order]:
        """The same question; after too many answers that answer nothing, a person must look at it."""
        self._tries += 1
        if self._tries >= MOST_TRIES or self._question is None:
            return self._park()
        return [Sound(Earcon.NOT_UNDERSTOOD), self._told(worded(self._question, self._rules))]

    def _lapse(self) -> list[Order]:
        if self._lapsed or self._question is None:
            return self._park()
        self._lapsed = True
        return [self._told(worded(self._question, self._rules))]

    def _park(self) -> list[Order]:
        told = Prompt.KEPT_AS_IT_IS if self._open_draft().act is Act.CANCEL else Prompt.PARKED
        return [*self._set_aside(), self._say(told)]

    def _set_aside(self) -> list[Order]:
        """To a person with the draft; but a cancellation that nobody confirmed is none."""
        draft, values = self._open_draft(), self._verdict.fields if self._verdict else {}
        self._close()
        return [Drop(draft) if draft.act is Act.CANCEL else Park(draft.utterance_id, UNANSWERED, values)]

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
        return bool(words) and words[-1].text == self._rules.form.terminator
