"""The dialogue's one table: the step for each state and event, and the states it may lead to. No holes.

`docs/dialogue.md` shows it; `python -m lab.dialogue_diagram` writes that page from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """The dialogue's state between two events."""

    SIGNED_OFF = "signed off"  # No operator is signed on.
    IDLE = "idle"  # Ready for an entry; nothing is open.
    HELD = "held"  # An entry is complete and was read back; it is committed when the undo window ends.
    ASKING = "asking"  # A field was asked for, or what is wrong with the entry.
    CHOOSING = "choosing"  # Two values of a field were offered.
    CONFIRMING = "confirming"  # A question whose answer is yes or no.
    PROVING = "proving"  # The check digits of a place were asked for.
    IDENTIFYING = "identifying"  # A doubtful sign-on is being confirmed.
    PAUSED = "paused"  # The operator has paused the device.
    CHOOSING_WORK = "choosing work"  # An operator signed on, and has not chosen a form yet.


class Event(StrEnum):
    """An event: an utterance by its kind, or anything else that happens."""

    ENTRY = "entry"  # A complete sentence.
    PART = "part"  # A sentence with a field missing or in doubt.
    SCANNED = "scanned"  # A label that fills fields.
    SCAN_FAULT = "scan fault"  # A label that fills none.
    CORRECTION = "correction"  # "No, fifteen units"; also an exception of the form, as "damaged".
    UNCLEAR = "unclear"  # Words that give no field.
    NAMED = "named"
    """No entry, but surely about another thing than the open one: "pallet 742 does not scan"; where that is known, "no,
    pallet 742 is heavy"."""
    INDISTINCT = "indistinct"  # Cut off, or too faint, too fast or too long for what was read: its content is ignored.
    NOISE = "noise"  # No words.
    DEFERRED = "deferred"  # Kept until a model answers again.
    CONTEXT = "context"  # Context fields only, or "door thirteen from now on".
    CANCEL = "cancel"
    NEVER_MIND = "never mind"  # Drops what is open, and nothing that is recorded.
    YES = "yes"
    NO = "no"
    ASKED = "asked"  # "How many waiting", "what is left", "say again", "help": changes nothing.
    TRAILER_DONE = "trailer done"
    WHAT_IS_OPEN = "what is open"
    PUT_ASIDE = "put aside"
    PAUSE = "pause"
    RESUME = "resume"
    ADJUST = "adjust"  # Louder, softer, faster, slower.
    SIGN_ON = "sign on"
    DOUBTED_SIGN_ON = "doubted sign on"  # A doubtful name or number of the roster.
    SIGN_OFF = "sign off"
    ROSTER = "roster"  # The roster changed.
    SWITCH = "switch"  # "Switch to counting"; where nothing is open, "counting".
    UNHEARD = "unheard"  # Speech in a language without a recogniser.
    SPEAKING = "speaking"  # The operator began to speak, over a prompt or not.
    DEADLINE = "deadline"  # The timer ran out.
    CONTRADICTED = "contradicted"  # A second recogniser heard a value of the last utterance otherwise.
    COMMITTED = "committed"  # The entry is on disk and pending in the outbox.
    SETTLED = "settled"
    REFUSED = "refused"  # The inventory refused an event, or has a duplicate of it.
    DECIDED = "decided"  # The office decided about an utterance in review or a refused event.
    LINK = "link"  # The connection to the inventory was lost, or is back.
    SHIFT_BEGAN = "shift began"  # The site's shift or business day changed.
    FAULT = "fault"  # A fault of the headset or the microphone began or ended.
    STARTED = "started"  # The device started, with the draft from before.


