"""State of the view: the JSON lines of one agent, what of them is shown, and its keyboard. Pure: it has no clock.

Lines that are not the agent's (warnings, in a journal that holds both) are the log. A key asks what the voice can ask;
a typed line is a sentence. Pasted text counts as typed: its letters are no keys. Arrows and function keys, which are
several characters, do nothing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dockvoice_protocol.records import Act, Command
from edge.agree.dialogue.table import QUESTIONS as ASKS
from edge.agree.dialogue.table import State
from edge.cli.audio import MeterReading
from edge.cli.tables import (
    MODES,
    PARKED,
    QUESTIONS,
    Tone,
    ToneText,
    amendment_text,
    reason_text,
    result_text,
    state_text,
)
from edge.cli.watch.layout import Badge, FieldRow, LastUtterance, Picture, QueueRow
from edge.keep.outbox import OutboxState
from edge.records import Outcome, Reason

_JsonObject = Mapping[str, Any]

_KINDS = (
    "agent",
    "now",
    "work",
    "words",
    "dialogue",
    "broker",
    "trouble",
    "capture",
    "microphone",
    "kept",
    "entry",
    "log",
)
"""Keys of which a line has one; it has more to say of the others than anything here shows."""

_LOG_LINES = 50  # So much of the log is remembered: more than any terminal shows.
_ENTRIES = 50  # So many entries, likewise.

_PUSH_TO_TALK, _WAKE_PHRASE = "push-to-talk", "wake-phrase"
"""Two of `edge.config.ListeningMode`, which is not loaded for that; nor is where the next ones come from."""
_HOW = {"keyboard": "typed", "scanner": "scanned"}  # What is not heard, by its source.

_ANSWER_KEYS = (("y", "yes"), ("n", "no"), ("c", "cancel"), ("r", "put aside"), ("a", "say again"))
_QUESTION_KEYS = (
    ("p", "pause"),
    ("w", "how many waiting"),
    ("o", "what is open"),
    ("l", "last entry"),
    ("t", "where am I"),
    ("h", "help"),
)
_VOICE_KEYS = (("+ -", "loudness"), ("> <", "speed"))

_MEANINGS = {State.IDLE: Tone.GOOD, State.PAUSED: Tone.QUIET, State.SIGNED_OFF: Tone.QUIET}


class View:
    """State of one agent's screen: the last line of each kind, and running totals. Fed by `update`."""

    def __init__(self) -> None:
        self._log: deque[tuple[str, int]] = deque(maxlen=_LOG_LINES)
        self._reset()

    def _reset(self) -> None:
        """Clear the state: a new agent began."""
        self._last: dict[str, _JsonObject] = {}
        self._muted = False
        self._faults: dict[str, str] = {}
        self._said: str | None = None
        self._number: int | None = None
        self._entries: dict[int, _JsonObject] = {}

    def update(self, text: str) -> None:
        """Apply the next line: JSON of the agent, or text of its log."""
        try:
            self._apply_line(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._append_log(text)

    def _apply_line(self, line: _JsonObject) -> None:
        kind = next((kind for kind in _KINDS if kind in line), "")
        if line.get("agent") == "started":
            self._reset()
            kind = "started"
        self._last[kind] = line
        match kind:
            case "words":
                self._number = None
            case "dialogue":
                self._said, self._number = line["said"] or self._said, line["number"] or self._number
            case "microphone":
                self._apply_microphone(line)
            case "entry":
                self._entries[line["entry"]["sequence"]] = line["entry"]
                self._entries = dict(sorted(self._entries.items(), reverse=True)[:_ENTRIES])
            case "log":
                self._append_log(line["log"])
            case _:
                pass

    def _apply_microphone(self, line: _JsonObject) -> None:
        condition = line["microphone"]
        if "state" not in line:
            self._muted = condition == "muted"
        elif line["found"] is None:
            self._faults.pop(condition, None)
        else:
            self._faults[condition] = line["found"]

    def _append_log(self, text: str) -> None:
        if self._log and self._log[-1][0] == text:
            self._log.append((text, self._log.pop()[1] + 1))
        elif text.strip():
            self._log.append((text, 1))

    def picture(self) -> Picture:
        """The picture to draw now."""
        trouble, broker = self._latest("trouble").get("trouble"), self._latest("broker").get("broker")
        return Picture(
            who=self._identity_lines(),
            broker=self._latest("started").get("broker_address", "the broker"),
            up=False if trouble else broker == "connected" or None,
            microphone=self._microphone_text(),
            sound=MeterReading(**self._live_state.get("sound", {})),
            hears=not (self._muted or self._is_gate_shut),
            badge=self._badge(),
            said=self._said,
            utterance=self._last_utterance(),
            entry=tuple(self._entry_rows()),
            counts=self._count_texts(),
            queue=tuple(self._queue_rows()),
            faults=tuple(self._current_faults()),
            log=tuple(text if times == 1 else f"{text} ({times} times)" for text, times in self._log),
            typing=self._live_state.get("typing"),
            keys=self._key_hints() if self._live_state.get("has_keys") else (("^C", "stop"),),
        )

    def _latest(self, kind: str) -> _JsonObject:
        """The latest line of a kind; empty if there was none."""
        return self._last.get(kind, {})

    @property
    def _live_state(self) -> _JsonObject:
        """The state that the live view sends ten times a second; empty when a log is shown."""
        now: _JsonObject = self._latest("now").get("now", {})
        return now

    @property
    def _labels(self) -> dict[str, str]:
        return {one["name"]: one["label"] for one in _form_fields(self._last)}

    @property
    def _is_gate_shut(self) -> bool:
        """Whether the device waits for its talk key."""
        return self._latest("started").get("mode") == _PUSH_TO_TALK and not self._live_state.get("talking")

    def _open_question(self) -> _JsonObject | None:
        """The dialogue's state, while a question is open."""
        return self._last.get("dialogue") if self._live_state.get("converses", True) else None

    def _identity_lines(self) -> tuple[str, ...]:
        started, dialogue = self._latest("started"), self._latest("dialogue")
        where = f"{started['device']} at {started['site']}" if started else ""
        said_once = ", ".join(
            f"{self._labels.get(name, name)} {value}" for name, value in dialogue.get("standing", {}).items()
        )
        who, form = dialogue.get("operator") or started.get("operator"), self._latest("work").get("work")
        return tuple(filter(None, (where, form or started.get("form"), who, said_once)))

    def _microphone_text(self) -> str:
        if not (started := self._latest("started")):
            return ""
        phrase = f' "{started["wake_phrase"]}"' if started["mode"] == _WAKE_PHRASE else ""
        name = "the default" if started["listens_to"] is None else started["listens_to"]
        return f"{MODES[started['mode']]}{phrase}, {name}"

    def _badge(self) -> Badge:
        """The header's badge: what keeps the device from hearing comes before the dialogue's state."""
        if "agent" in self._last:
            return Badge("stopping", "what is owed gets its last chance; then it goes out at the next start", Tone.OPEN)
        if "reason" in self._latest("capture"):
            return Badge("not recording", "nothing that is said now is kept", Tone.BAD)
        if self._muted:
            return Badge("muted", "nothing is heard; m hears again", Tone.BAD)
        if (stands := self._open_question()) is not None:
            return self._dialogue_badge(stands)
        return self._listening_badge()

    def _dialogue_badge(self, stands: _JsonObject) -> Badge:
        state, asked = State(stands["dialogue"]), stands["question"]
        left_s = self._live_state.get("left_s")
        left = "" if left_s is None else f"{left_s:.1f} s"
        detail = ""
        if state is State.HELD:
            detail = f"{left} to object" if left else "until you object, or go on"
        elif asked is not None and state in ASKS:
            label, candidates = self._labels.get(asked["field"], asked["field"]), map(str, asked["candidates"])
            what = QUESTIONS[asked["about"]].format(field=label, candidates=" or ".join(candidates))
            detail = ", ".join(filter(None, (what, left and f"{left} to answer")))
        elif state is State.PAUSED:
            detail = "p, or the word for it, goes on"
        elif state is State.SIGNED_OFF:
            detail = "say, or type, who signs on"
        return Badge(state.value, detail, _MEANINGS.get(state, Tone.OPEN))

    def _listening_badge(self) -> Badge:
        if self._live_state.get("is_open"):
            return Badge("hearing", "", Tone.OPEN)
        if self._is_gate_shut:
            return Badge("waiting", "for the talk key; space does as well", Tone.QUIET)
        asked = self._latest("words").get("ask")
        for field in _form_fields(self._last):
            if field["name"] == asked:
                return Badge("listening", field["ask"], Tone.OPEN)
        return Badge("listening", "", Tone.GOOD)

    def _last_utterance(self) -> LastUtterance | None:
        utterance = self._last.get("words")
        if utterance is None:
            return None
        words = tuple((word["text"], word["sure"]) for word in utterance["words"])
        return LastUtterance(words, _HOW.get(utterance["source"], "heard"), self._utterance_result(utterance))

    def _utterance_result(self, utterance: _JsonObject) -> ToneText:
        outcome = Outcome(utterance["verdict"])
        if utterance["parked"]:
            return PARKED
        if self._number is not None and outcome is Outcome.HOLD:
            return ToneText(f"recorded as number {self._number}", Tone.GOOD)
        return result_text(outcome, utterance["reasons"], self._labels)

    def _entry_rows(self) -> Iterable[FieldRow]:
        """The rows of the open entry: the dialogue's draft, or the fields missing in an utterance to be repeated."""
        utterance = self._latest("words")
        if (stands := self._open_question()) is not None:
            return self._field_rows(stands["read"], stands["doubts"])
        if utterance.get("verdict") in {Outcome.ASK, Outcome.ACCEPT}:
            return self._field_rows(utterance["read"], utterance["reasons"])
        return self._field_rows({}, ())

    def _field_rows(self, read: _JsonObject, doubts: Iterable[str]) -> Iterator[FieldRow]:
        """The form's fields with their readings; optional ones only where they were said."""
        doubted = {
            code.partition(":")[2]: reason_text(code, self._labels) for code in doubts if code != Reason.COMPLETE
        }
        for field in _form_fields(self._last):
            name, one = field["name"], read.get(field["name"], {"value": None, "words": ""})
            if field["required"] or name in read:
                value = None if one["value"] is None else str(one["value"])
                yield FieldRow(name, value, one["words"], doubted.get(name))

    def _count_texts(self) -> tuple[ToneText, ...]:
        if (kept := self._latest("kept").get("kept")) is None:
            return ()
        sent = f" ({kept['sent']} sent)" if kept["sent"] else ""
        counts = (
            (kept["owed"], f"owed{sent}", Tone.OPEN),
            (kept["in_review"], "in review", Tone.OPEN),
            (kept["held"], "held", Tone.BAD),
            (kept["in_inventory"], "in the inventory", Tone.GOOD),
        )
        return tuple(ToneText(f"{count} {what}", meaning if count else Tone.QUIET) for count, what, meaning in counts)

    def _queue_rows(self) -> Iterator[QueueRow]:
        numbers = {one["event_id"]: number for number, one in self._entries.items()}
        for number, one in self._entries.items():
            replaced = numbers.get(one["replaces"])
            named = "an earlier one" if replaced is None else f"number {replaced}"
            state = state_text(OutboxState(one["state"]), one["reasons"], sent=bool(one["attempts"]))
            yield QueueRow(number, amendment_text(one["told"], Act(one["act"]), named), state)

    def _current_faults(self) -> Iterator[str]:
        for fault, what in self._faults.items():
            yield f"microphone, {fault.replace('_', ' ')}: it {what}"
        if (full := self._latest("capture").get("reason")) is not None:
            yield f"not recording: {full}"
        if (trouble := self._latest("trouble").get("trouble")) is not None:
            yield f"no broker: {trouble}. Entries are kept, and go out by themselves when it answers"

    def _key_hints(self) -> tuple[tuple[str, str], ...]:
        talks, converses = self._latest("started").get("mode") == _PUSH_TO_TALK, self._open_question() is not None
        return (
            *((("space", "talk"),) if talks else ()),
            *(_ANSWER_KEYS if converses else ()),
            ("/", "type a sentence"),
            ("m", "hear again" if self._muted else "mute"),
            *((*_QUESTION_KEYS, *_VOICE_KEYS) if converses else ()),
            ("^C", "stop"),
        )


def _form_fields(last: Mapping[str, _JsonObject]) -> Sequence[_JsonObject]:
    """The fields of the active form, from the last line of each kind."""
    line = last.get("work") or last.get("started", {})
    found: Sequence[_JsonObject] = line.get("form_fields", ())
    return found


_ESCAPE = "\x1b"
_ENTER = frozenset("\r\n")
_ERASE = frozenset("\x7f\b")
_ERASE_WORD, _ERASE_LINE = "\x17", "\x15"
_PASTE_BEGINS, _PASTE_ENDS = "200~", "201~"

_LONGEST_LINE = 200  # Characters: longer than any sentence one can dictate.

_ASKS: dict[str, Act | Command] = {
    "y": Act.YES,
    "n": Act.NO,
    "c": Act.CANCEL,
    "?": Command.HELP,
    **{command.key: command for command in Command if command.key},
}
"""What the dialogue is asked by a key."""


class ToggleKey(StrEnum):
    """A key that switches something on or off."""

    MUTE = "m"
    TALK = " "
    PAUSE = "p"


@dataclass(frozen=True, slots=True)
class TypedSentence:
    """A completed line of typed text."""

    text: str


_SWITCHES = {switch.value: switch for switch in ToggleKey}

KeyAction = Act | Command | ToggleKey | TypedSentence


class Keyboard:
    """Parses key presses, and buffers the line that is being typed."""

    def __init__(self) -> None:
        self.line: str | None = None  # What was typed of it so far; None while none is open.
        self._sequence: str | None = None
        self._pasting = False

    def feed(self, key: str) -> KeyAction | None:
        """Process the next character; return the action it completes, if any."""
        if self._sequence is not None:
            self._continue_escape(self._sequence + key)
            return None
        if key == _ESCAPE:
            self._sequence = ""
            return None
        if self._pasting or self.line is not None:
            return self._edit_or_complete_line(self.line or "", key)
        return self._open_line_or_find_action(key)

    def resolve_escape(self) -> None:
        """Treat a pending Escape as the Escape key, which clears the line: nothing followed it in time."""
        if self._sequence == "" and not self._pasting:
            self.line = None
        self._sequence = None

    def _open_line_or_find_action(self, key: str) -> KeyAction | None:
        """Open a line at / or Enter; else the action of the key, None without one."""
        if key == "/" or key in _ENTER:
            self.line = ""
            return None
        if key.lower() in _ASKS:
            return _ASKS[key.lower()]
        return _SWITCHES.get(key.lower())

    def _edit_or_complete_line(self, line: str, key: str) -> TypedSentence | None:
        if key in _ENTER and not self._pasting:
            self.line = None
            return TypedSentence(line.strip()) if line.strip() else None
        self.line = _edited_text(line, key)
        return None

    def _continue_escape(self, sequence: str) -> None:
        """Parse a control sequence (ECMA-48): `ESC [` and parameters up to a final character."""
        if sequence == "[" or (sequence[0] == "[" and not "@" <= sequence[-1] <= "~"):
            self._sequence = sequence
            return
        if sequence == "O":  # a function key follows
            self._sequence = sequence
            return
        self._sequence = None
        if sequence == f"[{_PASTE_BEGINS}":
            self._pasting, self.line = True, self.line or ""
        elif sequence == f"[{_PASTE_ENDS}":
            self._pasting = False


def _edited_text(line: str, key: str) -> str:
    """The line after a key that erases or adds a character."""
    if key in _ERASE:
        return line[:-1]
    if key == _ERASE_LINE:
        return ""
    if key == _ERASE_WORD:
        return "".join(line.rstrip().rpartition(" ")[:2])
    if not key.isprintable():
        key = " "
    return (line + key)[:_LONGEST_LINE]
