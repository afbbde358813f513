"""The site's roster as it arrives: checked, kept over restarts, and at hand for whoever lets operators sign on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from edge.agent.review_delivery import pinned_key
from edge.agent.signed_inbox import SignedInbox
from edge.config import Settings
from edge.deliver.events import MalformedMessage, Topics
from edge.deliver.signed import read_roster
from edge.errors import UnreadableInput
from edge.hash_chain import PublicKey
from edge.keep.expected import SignedLists
from edge.keep.journal import Journal, JournalReader
from edge.keep.journal_thread import JournalThread
from edge.records import Operator, Roster, operators_of

logger = logging.getLogger(__name__)

ROSTER = "roster"  # As the journal names it: a site has one.


def operators_at_start(settings: Settings) -> tuple[Operator, ...] | None:
    """Who may sign on, before an agent has opened the journal; None: nobody needs to. Raises Misconfigured."""
    key, settled = pinned_key(settings.deliver.decisions_key), operators_of(settings.agree.operators) or None
    if key is None:
        return settled
    try:
        with Journal.inspect(settings.state) as journal:
            bodies = dict(journal.roster.bodies(settings.site))
        return read_roster(bodies[ROSTER].encode(), settings.site, key).operators
    except (UnreadableInput, KeyError, MalformedMessage):  # no journal, an older one, no roster, or another key's
        return settled


def names_of(operators: Iterable[Operator] | None) -> tuple[str, ...]:
    """All that they sign on with, numbers and names."""
    said = (name for one in operators or () for name in (one.number or "", *one.spoken))
    return tuple(dict.fromkeys(filter(None, said)))


class RosterInbox(SignedInbox[Roster]):
    """Who may sign on, as far as this device knows: those of the settings while no roster is there."""

    KIND = "roster"

    def __init__(
        self,
        settings: Settings,
        key: PublicKey | None,
        desk: JournalThread,
        beat: Callable[[], None],
        changed: Callable[[tuple[Operator, ...] | None], None] = lambda _: None,
    ) -> None:
        """`changed` hears who may sign on from now on."""
        self._topic = Topics.roster(settings.deliver.prefix, settings.site)
        self._settled = operators_of(settings.agree.operators) or None
        self._changed = changed
        self._refusal: str | None = None
        super().__init__(settings.site, key, desk, beat)

    @property
    def topics(self) -> tuple[str, ...]:
        """What is to be subscribed to."""
        return () if self._key is None else (self._topic,)

    def carries(self, topic: str) -> bool:
        """Whether the roster comes on this topic."""
        return topic == self._topic

    def operators(self) -> tuple[Operator, ...] | None:
        """Who may sign on; None: nobody needs to."""
        one = self._latest.get(ROSTER)
        return self._settled if one is None or one.withdrawn else one.operators

    def status(self) -> dict[str, Any] | None:
        """Which roster is in force, and why the last one that came was not taken: no name, and no number."""
        one = self._latest.get(ROSTER)
        known: dict[str, Any] = {} if one is None else {"version": one.version}
        return known | ({} if self._refusal is None else {"refused": self._refusal}) or None

    def _lists(self, journal: JournalReader) -> SignedLists:
        return journal.roster

    def _about(self, topic: str) -> str:
        if topic != self._topic:
            raise MalformedMessage("topic: is that of no roster")
        return ROSTER

    def _read(self, payload: bytes, about: str, key: PublicKey) -> Roster:
        return read_roster(payload, self._site, key)

    def _took(self, about: str, one: Roster) -> None:
        logger.info("%s: version %d, %d operators", about, one.version, len(one.operators))
        self._refusal = None
        self._changed(self.operators())

    def _refused(self, why: str) -> None:
        self._refusal = why