class Step(StrEnum):
    """The step to take for an event in a state."""

    NOTHING = "nothing"
    NOTE = "on record, and no more"
    BEGIN = "begin an entry"
    NEXT = "commit the held entry, begin the next; where that may have been objected to, ask about it behind the next"
    CORRECT = "correct the held entry; where another thing is named, begin the next, or wait whether it is the next"
    AMEND = "correct the last entry"
    ANSWER = "take the answer"
    SCAN = "begin an entry with the label, or join that to the open one; what differs is asked"
    SCAN_FAULT = "tell what is wrong with the scan"
    PROVE = "compare the check digits"
    AGREE = "take the yes"
    DISAGREE = "take the no"
    NEITHER = "ask for the field instead; where a name may be of the next thing, ask again"
    WHICH = "ask which value was said"
    WHAT_IS_WRONG = "ask what is wrong"
    COMMIT = "commit; after something that was not understood, ask whether it is right"
    PUT_OFF = "tell that it is kept; then silence commits no more"
    KEEP = (
        "leave what is open as for the next entry, park what was said in review; "
        "behind a word of correction, ask about what is open"
    )
    DOUBT = "say again; a second time, ask whether it is right; silence commits no more"
    NOT_UNDERSTOOD = "say again"
    ASK_AGAIN = "ask again"
    NOT_HEARD = "ask again, for that was not heard well"
    LAPSE = "ask again; a second time, park it in review"
    DROP = (
        "drop it, on record as cancelled; of an entry on record that is objected to, or named, ask whether to cancel it"
    )
    FORGET = "drop it; where it is asked whether to cancel, take the no; what is wrong, or meant instead, ask again"
    OBJECT = "ask what is wrong with the last entry"
    TAKE_BACK = "ask whether to cancel the last entry"
    DEFER = "tell that it is kept"
    TURN_AWAY = "park its values in review, tell why"
    TAKE_NOTHING_BACK = "tell that it stays as it is, and why"
    TELL = "tell what is asked; the last entry, where nothing is"
    CLOSE = "tell what was received of the trailer, ask whether to close it"
    CLOSE_NEXT = "commit the held entry, tell what was received of the trailer, ask whether to close it"
    FINISH_FIRST = "ask to finish what is open, and close the trailer behind that"
    TAKE_UP = "ask again about the oldest that was put aside; where there is none, tell how many wait"
    TELL_OPEN = "say again what is asked, or was read back"
    PUT_ASIDE = "park it in review"
    SET = "read back what holds from now on; over an open entry for those behind it"
    NEW_SHIFT = "end what holds for all entries, tell it at the next quiet moment"
    PAUSE = "close what is held, pause; another reason begins another break"
    UNUSED = "sign off whoever has said nothing for long"
    RESUME = "go on"
    ADJUST = "adjust the voice"
    SIGN_ON = "ask to finish what is open, else close it, sign on; ask whether it is he, where that is in doubt"
    WHO = "ask whether it is he"
    SIGN_ON_ASKED = "sign on who was asked about"
    SOMEBODY_ELSE = "ask about the next who may be meant, else leave it"
    WHO_AGAIN = "ask again whether it is he; after three times, leave it"
    NOBODY = "leave it"
    ROSTER = "take it; sign off who is no more on it, as soon as nothing is open; who names nobody lets all"
    SIGN_OFF = "ask to finish what is open, else close it, sign off"
    SWITCH = "ask to finish what is open, else close it, fill the other form; ask which, where none is called so"
    ASK_WORK = "ask which work it is to be"
    NOT_HEARD_HERE = "tell that this language is not heard here"
    LISTEN = "fall silent, give time"
    LET_GO = "park what was open"
    REMEMBER = "remember it as the last entry"
    COUNT = "count it"
    NEWS = "tell it at the next quiet moment"
    DECIDED = "close what was asked about it, tell it at the next quiet moment"
    ALARM = "tell it at once; where an entry is held that may not have been heard, ask whether it is right"
    RESTORE = "ask again for what was open"


AGREEING = frozenset({State.HELD, State.ASKING, State.CHOOSING, State.CONFIRMING, State.PROVING})
"""The states with an open entry."""

QUESTIONS = AGREEING - {State.HELD}  # The states that wait for an answer.

_IDLE = frozenset({State.IDLE})
_CHOOSING_WORK = frozenset({State.CHOOSING_WORK})

CLOSED = _IDLE | _CHOOSING_WORK  # The states with an operator and nothing open.

_WITHOUT_ENTRY_QUESTION = CLOSED | {State.SIGNED_OFF, State.PAUSED}  # The states without a question about an entry.

_STAYS: frozenset[None] = frozenset({None})  # The step may keep the state.

_ASKS_OR_ENDS = AGREEING | _IDLE

