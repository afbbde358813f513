"""The part of the dialogue that brings a draft from its first utterance to the journal, and asks what it must."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.answering import as_heard
from edge.agree.decide import Circumstances, Rules
from edge.agree.happenings import Heard
from edge.agree.orders import Commit, Drop, Earcon, Note, Order, Park, Say, Sound
from edge.agree.prompt import Prompt
from edge.agree.questions import About, Question, judged, question, worded
from edge.agree.states import QUESTIONS, State
from edge.agree.telling import Manner, Telling, heeded
from edge.forms.spoken import cue
from edge.forms.spoken.language import fold
from edge.records import Act, Confirmation, Draft, Outcome, Reading, Reason, Verdict, Word

MOST_TRIES = 3
"""So many answers to one question that answer nothing, and a person must look at it."""

REACTION_S = 0.4
"""Nobody begins to answer sooner after the device was told to speak: its voice takes a tenth of a second to be heard,
and an ear and a mouth more than the rest."""

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
        self._before: tuple[Word, ...] = ()
        """What was said last, where it may have been cut off in the middle of an entry."""
        self._paused_at: float | None = None
        """When that was said, on the driver's clock; None where that is not known."""
        self._put: tuple[Question | None, Draft | None] = (None, None)
        """What was asked or read back last."""
        self._put_at: float | None = None
        """When that began, on the driver's clock; None where that is not known."""

    @property
    def question(self) -> Question | None:
        """What was asked last and is not answered yet."""
        return self._question

    def told(self, at: float) -> None:
        """The device is told to speak, at this time of the driver's clock. A question put once more is no new one."""
        if self._put != (self._question, self.draft):
            self._put, self._put_at = (self._question, self.draft), at

    def _is_early(self, heard: Heard) -> bool:
        """Whether it was said before what it would agree to: nobody says yes to what he has not heard.

        Who types reads what is put to him: that is there at once.
        """
        if heard.began is None or self._put_at is None:
            return False
        return heard.began < self._put_at + (0.0 if heard.known.acoustics is None else REACTION_S)

    def _begin(self, heard: Heard) -> list[Order]:
        reading = as_heard(replace(heard.reading, act=Act.RECORD), heard.known, self._rules)
        draft = Draft(heard.utterance_id, self._rules.form.name, reading, self._who)
        return self._first(heard, draft, heard.verdict)

    def _first(self, heard: Heard, draft: Draft, verdict: Verdict) -> list[Order]:
        """Consider a draft that `heard` began."""
        kept = replace(verdict, outcome=Outcome.HOLD) if verdict.outcome is Outcome.ACCEPT else verdict
        return [Note(heard.utterance_id, heard.reading, kept), *self._consider(draft, verdict, heard)]

    def _instead(self, heard: Heard, draft: Draft) -> list[Order]:
        return [heeded(heard, Reason.ANSWER), *self._consider(draft, self._judged(draft, heard), heard)]

    def _takes_back(self, heard: Heard) -> bool:
        """Whether it surely takes something back, for a breath may sound like a "no"."""
        said = heard.reading
        cues, least = cue(said.words, self._rules.language), self._rules.demands.uncalibrated
        return (bool(cues) or said.act is Act.AMEND) and all(word.confidence >= least for word in cues)

    def _judged(self, draft: Draft, heard: Heard) -> Verdict:
        """The verdict on the draft. That the thing is recorded already which it is a correction of says nothing."""
        recent = heard.known.recent
        if self.last is not None and self._is_of_last(draft):
            names, before = [one.name for one in self._rules.form.fields if one.identifier], self.last.fields
            recent = tuple(one for one in recent if any(one.get(name) != before.get(name) for name in names))
        return judged(draft, self._rules, Circumstances(recent=recent))

    def _is_of_last(self, draft: Draft) -> bool:
        """Whether it takes the place of the last entry."""
        return draft.replaces is not None or (self._mending is not None and self._mending[0] == draft.utterance_id)

    def _said_by(self, heard: Heard) -> Reading:
        """What was said, with the doubts that come of how it sounded."""
        return as_heard(heard.reading, Circumstances(heard.known.acoustics), self._rules)

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
        """Commit the draft; to a person with one that is in doubt, whatever was agreed about it."""
        verdict = self._verdict or judged(self._open_draft(), self._rules)
        if verdict.outcome is not Outcome.ACCEPT:
            return self._park()
        commit = Commit(self._of_what_stands(self._open_draft()), verdict)
        self._close()
        self._before = ()
        return [commit]

    def _of_what_stands(self, draft: Draft) -> Draft:
        """The draft, in the place of what the inventory has: it may have refused meanwhile what was to be replaced."""
        if draft.replaces is None or draft.replaces not in self._turned_down:
            return draft
        self._mending = draft.utterance_id, draft.replaces
        standing = self._standing(draft.replaces)
        return replace(draft, replaces=standing, act=Act.RECORD if standing is None else draft.act)

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

    def _unanswered(self, heard: Heard) -> list[Order]:
        """What was said answers nothing."""
        return [heeded(heard, Reason.ANSWER), *self._ask_again()]

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

    def _is_terminator(self, words: tuple[Word, ...]) -> bool:
        return len(words) == 1 and self._terminated(words)
