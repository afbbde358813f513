"""The part of the dialogue that takes answers: a field, a choice, yes, no, check digits, or something else instead."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.answering import (
    another,
    answer_to,
    answered,
    as_heard,
    confirmed,
    corrected,
    other_identifier,
    replaced,
    supported,
)
from edge.agree.decide import Circumstances
from edge.agree.drafting import MOST_TRIES, Drafting
from edge.agree.happenings import Heard
from edge.agree.orders import Drop, Earcon, Note, Order, Sound
from edge.agree.prompts import Prompt
from edge.agree.questions import About, Question, marked, proof
from edge.agree.telling import heeded
from edge.forms.spoken import corrects, proves
from edge.records import Act, Confirmation, Draft, Outcome, Reading, Reason


class Asking(Drafting):
    """The steps that answer a question."""

    def _answers(self, heard: Heard) -> bool:
        """Does what would be talk at any other time answer the question: "the far one, B"?"""
        if self._question is None or self._question.field is None or not heard.reading.words:
            return False
        if heard.is_indistinct(self._rules):
            return False
        if self._question.about is About.PROOF:
            return True
        return bool(answer_to(self._question.field, heard.reading, self._rules).fields)

    def _answer(self, heard: Heard) -> list[Order]:
        match self._about():
            case About.CANCEL:
                return self._turn_from_cancelling(heard)
            case About.INSTEAD | About.WRONG | About.ENTRY_RIGHT:
                return self._answer_about_all(heard)
            case _:
                return self._answer_about_one(heard)

    def _answer_about_one(self, heard: Heard) -> list[Order]:
        draft, name = self._open_draft(), str(self._asked().field)
        sound = Circumstances(heard.known.acoustics)
        said = as_heard(answer_to(name, heard.reading, self._rules), sound, self._rules)
        if not said.fields:
            return [heeded(heard, Reason.ANSWER), *self._ask_again()]
        if name not in said.fields or other_identifier(_but(draft.reading, name), said, self._rules):
            if heard.verdict.outcome is Outcome.ACCEPT:
                return self._anew(heard)
            if heard.reading.act is Act.AMEND:
                return self._instead(heard, corrected(draft, said.fields, heard.utterance_id))
        was_no = self._asked().prompt is not None  # asked again, since what was offered was not meant
        return self._answered(heard, answered(draft, name, said, heard, self._rules, correcting=was_no))

    def _answered(self, heard: Heard, draft: Draft) -> list[Order]:
        return [heeded(heard, Reason.ANSWER), *self._consider(draft, self._judged(draft, heard), heard)]

    def _answer_about_all(self, heard: Heard) -> list[Order]:
        """A correction in the place of a yes or a no, or a new sentence."""
        said, draft = self._said_by(heard), self._open_draft()
        if not said.fields:
            if len(said.words) == 1 and self._terminated(said.words):
                return self._agree(heard)
            return [heeded(heard, Reason.ANSWER), *self._ask_again()]
        if heard.verdict.outcome is Outcome.ACCEPT:
            if another(draft.reading, said, self._rules) and not corrects(said.words, self._rules.language):
                return self._anew(heard)
            return self._instead(heard, replaced(draft, said, heard.utterance_id))
        return self._instead(heard, corrected(draft, said.fields, heard.utterance_id))

    def _anew(self, heard: Heard) -> list[Order]:
        """Another whole sentence in the place of an answer: the open one goes to a person, this one goes on."""
        return [*self._set_aside(), *self._begin(heard)]

    def _turn_from_cancelling(self, heard: Heard) -> list[Order]:
        """The operator goes on with something else: the last entry stays."""
        if heard.verdict.outcome not in {Outcome.ACCEPT, Outcome.ASK} and not heard.reading.fields:
            return [heeded(heard, Reason.ANSWER), *self._ask_again()]
        dropped = Drop(self._open_draft())
        self._close()
        return [dropped, *(self._amend(heard) if heard.reading.act is Act.AMEND else self._begin(heard))]

    def _drop(self, heard: Heard) -> list[Order]:
        """The operator takes back what is open. "Cancel" to the question whether to cancel is a yes."""
        if self._about() is About.CANCEL:
            return self._agree(heard)
        draft = self._open_draft()
        self._close()
        return [heeded(heard, Reason.ANSWER), Drop(draft), self._say(Prompt.DROPPED)]

    def _give_up(self, heard: Heard) -> list[Order]:
        """Drop it; but who answers so to the question what is wrong with the last entry means all of that."""
        draft = self._open_draft()
        if self._about() is not About.WRONG or draft.act is not Act.AMEND:
            return self._drop(heard)
        self._close()
        return [Drop(draft), *self._take_back(heard)]

    def _agree(self, heard: Heard) -> list[Order]:
        noted, asked, draft = heeded(heard, Reason.ANSWER), self._asked(), self._open_draft()
        match asked.about:
            case About.FIELD_RIGHT:
                return self._answered(
                    heard, confirmed(draft, str(asked.field), asked.candidates[0], heard.utterance_id)
                )
            case About.INSTEAD if asked.other is not None:
                correction = corrected(draft, asked.other.reading.fields, asked.other.utterance_id)
                said = Note(asked.other.utterance_id, asked.other.reading, noted.verdict)
                return [noted, said, *self._consider(correction, self._judged(correction, heard), heard)]
            case About.CANCEL:
                self.draft = supported(draft, heard.utterance_id)
                return [noted, *self._commit(), self._say(Prompt.CANCELLED)]
            case _:
                self.draft = supported(draft, heard.utterance_id)
                return [noted, *self._commit()]

    def _disagree(self, heard: Heard) -> list[Order]:
        noted, asked = heeded(heard, Reason.ANSWER), self._asked()
        match asked.about:
            case About.FIELD_RIGHT:
                return [noted, *self._ask(Question(About.FIELD, asked.field, prompt=Prompt.ASK_FIELD))]
            case About.INSTEAD if asked.other is not None:
                other = asked.other
                verdict = replace(self._judged(other, heard), confirm=Confirmation.READBACK)
                return [noted, *self._commit(), *self._consider(other, verdict, None)]
            case About.CANCEL:
                dropped = Drop(self._open_draft())
                self._close()
                return [noted, dropped, self._say(Prompt.KEPT_AS_IT_IS)]
            case _:
                return self._what_is_wrong(heard)

    def _neither(self, heard: Heard) -> list[Order]:
        asked = Question(About.FIELD, self._asked().field, prompt=Prompt.ASK_FIELD)
        return [heeded(heard, Reason.ANSWER), *self._ask(asked)]

    def _what_is_wrong(self, heard: Heard) -> list[Order]:
        return [heeded(heard, Reason.ANSWER), *self._ask(Question(About.WRONG))]

    def _prove(self, heard: Heard) -> list[Order]:
        asked, draft = self._asked(), self._open_draft()
        if heard.reading.fields:
            return self._answer(heard)
        ((name, value),) = asked.fields.items()
        checks = self._rules.catalogue.checks_of(str(self._rules.form[name].catalogue), str(value))
        if proves(heard.reading.words, checks[asked.check], self._rules.language):
            return self._answered(
                heard, supported(replace(draft, proved=(*draft.proved, marked(name, value))), heard.utterance_id)
            )
        self._tries += 1
        noted = heeded(heard, Reason.ANSWER)
        if self._tries >= MOST_TRIES:
            return [noted, *self._park()]
        tries, again = self._tries, proof(name, value, self._rules, self._challenges)
        orders = [noted, Sound(Earcon.NOT_UNDERSTOOD), self._say(Prompt.CHECK_WRONG), *self._ask(again)]
        self._tries = tries
        return orders


def _but(reading: Reading, name: str) -> Reading:
    """The reading without the field that is asked for: its value is what is in doubt."""
    return replace(reading, fields={other: said for other, said in reading.fields.items() if other != name})
