"""The site's master data on the device: what was published for it, looked at, kept, and put in force between entries.

What the inventory published wins over the files beside the settings, kind by kind. One that a form at hand cannot be
filled with is not taken: the device goes on with what it has, and says why on its status topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.taught import teach
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.records.master import MOST_WORDS, OF_WORDS, MasterData
from dockvoice_protocol.signed import kind_of, read_master
from dockvoice_protocol.terminal.plain_text import in_one_line
from edge.agent.review_delivery import pinned_key
from edge.agent.signed_inbox import NotAdmitted, Published, Refusal, SignedInbox
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread

logger = logging.getLogger(__name__)

BREAKS_FORM = "breaks_form"  # Why master data are not taken with which a form at hand could not be filled.

LONGEST = 300  # Characters of what the status topic tells a person.

MOST_KINDS = 200  # That the status topic tells of; the journal keeps as many.

LOOK_S = 0.1  # How often it is seen whether what a form is to be filled with has been looked at.

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Renewal(Generic[Made]):
    """Who works with the master data."""

    make: Callable[[tuple[MasterData, ...]], Made]
    """Makes of what is published what will be worked with, in a thread; raises Misconfigured where it cannot."""
    ready: Callable[[Made], None]  # Hears of that once it is kept.
    in_force: Callable[[], Mapping[str, int]]  # The version of each kind that is worked with.
    unheard: Callable[[], Sequence[str]] = tuple
    """The published words in force that this device's recogniser does not know: they are understood where typed."""


KEPT_ONLY: Renewal[None] = Renewal(lambda _: None, lambda _: None, dict)
"""Nobody does: what comes is kept for who will."""


class SiteCatalogue(Generic[Made]):
    """What is published for the site, as far as this device has taken it. Belongs to the loop."""

    def __init__(
        self,
        settings: Settings,
        key: PublicKey | None,
        executor: JournalThread,
        heartbeat: Callable[[], None],
        renewal: Renewal[Made],
    ) -> None:
        """As the inbox it comes to."""
        prefix, site = settings.deliver.prefix, settings.site
        root = Topics.catalogue(prefix, site, "")[: -len("/latest")]
        published = Published(
            "catalogue",
            Topics.catalogue(prefix, site),
            # The topics of a device that is named "catalogue" begin so too, and are a level less deep.
            carries=lambda topic: topic.startswith(root) and "/" in topic.removeprefix(root),
            about=lambda topic: kind_of(prefix, site, topic),
            read=lambda payload, kind, signed_by: read_master(payload, site, kind, signed_by),
            lists=lambda journal: journal.catalogue,
        )
        self._renewal = renewal
        self._heartbeat = heartbeat
        self._made: Made | None = None
        self._refusals: dict[str, Refusal] = {}
        self.inbox = SignedInbox(
            published,
            site,
            key,
            executor,
            heartbeat,
            took=self._took,
            refused=self._refused,
            admit=self._admit,
            floor=partial(_floor, settings),
        )

    def status(self) -> dict[str, Any] | None:
        """Of each kind which version is in force, which waits for a restart, and why the last one was not taken."""
        runs = self._renewal.in_force()
        kinds = sorted({*runs, *self.inbox.latest, *self._refusals})[:MOST_KINDS]
        told = {kind: self._status_of(kind, runs.get(kind)) for kind in kinds}
        return {kind: said for kind, said in told.items() if said} or None

    def _status_of(self, kind: str, runs: int | None) -> dict[str, Any]:
        said: dict[str, Any] = {} if runs is None else {"version": runs}
        latest = self.inbox.latest.get(kind)
        if latest is not None and not latest.withdrawn and latest.version != runs:
            said["waits"] = latest.version
        if kind == OF_WORDS and (unheard := self._renewal.unheard()):
            said["unheard"] = list(unheard)[:MOST_WORDS]
        if (refusal := self._refusals.get(kind)) is not None:
            version = {} if refusal.version is None else {"version": refusal.version}
            told = {} if refusal.told is None else {"told": in_one_line(refusal.told)[:LONGEST]}
            said["refused"] = {"reason": refusal.reason, **version, **told}
        return said

    async def _admit(self, kind: str, one: MasterData) -> None:
        """See that the device can work with it, together with what else it has; keep what was made of it at hand."""
        published = tuple({**self.inbox.latest, kind: one}.values())

        def attempt() -> Made | Misconfigured:
            try:
                return self._renewal.make(published)
            except Misconfigured as fault:
                return fault

        async with asyncio.TaskGroup() as group:
            trying = group.create_task(asyncio.to_thread(attempt))
            while not trying.done():  # a grammar that is new takes a second of a processor, and more on a small box
                self._heartbeat()
                await asyncio.wait([trying], timeout=LOOK_S)
        if isinstance(made := trying.result(), Misconfigured):
            raise NotAdmitted(BREAKS_FORM, str(made))
        self._made = made

    def _took(self, kind: str, one: MasterData) -> None:
        logger.info("catalogue %s: version %d, %d rows", kind, one.version, len(one.rows))
        self._refusals.pop(kind, None)
        if self._made is not None:
            made, self._made = self._made, None
            self._renewal.ready(made)

    def _refused(self, why: Refusal) -> None:
        if why.about is not None and (why.about in self._refusals or len(self._refusals) < MOST_KINDS):
            self._refusals[why.about] = why


def published_at_start(settings: Settings) -> tuple[MasterData, ...]:
    """What this device has taken, before an agent has opened the journal. Raises Misconfigured."""
    key = pinned_key(settings.deliver.decisions_key)
    if key is None:
        return ()
    try:
        with Journal.inspect(settings.state) as journal:
            bodies = journal.catalogue.bodies(settings.site)
    except UnreadableInput:  # no journal, or an older one
        return ()
    read = partial(_read, settings.site, key)
    found = (read(kind, body) for kind, body in bodies)
    return tuple(one for one in found if one is not None and one.version >= _floor(settings, one.kind))


def _floor(settings: Settings, kind: str) -> int:
    """The lowest version of a kind that is taken."""
    return settings.deliver.floor(f"catalogue/{kind}")


def _read(site: str, key: PublicKey, kind: str, body: str) -> MasterData | None:
    try:
        return read_master(body.encode(), site, kind, key)
    except MalformedMessage:  # another key's, since: the inbox says so
        return None


def catalogue_at_start(settings: Settings, forms: Iterable[Form] = ()) -> Catalogue:
    """What these forms are filled with: the files beside the settings, under what the inventory published.

    Where that cannot be, since a form was changed on this device, the files alone: a device that did not start could be
    sent nothing better. Raises Misconfigured for files that cannot be used.
    """
    files = Catalogue.load(settings.catalogue_directory)
    if not (published := published_at_start(settings)):
        return files
    try:
        return under(files, published, forms)
    except Misconfigured as fault:
        logger.warning(
            "what the inventory published is not used, but the files in %s: %s", settings.catalogue_directory, fault
        )
        return files


def under(files: Catalogue, published: Iterable[MasterData], forms: Iterable[Form]) -> Catalogue:
    """The files under what is published. Raises Misconfigured where one of the forms could not be filled with it."""
    catalogue = files.under(published)
    teach(forms, catalogue)
    return catalogue
