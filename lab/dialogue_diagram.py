"""Generates `docs/dialogue.md` from the dialogue's table: `python -m lab.dialogue_diagram > docs/dialogue.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping

from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.table import TABLE, Event, State, Step, list_following_states

_INTRODUCTION = """\
# The dialogue

How an entry is agreed with the operator. `python -m lab.dialogue_diagram > docs/dialogue.md` writes this page from the
table in `edge/agree/dialogue/table.py`; a test compares the two. Try it: `dockvoice talk`.

A complete entry is read back and *held* for the undo window. What is missing or in doubt is asked, one question at a
time. A question without an answer is put once more; then the utterance goes to a person (`dockvoice queue list
--held`). Nothing is committed that was not read back while the operator could object, but for a correction of an earlier
entry over a question: it is told, and may be corrected. After a power cut, or a fault of the headset, what was held is asked.

## What operators say

| said | what happens |
|---|---|
| "yes", "okay", "thanks", silence, the next sentence | the held entry is committed; silence does not commit after words that were not understood |
| "no, fifteen units" | corrects the held entry |
| "scratch that", "take that back", "never mind" | takes back what was added last ("742 is wet", "order 55281", a trailer said over a question), and reads out or asks about the rest; else, or said again, drops what is open, by its name, never what is recorded or waited before; in a break it is told that all stays |
| "correction, fifteen units"; "cancel", confirmed | amends or cancels the last entry, or the one told of since, by an event that names it; "change dock A to dock D" asks about the entry at dock A |
| a bare "no" after the undo window | asks what is wrong with the last entry; a whole other entry then is the next, and needs a yes; "no, thirteen" right behind a record is asked back |
| a whole sentence behind "no" | takes the entry's place; about another thing it is asked: "pallet 750 instead of pallet 742?" |
| "correction, pallet 742, fifteen units"; "delete pallet 742", "forget pallet 742", "don't record pallet 742"; "did I do 742?" | corrects, cancels (each of that name, one by one) or tells any entry of the shift, and what waits for review; another that is open stays |
| "delete pallet 754", "delete pallet 633" | asks about each, the first again behind the other, also after a "no" or a power cut; "yes, pallet 743, ten cases" cancels, and begins the next |
| "pallet 742, two damaged"; "pallet 742 is wet"; "pallet 742 has 13 cases"; "that was thirteen"; "two of those were damaged" | corrects an entry on record, or what waits for review; it is read back whole, and asked where it changes a value or the trailer is another one now; "no, 743" then tells it of that pallet, and leaves the other as it was, "743 is wet" is told besides; a whole entry is one of its own, but of what waits it takes the place, with a yes; of the last, "How many good ones?" is asked |
| "how many on dock B?" | counts this device's entries there since midnight |
| "what is left?", "what is missing on trailer 5501?" | names announced pallets that were not received, offline |
| "how many on this trailer?", "so far" | sums of the last day by item, unit and condition |
| "where does 742 go?" | what is recorded, waits, or is expected; the last two digits suffice where they are unique |
| "read me the last three", "how many today?", "what am I missing?", "who am I?" | the operator's last entries; the shift; what the open entry lacks; who is signed on |
| "trailer done" | tells what was received and is missing, and asks "Close trailer 5501?". Only a yes or "okay" closes it; "not done yet" opens it again |
| "what is open?", "how many waiting" | asks about the operator's oldest utterance that was put aside; counts all |
| "put it aside" | leaves it for a person |
| "the second", "nothing", "the dock" | chooses a value; lets the entry stand; names the wrong field |

