"""What happens to an agent, remembered as far as it is to be seen. Pure: it is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge.agent.app import AgentTold
from edge.agent.delivery import LinkChanged
from edge.agent.dialogue_driver import Stands
from edge.agent.events import CaptureResumed, CaptureStopped, Decided, SourceEnded
from edge.agent.headset import MicrophoneFault, Muted
from edge.agree.dialogue.orders import Say
from edge.agree.dialogue.table import State as Stage
from edge.records import Note, Park
from edge.speak.wording import Phrasing
from edge.view.listing import Kept

LOG_LINES = 50
"""So much of the log is remembered: more than any terminal shows."""


@dataclass(slots=True)
class Logged:
    """A line of the log, and how often it came in a row."""

    text: str
    times: int = 1

    def __str__(self) -> str:
        return self.text if self.times == 1 else f"{self.text} ({self.times} times)"


class Remembering:
    """Told of all that happens to one agent."""

    def __init__(self, phrasing: Phrasing) -> None:
        self._phrasing = phrasing
        self._connected = False
        self._faults: dict[str, str] = {}
        self._full: str | None = None
        self._muted = False
        self._ended = False
        self._stands: Stands | None = None
        self._said: str | None = None
        self._decided: Decided | None = None
        self._noted: dict[str, Note | Park] = {}
        self._number: int | None = None
        self._kept: Kept | None = None
        self._log: deque[Logged] = deque(maxlen=LOG_LINES)

    @property
    def paused(self) -> bool:
        """Whether the operator asked not to be listened to."""
        return self._stands is not None and self._stands.state is Stage.PAUSED

    def tell(self, told: AgentTold) -> None:
        """Something happened."""
        match told:
            case Decided():
                self._decided, self._number = told, None
            case Stands():
                self._stands = told
                self._number = self._number if told.row is None else told.row.sequence
                said = [self._phrasing.text(order) for order in told.told if isinstance(order, Say)]
                self._said = " ".join(said) or self._said
                self._noted = {one.utterance_id: one for one in told.noted} or self._noted
            case LinkChanged(up):
                self._connected = up
            case MicrophoneFault(fault, what):
                self._faulty(fault, what)
            case Muted(muted):
                self._muted = muted
            case _:
                self._hear_of_capture(told)

    def _hear_of_capture(self, told: AgentTold) -> None:
        match told:
            case CaptureStopped(reason):
                self._full = reason
            case CaptureResumed():
                self._full = None
            case SourceEnded():
                self._ended = True
            case _:
                pass

    def _faulty(self, fault: str, what: str | None) -> None:
        if what is None:
            self._faults.pop(fault, None)
        else:
            self._faults[fault] = what

    def keep(self, kept: Kept) -> None:
        """What the journal holds now."""
        self._kept = kept

    def log(self, lines: Iterable[str]) -> None:
        """Lines were logged."""
        for line in lines:
            if self._log and self._log[-1].text == line:
                self._log[-1].times += 1
            else:
                self._log.append(Logged(line))
