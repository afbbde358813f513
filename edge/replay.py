"""`dockvoice replay`: recordings go the whole way through the very same wiring as the microphone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge.app import Agent, AgentTold
from edge.assembly import Parts
from edge.hear.recording import Recording
from edge.keep.desk import Desk

Tell = Callable[[AgentTold], None]


async def replay(parts: Parts, recordings: Sequence[Recording], tell: Tell, *, settle_within_s: float) -> None:
    """Hear the recordings in order, deliver what is accepted, and wait for the inventory's receipts.

    Starting it again after a kill goes on where it stopped: what was heard is decided, what is on record already is
    not recorded again, what is owed is sent. Raises Unfinished when something is still owed after `settle_within_s`.
    """
    with Desk(parts.settings.state, parts.settings.keep) as desk:
        agent = Agent(parts, desk, tell, live=False)
        owed = await agent.run(recordings, settle_within_s=settle_within_s)
    if owed:
        raise agent.unfinished(owed, settle_within_s)