"Same again", "same dock", and what is said once for many entries: [forms.md](forms.md#said-once); "switch to counting":
[forms.md](forms.md#several-forms-at-hand). Questions never become records, and no announced figure is told.

## How doubt is settled

- **Sequences.** The last four digits of an announced pallet are that pallet; of 77 or 7720, it is the one on the list.
- **Expected receipts.** A pallet on no list, on another list, or already received is asked about
  ([inventory.md](inventory.md#expected-receipts)). A count that differs is asked for again, without either figure: the
  second count stands, the first is kept. A pallet of a trailer closed within a day: "Open it again?"
- **Several breaths.** What names another pallet is never written into the open entry. A number that a pause may have cut
  ("pallet four nine", "zero eight"; "minus", "eighteen") is asked about, whatever is said in between.
- **Several things in one breath**, each said whole ("pallet 742, twelve cases, pallet 743, eight cases"), or names that
  make an entry ("pallet 742 and pallet 743"): the first is read back, or asked about where the device's own recogniser
  heard it, and each further one read back behind it, as soon as the one before is agreed; where that was not, it is
  asked about. A trailer before the first is of all. Others are to be said one at a time. What stands between two names
  is the first one's, and what stands before the first is of the open one, if that lacks it or is asked for it: "twelve
  cases and pallet 743", "item A200, that's it, pallet 743", "item A200 for that one, pallet 743". What else may be of
  either, a place behind "that's it" too, or of both without "each", is asked, by the name it is to be of; what follows
  a name that came last, or points back ("on that"), needs a yes.
- **Of the one before, within the next.** "Pallet 743, eight cases, forget 742" drops 742 where that is open, and so
  does "scratch that, then pallet 743". What else is said there of another thing is told as not got, and asked with the
  next; what was read back then needs a yes.
- **Of what follows, behind an entry.** "Pallet 742, twelve cases, then trailer 5502" (or "trailer 5502 now", "trailer
  5502 next") is of the trailer that holds; 5502 holds from the next entry on, also after a power cut. Alone, over an
  entry or its question, or behind a yes, a place is of what follows, too, unless it is asked for or corrects. The next names wait likewise
  ("pallet 742, then pallet 743, then pallet 744"; "next 743"), and so does an order to close, before, between or behind
  them ("trailer 5501 done, now trailer 5502"; where 5501 holds, "5501 done"). A place that was not surely heard is told
  as not got, and asked with the entry. Up to four things wait, and are asked about in turn; one more, and the first
  goes to a person. While one waits, "eight cases" over twelve is of that, and needs a yes. "No, trailer 5503" over a
  question puts that one right, over a readback the entry; then the place that waits is to be said again.
- **What points at the entry** ("trailer 5502 for this one", "put it on trailer 5502") is asked, "742, trailer 5502?".
- **Words without a value.** Where they may name another thing, or have a second number, they are said: "I did not get:
  twelve cases two dented. How many?"
- **Talk.** "Hang on" and what plainly addresses others is ignored. Anything else that is not understood may have been a
  "no": then silence commits no more.
- **Others' word.** What a [scanner](scanners.md) or the [second recogniser](models.md#a-second-recogniser) has otherwise is
  asked ("pallet 742 scanned, pallet 724 said. Which?"). So is who signs on ([operators.md](operators.md)); silence is not.
- **Poor sound.** What is too faint, too fast, too long or cut off is never acted on; fields heard in noise are asked about.

What goes to a person, what the office decides and, at each sign-on until it is settled, what the inventory refuses is told.

## Try it

`dockvoice talk --trace` shows each step with the state before and after; `dockvoice run --trace` logs it without words.
`dockvoice talk --plays FILE` plays conversations. `python -m tests.docklife` holds random dock life against the laws.

## Claims

What is said of one thing is a *claim*: its values, their utterances, and the fields that say which thing it is. Each
step obeys three laws (`edge/agree/dialogue/claims.py` and `reference.py`):

- **Attribution**: a claim keeps its thing, and no value passes to another claim. It gets another thing only by a word of
  correction with nothing else or all of it again, by the answer to a question for that field, or by a yes to a question
  that named both.
- **Conservation**: a claim ends recorded, put aside, taken back by the operator, or given up aloud, and no value that was
  surely said vanishes. Of two values said beside each other, "24 cases and 3 pieces", what is not chosen is put aside
  aloud (`not_chosen`), with what was said of it; a count or a place said anew, "12 cases, 13 cases", is one. What stands
  behind the second is of that: "seal 778812 and seal 778813 intact", answered by the first, is asked: "Is it sealed?"
- **Reference**: words that name nothing are of what the device named last. Behind another thing, the open question says
  whose it is ("pallet 743: Which dock?"); behind a trailer or a sum, a correction and a drop are asked by name.

A step that would break a law puts aside what it would lose or mix (`conversation_breach`), and the log has the step.

Another name said alone is *next or instead*: "748 next, or 748 instead of 742?"; with "not 742", "748 instead of 742?"
The number that follows, 743, is the next, unless the recogniser might have heard the one for the other; a third name
behind a "no" takes the place of the second.
Unanswered, both go to a person; two names in one breath are next. "No, next" takes "instead" back. Digits alone name
another thing, in doubt: "743, three cases" over 742 is asked, "743?". Behind a word of correction a second part of the
name, or words that mean nothing, are more than a name: "no, pallet 743, item A200" corrects 743 where it is on record,
a remark of 743 is put aside where that is known; else it is asked. A name has the place that held when it was said. A number alone behind one, where an answer is asked
that nobody gave yet, doubts the name: "no, 743" to "How many?" is asked, "743, or 742?", until that is answered.

What is held or implausible when the next thing begins is asked about again behind it, once; what is incomplete or was not
heard well is put aside aloud. To some claims silence is no consent (`needs_yes`): those asked about again, named by an
answer or the context alone, open at a power cut, told of in unknown words, or corrected without a name behind another.

What was said is to the open claim one of these:

{claims}
"""  # noqa: E501 (rows of tables)

_TABLE = """
## What is done

Each row is an event, each column a state. In brackets: where it may lead, if not back to the same state.
"""


def render_page() -> str:
    """The page as Markdown."""
    introduction = _INTRODUCTION.replace("{claims}", "\n".join(_relation_rows()))
    return "\n".join([introduction + _TABLE, *_step_rows(), ""])


RELATIONS: Mapping[Relation, tuple[str, str]] = {
    Relation.NONE: (
        "it adds to the claim, or corrects it, and that is read back anew; what may be mere talk is asked back",
        "it is the answer, and adds what else it says",
    ),
    Relation.SAME: (
        "as above; a whole sentence says the claim anew",
        "as above; what was known already is no answer, and the question is put again",
    ),
    Relation.ANOTHER: (
        "the next begins; the claim is recorded, or asked about behind it; behind a word of correction it is asked",
        "the next begins; the claim is asked about again behind it, once, or put aside aloud where it lacks a value",
    ),
    Relation.NAME: (
        "next or instead: both stay until it is said which; with a word of correction it is the name of the claim",
        "where it may be the name of the claim, said right, next or instead is asked; else the next begins",
    ),
    Relation.UNCLEAR: (
        "nothing is changed; it is to be said again, and silence records no more",
        "what says more than the answer is put aside aloud; else its name says nothing, and the rest is the answer",
    ),
}
"""By an utterance's relation to the claim: the action while a readback is held, and while a question is open."""


def _relation_rows() -> Iterator[str]:
    yield "| what was said | read back and held | a question is open |"
    yield "|---|---|---|"
    for relation, (held, asked) in RELATIONS.items():
        yield f"| **{relation}** | {held} | {asked} |"


def _step_rows() -> Iterator[str]:
    yield f"| | {' | '.join(State)} |"
    yield f"|---|{'---|' * len(State)}"
    for event in Event:
        yield f"| **{event}** | {' | '.join(_step_cell(state, event) for state in State)} |"


def _step_cell(state: State, event: Event) -> str:
    step = TABLE[state][event]
    if step is Step.NOTHING:
        return ""
    to = [target.value for target in State if target in list_following_states(state, event) and target is not state]
    return f"{step} ({', '.join(to)})" if to else step.value


if __name__ == "__main__":
    argparse.ArgumentParser("python -m lab.dialogue_diagram", description=__doc__).parse_args()
    sys.stdout.write(render_page())