FOLLOWING_STATES: Mapping[Step, frozenset[State | None]] = MappingProxyType(
    {
        **dict.fromkeys((Step.BEGIN, Step.NEXT, Step.CORRECT, Step.AMEND), _ASKS_OR_ENDS),
        **dict.fromkeys((Step.ANSWER, Step.PROVE, Step.AGREE, Step.DISAGREE), _ASKS_OR_ENDS),
        **dict.fromkeys((Step.SET, Step.SCAN, Step.DROP, Step.FORGET), _STAYS | _ASKS_OR_ENDS),
        **dict.fromkeys((Step.ASK_AGAIN, Step.NOT_HEARD, Step.LAPSE, Step.SWITCH), _STAYS | _IDLE),
        **dict.fromkeys((Step.KEEP, Step.CLOSE_NEXT, Step.DECIDED), _STAYS | _IDLE | {State.CONFIRMING}),
        **dict.fromkeys((Step.DOUBT, Step.CLOSE, Step.ALARM), _STAYS | {State.CONFIRMING}),
        **dict.fromkeys((Step.COMMIT, Step.TAKE_BACK), _IDLE | {State.CONFIRMING}),
        **dict.fromkeys((Step.SOMEBODY_ELSE, Step.WHO_AGAIN), _WITHOUT_ENTRY_QUESTION | {State.IDENTIFYING}),
        **dict.fromkeys((Step.SIGN_OFF, Step.UNUSED), _STAYS | {State.SIGNED_OFF}),
        Step.NEITHER: _STAYS | _IDLE | {State.ASKING},
        Step.WHICH: _STAYS | QUESTIONS,
        Step.WHAT_IS_WRONG: frozenset({State.ASKING}),
        Step.OBJECT: _IDLE | {State.ASKING},
        Step.TAKE_UP: QUESTIONS | _IDLE,
        Step.TELL_OPEN: _STAYS | QUESTIONS | _IDLE,
        Step.PUT_ASIDE: _IDLE,
        Step.PAUSE: frozenset({State.PAUSED}),
        Step.RESUME: AGREEING | CLOSED,
        Step.SIGN_ON: _STAYS | CLOSED | {State.IDENTIFYING},
        Step.WHO: frozenset({State.IDENTIFYING}),
        Step.SIGN_ON_ASKED: CLOSED,
        Step.NOBODY: _WITHOUT_ENTRY_QUESTION,
        Step.ROSTER: _STAYS | CLOSED,
        Step.RESTORE: AGREEING | _WITHOUT_ENTRY_QUESTION,
    }
)
"""The states a step may lead to; a step without a row keeps the state."""

_ALWAYS = {
    Event.SCANNED: Step.SCAN,
    Event.SCAN_FAULT: Step.SCAN_FAULT,
    Event.NOISE: Step.NOTE,
    Event.NAMED: Step.KEEP,
    Event.DEFERRED: Step.DEFER,
    Event.ASKED: Step.TELL,
    Event.TRAILER_DONE: Step.FINISH_FIRST,
    Event.WHAT_IS_OPEN: Step.TELL_OPEN,
    Event.PUT_ASIDE: Step.PUT_ASIDE,
    Event.CONTEXT: Step.SET,
    Event.SHIFT_BEGAN: Step.NEW_SHIFT,
    Event.PAUSE: Step.PAUSE,
    Event.RESUME: Step.TELL,
    Event.ADJUST: Step.ADJUST,
    Event.SIGN_ON: Step.SIGN_ON,
    Event.DOUBTED_SIGN_ON: Step.WHO,
    Event.SIGN_OFF: Step.SIGN_OFF,
    Event.ROSTER: Step.ROSTER,
    Event.SWITCH: Step.SWITCH,
    Event.UNHEARD: Step.NOT_HEARD_HERE,
    Event.SPEAKING: Step.LISTEN,
    Event.DEADLINE: Step.NOTHING,
    Event.CONTRADICTED: Step.NOTHING,
    Event.COMMITTED: Step.REMEMBER,
    Event.SETTLED: Step.COUNT,
    Event.REFUSED: Step.NEWS,
    Event.DECIDED: Step.DECIDED,
    Event.LINK: Step.NEWS,
    Event.FAULT: Step.ALARM,
    Event.STARTED: Step.NOTHING,
}
"""The default row of most states; the rows below override it, and add dictation and answers."""

_ANSWERED = {
    Event.ENTRY: Step.ANSWER,
    Event.PART: Step.ANSWER,
    Event.CORRECTION: Step.ANSWER,
    Event.UNCLEAR: Step.ANSWER,
    Event.INDISTINCT: Step.NOT_HEARD,
    Event.CANCEL: Step.DROP,
    Event.NEVER_MIND: Step.FORGET,
    Event.YES: Step.AGREE,
    Event.NO: Step.DISAGREE,
    Event.DEADLINE: Step.LAPSE,
}

_AWAY = {
    Event.ENTRY: Step.TURN_AWAY,
    Event.SCANNED: Step.TURN_AWAY,
    Event.PART: Step.TURN_AWAY,
    Event.CONTEXT: Step.TURN_AWAY,
    Event.CORRECTION: Step.TURN_AWAY,
    Event.UNCLEAR: Step.NOTE,
    Event.NAMED: Step.TURN_AWAY,
    Event.INDISTINCT: Step.NOTE,
    Event.CANCEL: Step.TAKE_NOTHING_BACK,
    Event.NEVER_MIND: Step.TAKE_NOTHING_BACK,
    Event.YES: Step.NOTE,
    Event.NO: Step.TAKE_NOTHING_BACK,
    Event.DEFERRED: Step.TURN_AWAY,
    Event.WHAT_IS_OPEN: Step.TELL,
    Event.PUT_ASIDE: Step.NOTE,
    Event.TRAILER_DONE: Step.NOTE,
    Event.SWITCH: Step.NOTE,
}

