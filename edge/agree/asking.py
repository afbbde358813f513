"""The part of the dialogue that takes answers: a field, a choice, yes, no, check digits, or something else instead."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.answering import (
    answer_to,
    answered,
    as_heard,
    confirmed,
    corrected,
    other_identifier,
    supported,
)
from edge.agree.breaths import (
    BREATH_S,
    astray,
    continued,
    cut_off,
    is_wordless,
    starts_in_doubt,
    unconfirmed,
)
from edge.agree.decide import Circumstances, decide
from edge.agree.drafting import MOST_TRIES
from edge.agree.happenings import Heard
from edge.agree.orders import Drop, Earcon, Note, Order, Sound
from edge.agree.prompt import Prompt
from edge.agree.questions import About, Question, judged, marked, proof
from edge.agree.states import QUESTIONS
from edge.agree.telling import heeded
from edge.agree.turning import Turning
from edge.forms.spoken import are_one_number, begins, proves
from edge.records import Act, Draft, FieldValue, Outcome, Reading, Reason


class Asking(Turning):
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
        if self._is_rest(heard):
            self._doubt_what_was_cut()
        match self._about():
            case About.CANCEL:
                return self._turn_from_cancelling(heard)
            case About.INSTEAD:
                return self._answer_whether(heard)
            case About.ENTRY_RIGHT if self._is_terminator(heard.reading.words):
                return self._agree(heard)
            case About.WRONG | About.ENTRY_RIGHT:
                return self._answer_about_all(heard)
            case _:
                return self._answer_about_one(heard)

    def _in_context(self, heard: Heard) -> Heard:
        """What was heard, judged by what was said before it too: a pause may have cut a number in two."""
        if self._is_later(heard):
            self._before = ()
        said = continued(self._before, heard.reading, self._rules)
        if said is heard.reading:
            return heard
        return replace(heard, reading=said, verdict=decide(said, heard.closing, self._rules, heard.known))

    def _is_later(self, heard: Heard) -> bool:
        """Whether it is another sentence: an answer never is, however long the question took."""
        if self.state in QUESTIONS or heard.began is None or self._paused_at is None:
            return False
        return heard.began > self._paused_at + BREATH_S

    def _remember_said(self, heard: Heard) -> None:
        said = heard.reading
        if said.words and not is_wordless(said):
            self._before = said.words if self.state in QUESTIONS or not said.fields else ()
            self._paused_at = heard.ended

    def _is_rest(self, heard: Heard) -> bool:
        """Whether it begins with a number that answers nothing, or that makes one with what was said before it."""
        said, name = heard.reading, self._asked().field
        if not begins(said.words, self._rules.language):
            return False
        if are_one_number(self._before, said.words, self._rules.language):
            return True
        if said.fields:
            return astray(said, self._rules) or starts_in_doubt(said, self._rules)
        return name is None or not answer_to(name, said, self._rules).fields

    def _doubt_what_was_cut(self) -> None:
        """Ask for what the last words left open: the number they end with may have had an end of its own."""
        asked, draft = self._asked(), self._doubting(self._open_draft())
        if draft.act is not Act.CANCEL:
            self.draft, self._verdict = draft, judged(draft, self._rules)
        if asked.other is not None:
            self._question = replace(asked, other=self._doubting(asked.other))

    def _doubting(self, draft: Draft) -> Draft:
        return replace(draft, reading=unconfirmed(draft.reading, cut_off(draft.reading, self._before, self._rules)))

    def _answer_about_one(self, heard: Heard) -> list[Order]:
        draft, name = self._open_draft(), str(self._asked().field)
        sound = Circumstances(heard.known.acoustics)
        said = as_heard(answer_to(name, heard.reading, self._rules), sound, self._rules)
        if not said.fields or (name not in said.fields and astray(said, self._rules)):
            return self._unanswered(heard)
        if name not in said.fields or other_identifier(_but(draft.reading, name), said, self._rules):
            if heard.verdict.outcome is Outcome.ACCEPT:
                return self._anew(heard)
            if heard.reading.act is Act.AMEND and self._takes_back(heard):
                return self._instead(heard, corrected(draft, said.fields, heard.utterance_id))
        if name in said.fields and self._is_doubtful(heard, said.fields[name].value):
            said = unconfirmed(said, [name])
        was_no = self._asked().prompt is not None  # asked again, since what was offered was not meant
        return self._answered(heard, answered(draft, name, said, heard, self._rules, correcting=was_no))

    def _is_doubtful(self, heard: Heard, value: FieldValue | None) -> bool:
        """Whether the answer is neither of the values that were offered, or may be the end of a number cut in two."""
        asked, bare = self._asked(), not heard.reading.fields and not self._takes_back(heard)
        if asked.candidates:
            return value not in asked.candidates and (asked.about is About.CHOICE or bare)
        return bare and asked.field in cut_off(self._open_draft().reading, self._before, self._rules)

    def _answered(self, heard: Heard, draft: Draft) -> list[Order]:
        return [heeded(heard, Reason.ANSWER), *self._consider(draft, self._judged(draft, heard), heard)]

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

    def _forget(self, heard: Heard) -> list[Order]:
        """The operator wants no more of what is open; what is recorded, and what he said besides, stays."""
        match self._about():
            case About.CANCEL:
                return self._disagree(heard)
            case About.WRONG | About.INSTEAD:
                return self._unanswered(heard)
            case _:
                return self._drop(heard)

    def _agree(self, heard: Heard) -> list[Order]:
        noted, asked, draft = heeded(heard, Reason.ANSWER), self._asked(), self._open_draft()
        match asked.about:
            case About.FIELD_RIGHT:
                return self._answered(
                    heard, confirmed(draft, str(asked.field), asked.candidates[0], heard.utterance_id)
                )
            case About.INSTEAD if asked.other is not None:
                correction = corrected(draft, asked.other.reading.fields, asked.other.utterance_id)
                for support in asked.other.support:
                    correction = supported(correction, support)
                said = Note(asked.other.utterance_id, asked.other.reading, noted.verdict)
                return [noted, said, *self._consider(correction, self._judged(correction, heard), heard)]
            case About.CANCEL if self._standing(draft.replaces) is None:  # it was refused while this was asked
                self._close()
                return [noted, Drop(draft), *self._give_up_last()]
            case About.CANCEL:
                self.draft = supported(draft, heard.utterance_id)
                return [noted, *self._commit(), self._say(Prompt.CANCELLED)]
            case _ if self._verdict is not None and self._verdict.outcome is not Outcome.ACCEPT:
                # Something in it came into doubt after it was read back.
                return self._answered(heard, supported(draft, heard.utterance_id))
            case _:
                self.draft = supported(draft, heard.utterance_id)
                return [noted, *self._commit()]

    def _disagree(self, heard: Heard) -> list[Order]:
        noted, asked = heeded(heard, Reason.ANSWER), self._asked()
        match asked.about:
            case About.FIELD_RIGHT:
                return [noted, *self._ask(Question(About.FIELD, asked.field, prompt=Prompt.ASK_FIELD))]
            case About.INSTEAD if asked.other is not None:
                return [noted, *self._alone(asked.other, heard)]
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
