"""`docs/dialogue.md`, written from the table: `python -m lab.dialogue_diagram > docs/dialogue.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.table import QUESTIONS, TABLE, Event, State, Step, leads

_INTRODUCTION = """\
# The dialogue

How an entry is agreed with the operator. This page is written from the table in `edge/agree/dialogue/table.py` by
`python -m lab.dialogue_diagram > docs/dialogue.md`; a test holds the two together. Try it: `dockvoice talk`.

An entry that is complete is read back and *held* for the undo window: "no, fifteen units" corrects it, "scratch that"
drops it, "yes" or silence or the next sentence commits it; where something was said that nobody understood, silence
does not, and the entry is asked about. What is missing or in doubt is asked, one question at a time; words beside a
value that nobody understood are told with it ("I did not get: leaking. 12 cases?"), for a yes records the value without
them. A question that gets no answer is put once more; then the utterance goes to a person (`dockvoice queue list
--held`). Nothing waits for ever, and nothing is committed that was not read back while somebody could object: after a
power cut or a fault of the headset, what was held is asked again.

While an entry is held, a second reader of another kind hears the same sound (`understand.witness`,
[models.md](models.md#a-witness-in-the-undo-window)); where it hears a value otherwise, the entry becomes a question
before it is committed: "pallet 4744, or 474?". Nobody waits for it: what comes after the undo window, or when the
operator has begun to speak, changes nothing.

After it was committed, "correction, fifteen units" amends the last entry and "cancel", confirmed, cancels it: each is
an event of its own, which names the one it replaces: the last that the inventory has not refused. A bare "no" that
comes after the undo window asks what is wrong with the last entry; a whole sentence behind a "no" or a "scratch that"
takes its place, and where it is about another thing, it is asked whether it does ("pallet 750 instead of pallet
742?"), for no silence turns one record into another. "Never mind" or "forget it" drops what is open, and nothing that
is recorded: who is asked whether to cancel, and says so, means no.

Any entry of the shift is corrected, cancelled or told by its number: "correction, pallet 742, fifteen units", "delete
pallet 742", "did I do 742?". A sentence that only adds to an entry on record, "pallet 742, two damaged", corrects it,
and "two of those were damaged" or "oh wait, that was thirteen" the one that was said last; both are read back whole. A
number that is not recorded is said to be none. "How many on dock B?", or "on this
dock", which is that of the last entry, counts the entries of that dock that this device recorded since midnight, by its
own clock, whoever dictated them; none that is held, cancelled, refused, or corrected to another dock.

While a trailer is unloaded the device answers from its own journal and from the lists that it has taken, without a
network: "what is left?" or "what is missing on trailer 5501?" names the announced pallets that nobody has received, as
far as it has heard; "how many on this trailer?", or "so far", sums up what was recorded of it in the last day, by item,
unit and condition, whoever dictated it, what was refused apart; "where does 742 go?" and "did I do 742?" tell what is
on record of that pallet, when and by whom, what waits for a person, or where it is expected. No announced figure is
told. The last two digits are enough to ask, where one pallet ends so. Nothing in a question becomes a record. "What was
the seal on 5501?" tells the whole entry, "read me the last three" the last ones of whoever asks, "how many today?" what
his shift came to, and "what am I missing?" what the open entry lacks, else what is left.

The last four digits or more of a pallet that is announced for the trailer at hand are that pallet in an entry as well,
and are read back in full; where several end so, it is asked which ("pallet 103420, or 583420?"). Where the words may be
two numbers, 77 or 7720, and the list has one of them that nobody has received, it is that one; what was heard beyond
doubt stays as it was said.

"Trailer done", or "trailer 5501 is done", tells what was received of it, by item and condition, what was put aside and
what is missing, and asks "Close trailer 5501?". A yes, and nothing else, puts the closing on record: an entry of the
form `close-trailer`, whose evidence is what was said and the yes; then what holds for all entries ends. What was read
back just before is recorded first; what is open otherwise is finished first, and the trailer closed behind it. "What is
open" takes up what was put aside; whatever else is dictated leaves the trailer open, and that is told. "That's all"
ends a trailer where nothing is open, and is a courtesy elsewhere. After it, "cancel" or "not done yet" asks whether to
open the trailer again, and cancels the closing. A pallet of a trailer that was closed within a day is asked about:
"Trailer 5501 is closed. Open it again?"

"Same dock", at the beginning or the end of what is said or to the question for the dock, is the dock of the last record
of whoever speaks, and is read back as any value; while an entry is held and a whole one follows, of that. Where there
is no record, the dock is asked for.

What an entry belongs to, as trailer, door and order, is said once ([forms.md](forms.md#said-once)): an utterance that
names no more than that, while nothing is open, or that says "from now on", is read back, held, corrected and asked
about as an entry is, and holds for each one that says nothing else of it. What an entry says of it while nothing stands
begins to hold with that entry, and its readback says so; to correct or cancel that corrects it, or tells it once more.
It is filled in before anything is judged, so that lists and catalogues see it. Over an open entry it is taken for those
behind: what was read back is committed, or asked about where one field alone was said; what is asked is asked again. An
entry said while what stands is itself in question waits for its turn, and is asked about then. A "no" behind it, before
any entry, asks what is wrong with it. Over words that nobody understood it is asked about; a whole entry that says
nothing else of it agrees to it all the same, and has it read back. Who goes back to a trailer within a day is at the
door again that all his pallets there say. What changed is read back once, with the next entry. It ends with the
trailer, the operator or the shift, told once.

"Same again" takes all that the entry before had, its item too, but for the number that it is known by, what was found
of it alone (an exception, how many are damaged or short), what is said besides and what stands; the readback has it
all. Behind one that was put aside it takes nothing.

Politeness is no objection: "okay", "thanks" or "copy that" over an entry that was read back is a yes. A hesitation, as
"hang on", is not for the device, nor are three words and more that are put as a question or to a "you" ("did you see
the game") and hold none of the form, of an entry or of oneself. Whatever else nobody understood may have been a "no",
for there are more ways to object than any list has: then silence commits no more, and it is asked.

Whatever goes to a person is said, by its number if that was heard ("pallet 742 put aside for review"), and counted in
"how many waiting" and when somebody signs off. Who signs on or off over an open question is asked once to finish it.
"What is open?" asks about the oldest of it again, whoever put it aside: what answers it records the entry, under the
next number. Silence, "put it aside" and "never mind" leave it where it was; "cancel" takes it back. What is dictated
again with nothing else than was put aside settles that with it; where it says something else, that is told ("put aside
before: pallet 742, 40 units"), and stays.
What somebody in the office decides meanwhile (`dockvoice queue accept`, `discard`) is told, and asked no more.
A question says why it is put where something was said for it already: it was not understood, there is no such dock, the
pallet is recorded already, or is unusual. Before it is given up, what can be said to it is told.

Where [receipts are expected](inventory.md#expected-receipts), a pallet that is on no list, on that of another trailer
or door, or received already by whatever device is asked about at once, and a yes records it. A count that is not the
one announced, in a unit in which its item does not come, or changed to another on record, is asked for again, "Count
pallet 7 4 2 again", without a word of either figure: the second count stands, whatever it is, and the first is kept
beside it. A lot that is needed is asked for. A device without a speaker asks nothing of that, and records.

Where [several forms are at hand](forms.md#several-forms-at-hand), "switch to counting" fills another one from then on,
"counting" by itself does where nothing is open, and whoever signs on is asked which it is to be, unless he says so in
the same breath. Neither counts within a sentence, or where the words give a field a value. What is open is finished
first, and the other is filled behind it; who says it twice puts it aside. Each entry stays of its own form: it is told
in the words of that, and to correct or cancel one of another form than is filled, the operator is told to switch to it.
"Which work" tells it.

A label that is scanned ([scanners.md](scanners.md)) begins an entry, answers, or adds to what is open; what differs
from what was said is asked ("pallet 742 scanned, pallet 724 said. Which?"). Over an entry that was read back the label
of another pallet is the next entry. What is wrong with a label is told, and changes nothing.

A sentence may come in several breaths. What names another pallet, say, over an open entry is never written into it: it
is asked whether it is meant instead, and what follows goes with it until that is answered. After a "no" what was open
stays: it is recorded, or asked about where it lacks something or may have been objected to, and the other has its turn
behind it. A whole sentence about another pallet is the next entry, whichever of two numbers it may have is meant; over
an entry that may have been objected to it has its turn behind the one question whether that is right, unless it says
the same of the other pallet, and may be that one said again. A number that a pause may have cut in two, "pallet four
nine" and "zero eight, dock A", is asked about, whichever half was heard as whole.

Two things said in one breath, "pallet 742, twelve cases, dock B, pallet 743, ten cases, dock C", are named, and taken
one at a time: at a word for the one, or its label, the other is asked about behind it, and nothing need be said twice.
"Pallets 742 and 743, twelve cases each" are two as well; without the "each" the count is asked about. What is said over
a question and may be an entry of its own, unclear as it is, is put aside aloud, and the question put again. Of two
values that are offered "the second" takes the other, and whatever hangs on it in the same words is settled with it:
"pallet 8096 thirty one" is 8096 with 31, or 809630 with one. "Nothing" to what is wrong lets the entry stand, and who
names a field, "the dock", is asked for that.

Who signs on says his number, digit by digit, his name, or both. A number that was not heard surely, or that is what is
left of another operator's where a digit is lost, and a name that sounds like another's are asked about ("4 7 1, ana?");
until the yes nobody else is signed on, and silence is none. Whoever is taken off the roster
([operators.md](operators.md)) finishes what is open, is told, and signed off.

What is not surely meant changes nothing: a "no" that may have been a breath, a dock that is named in other words
("where is dock C", "not dock C"), a value that was not among those offered, a "yes" or a second "cancel" said before
its question. What came into doubt after it was read back is asked about, also after a "yes".

What the inventory refuses is told when nothing is open and nobody is speaking, and "how many waiting" counts it until
it is corrected or cancelled. Until then it is told again at each sign-on and each start, and waits for a person too
(`dockvoice queue list --held`). An event that came twice is no news; one that somebody else has recorded is told like a
refusal, with the reason that the inventory gives.

What is too faint, too fast or too long to be what was read of it, or whose end was not heard, is never acted on. A
field that was heard in noise, or that was recorded a little while ago, is asked about however the entry goes on.

`python -m lab.scribe` dictates whole trailers, typed, with colleagues, courtesies, slips of the tongue and power cuts,
beside a ledger of what was meant, and prints how many pallets ended right, wrong, lost or put aside, and the questions
that a person would not have asked. With `--speech MANIFEST` each pallet is a recording of that set, 10 dB over
noise, which the device hears. With `--notices` trailers are received against notices, and what the inventory has then
is held against what was meant; how long that takes beside other ways of working is in [rivals.md](rivals.md).

`python -m tests.docklife --lives 1000 --seed 7` holds random dock life against the two laws below: operators who
listen, and others who go on whatever is asked, in five languages and every form; `--cut` cuts the power at a random
line. It knows nothing of the product but `dockvoice talk --plays -`. `python -m tests.conversations` plays real dock
work, each conversation with what a clerk had written down: what was lost, what is wrong, how many end as the clerk's.

See a conversation step by step: `dockvoice talk --trace` shows what happened, the state before and after, the step of
the table below and what was ordered; `dockvoice run --trace` logs the same, with no word of what was said.
`dockvoice talk --plays FILE` holds many conversations at once: each line, `{"lines": ["pallet 742, twelve units, dock
B", "/wait"]}`, is one, and is answered by the events that came of it, what waits for a person and why, what was given
up aloud, and what was said; or a line at a time (`dockvoice talk --help`).

All of this goes on in each language that the device speaks ([speaking.md](speaking.md)).

## Claims

What is said of one thing is a *claim*: its values, the utterances in which they were said, and the fields of the form
that say which thing it is. Each step is held to two laws (`edge/agree/dialogue/claims.py`). *Attribution*: a claim
keeps its thing; it gets another one only by a word of correction with which nothing else is said, or all of it again,
by the answer to a question for that field, or by a yes to a question that named both, and no value passes from one
claim to another. A word of correction with other values, of a thing that is known, or that denies another name than
the claim's, is asked: "526 instead of 418?". *Conservation*: a claim ends recorded, put aside for a person, taken back
by the operator, or given up aloud; until then it is open. A step that would break a law does not: what it would have
lost or mixed is put aside (`conversation_breach`), and the log has the step.

Another name, said alone, is *next or instead*: "pallet 743" over pallet 742 may be the next one, said in two breaths,
or 742 said right. Neither is guessed. Both stay; what follows says which it is: values go with the next one, "no, 743"
is instead. Where the two sound alike, or a question is open, it is asked: "743 next, or 743 instead of 742?" A yes or a
no answers nothing there. With no answer both go to a person.

Digits that no field has name another thing, in doubt, and take the rest of the sentence with them: "743, three cases"
over pallet 742 is asked as "pallet 743?". Several things in one breath that cannot be asked one by one are put aside,
each by its name. "Same again" is of what was said last, and of nothing where that is asked about.

What is open when the next thing begins, and was not agreed, is asked about again behind it, once; a second time it is
put aside. To some claims silence is no consent (`needs_yes`): those asked about again behind the next entry, those
named by an answer alone or in part, those that were open when the power was cut, and what a nameless correction of an
entry on record may not have been meant for. They are read back with their name, and recorded by a yes.

What was said is to the open claim one of these:

{claims}

## What leads from state to state

"Pause", "sign on" and "sign off" lead from almost everywhere to the same state, and are left out here.
"""

_TABLE = """
## What is done

Each row is an event, each column a state. In brackets: where it may lead, if not back to the same state.
"""


def page() -> str:
    """The whole page."""
    introduction = _INTRODUCTION.replace("{claims}", "\n".join(_claims()))
    return "\n".join([introduction, "```mermaid", *_diagram(), "```", _TABLE, *_table(), ""])


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
        "the next begins; the claim is asked about again behind it, once",
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
"""What is done with what was said, over a claim that was read back and over one about which a question is open."""


def _claims() -> Iterator[str]:
    yield "| what was said | read back and held | a question is open |"
    yield "|---|---|---|"
    for relation, (held, asked) in RELATIONS.items():
        yield f"| **{relation}** | {held} | {asked} |"


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    for name, states in _DRAWN.items():
        yield f'    state "{_label(states)}" as {name}'
    yield "    [*] --> idle"
    for name, states in _DRAWN.items():
        for other, targets in _DRAWN.items():
            if other != name and (events := _between(states, targets)):
                yield f"    {name} --> {other}: {', '.join(events)}"


_DRAWN = {
    "signed_off": frozenset({State.SIGNED_OFF}),
    "idle": frozenset({State.IDLE}),
    "identifying": frozenset({State.IDENTIFYING}),
    "held": frozenset({State.HELD}),
    "question": QUESTIONS,
    "paused": frozenset({State.PAUSED}),
}
"""What is drawn as one: from one question to the next almost any answer leads."""


def _label(states: frozenset[State]) -> str:
    return ", ".join(state.value for state in State if state in states)


def _between(states: frozenset[State], targets: frozenset[State]) -> list[str]:
    return [
        event.value
        for event in Event
        if event not in _ANYWHERE and any(leads(state, event) & targets for state in states)
    ]


_ANYWHERE = frozenset({Event.PAUSE, Event.SIGN_ON, Event.SIGN_OFF, Event.ROSTER, Event.STARTED})
"""They lead from almost every state to the same one: drawn, they would hide the rest."""


def _table() -> Iterator[str]:
    yield f"| | {' | '.join(State)} |"
    yield f"|---|{'---|' * len(State)}"
    for event in Event:
        yield f"| **{event}** | {' | '.join(_cell(state, event) for state in State)} |"


def _cell(state: State, event: Event) -> str:
    step = TABLE[state][event]
    if step is Step.NOTHING:
        return ""
    to = [target.value for target in State if target in leads(state, event) and target is not state]
    return f"{step} ({', '.join(to)})" if to else step.value


if __name__ == "__main__":
    sys.stdout.write(page())