TABLE: Mapping[State, Mapping[Event, Step]] = MappingProxyType(
    {
        State.SIGNED_OFF: {
            **_ALWAYS,
            **_AWAY,
            Event.PAUSE: Step.NOTE,
            Event.RESUME: Step.NOTE,
            Event.SIGN_OFF: Step.NOTE,
            Event.STARTED: Step.RESTORE,
        },
        State.IDLE: {
            **_ALWAYS,
            Event.ENTRY: Step.BEGIN,
            Event.PART: Step.BEGIN,
            Event.CORRECTION: Step.AMEND,
            Event.UNCLEAR: Step.NOT_UNDERSTOOD,
            Event.INDISTINCT: Step.NOT_UNDERSTOOD,
            Event.CANCEL: Step.TAKE_BACK,
            Event.NEVER_MIND: Step.TELL,
            Event.WHAT_IS_OPEN: Step.TAKE_UP,
            Event.TRAILER_DONE: Step.CLOSE,
            Event.PUT_ASIDE: Step.NOTE,
            Event.YES: Step.NOTE,
            Event.NO: Step.OBJECT,
            Event.DEADLINE: Step.UNUSED,
            Event.STARTED: Step.RESTORE,
        },
        State.HELD: {
            **_ALWAYS,
            Event.ENTRY: Step.NEXT,
            Event.PART: Step.CORRECT,
            Event.CORRECTION: Step.CORRECT,
            Event.UNCLEAR: Step.DOUBT,
            Event.INDISTINCT: Step.DOUBT,
            Event.CANCEL: Step.DROP,
            Event.NEVER_MIND: Step.DROP,
            Event.YES: Step.COMMIT,
            Event.NO: Step.WHAT_IS_WRONG,
            Event.DEFERRED: Step.PUT_OFF,
            Event.TRAILER_DONE: Step.CLOSE_NEXT,
            Event.RESUME: Step.NOTE,
            Event.DEADLINE: Step.COMMIT,
            Event.CONTRADICTED: Step.WHICH,
        },
        State.ASKING: {**_ALWAYS, **_ANSWERED},
        State.CHOOSING: {**_ALWAYS, **_ANSWERED, Event.YES: Step.ASK_AGAIN, Event.NO: Step.NEITHER},
        State.CONFIRMING: {**_ALWAYS, **_ANSWERED},
        State.PROVING: {
            **_ALWAYS,
            **_ANSWERED,
            Event.UNCLEAR: Step.PROVE,
            Event.PART: Step.PROVE,
            Event.CORRECTION: Step.PROVE,
            Event.YES: Step.ASK_AGAIN,
            Event.NO: Step.NEITHER,
        },
        State.IDENTIFYING: {
            **_ALWAYS,
            **_AWAY,
            Event.UNCLEAR: Step.WHO_AGAIN,
            Event.INDISTINCT: Step.WHO_AGAIN,
            Event.CANCEL: Step.SOMEBODY_ELSE,
            Event.NEVER_MIND: Step.SOMEBODY_ELSE,
            Event.YES: Step.SIGN_ON_ASKED,
            Event.NO: Step.SOMEBODY_ELSE,
            Event.PAUSE: Step.NOTE,
            Event.RESUME: Step.NOTE,
            Event.DEADLINE: Step.NOBODY,
        },
        State.PAUSED: {
            **_ALWAYS,
            **_AWAY,
            Event.RESUME: Step.RESUME,
            Event.UNHEARD: Step.NOTE,
            Event.DEADLINE: Step.LET_GO,
        },
        State.CHOOSING_WORK: {
            **_ALWAYS,
            **_AWAY,
            Event.SWITCH: Step.SWITCH,
            Event.CORRECTION: Step.ASK_WORK,
            Event.UNCLEAR: Step.ASK_WORK,
            Event.INDISTINCT: Step.ASK_WORK,
            Event.CANCEL: Step.ASK_WORK,
            Event.NEVER_MIND: Step.ASK_WORK,
            Event.YES: Step.ASK_WORK,
            Event.NO: Step.ASK_WORK,
            Event.DEADLINE: Step.UNUSED,
            Event.STARTED: Step.RESTORE,
        },
    }
)


def list_following_states(state: State, event: Event) -> frozenset[State]:
    """The states that the step for `event` in `state` may lead to."""
    return frozenset(state if one is None else one for one in FOLLOWING_STATES.get(TABLE[state][event], _STAYS))
