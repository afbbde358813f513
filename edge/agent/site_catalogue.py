"""The site's master data on the device: published versions are validated, stored, and activated between entries.

A published kind overrides the file of that kind beside the settings. A version that breaks a loaded form is refused:
the device keeps the current one, and reports the reason on its status topic.
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
from dockvoice_protocol.forms.taught import with_words
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.records.master import MOST_WORDS, OF_WORDS, MasterData
from dockvoice_protocol.signed import parse_master_topic, read_master
from dockvoice_protocol.terminal.plain_text import escape_line
from edge.agent.review_delivery import load_pinned_key
from edge.agent.signed_inbox import NotAdmitted, Published, Refusal, SignedInbox
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread

logger = logging.getLogger(__name__)

_BREAKS_FORM = "breaks_form"  # Reason for refusing master data with which a loaded form cannot be filled.

_LONGEST = 300  # Limit of characters of a refusal's details on the status topic.

_MOST_KINDS = 200  # Limit of kinds on the status topic; the journal has the same.

_LOOK_S = 0.1  # Poll interval, with a heartbeat, while new data is validated in a thread.

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Renewal(Generic[Made]):
    """How new master data is activated."""

    make: Callable[[tuple[MasterData, ...]], Made]
    """Prepares the published data for use, in a thread; raises Misconfigured where it is unusable."""
    ready: Callable[[Made], None]  # Called with the prepared data once it is stored.
    in_force: Callable[[], Mapping[str, int]]  # The active version of each kind.
    unheard: Callable[[], Sequence[str]] = tuple
    """The active published words that are missing in the device's recogniser; typed, they are understood."""


KEPT_ONLY: Renewal[None] = Renewal(lambda _: None, lambda _: None, dict)
"""Stores master data without activating it; the next agent does."""


class SiteCatalogue(Generic[Made]):
    """Receives and activates the site's master data. Use it in the event loop only."""

    def __init__(
        self,
        settings: Settings,
        key: PublicKey | None,
        executor: JournalThread,
        heartbeat: Callable[[], None],
        renewal: Renewal[Made],
    ) -> None:
        """Parameters as of SignedInbox; `renewal` activates new data."""
        prefix, site = settings.deliver.prefix, settings.site
        root = Topics.catalogue(prefix, site, "")[: -len("/latest")]
        published = Published(
            "catalogue",
            Topics.catalogue(prefix, site),
            # A device named "catalogue" has topics with the same prefix, one level shorter.
            carries=lambda topic: topic.startswith(root) and "/" in topic.removeprefix(root),
            about=lambda topic: parse_master_topic(prefix, site, topic),
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
            took=self._activate_stored,
            refused=self._refused,
            admit=self._prepare_or_refuse,
            floor=partial(_lowest_version, settings),
        )

    def status(self) -> dict[str, Any] | None:
        """For each kind, the active version, the one that needs a restart, and why the last one was refused."""
        runs = self._renewal.in_force()
        kinds = sorted({*runs, *self.inbox.latest, *self._refusals})[:_MOST_KINDS]
        told = {kind: self._kind_status(kind, runs.get(kind)) for kind in kinds}
        return {kind: said for kind, said in told.items() if said} or None

    def _kind_status(self, kind: str, runs: int | None) -> dict[str, Any]:
        said: dict[str, Any] = {} if runs is None else {"version": runs}
        latest = self.inbox.latest.get(kind)
        if latest is not None and not latest.withdrawn and latest.version != runs:
            said["waits"] = latest.version
        if kind == OF_WORDS and (unheard := self._renewal.unheard()):
            said["unheard"] = list(unheard)[:MOST_WORDS]
        if (refusal := self._refusals.get(kind)) is not None:
            version = {} if refusal.version is None else {"version": refusal.version}
            told = {} if refusal.told is None else {"told": escape_line(refusal.told)[:_LONGEST]}
            said["refused"] = {"reason": refusal.reason, **version, **told}
        return said

    async def _prepare_or_refuse(self, kind: str, one: MasterData) -> None:
        """Prepare new data together with the other current kinds. Raises NotAdmitted where it breaks a form."""
        published = tuple({**self.inbox.latest, kind: one}.values())

        def prepare_or_error() -> Made | Misconfigured:
            try:
                return self._renewal.make(published)
            except Misconfigured as fault:
                return fault

        async with asyncio.TaskGroup() as group:
            trying = group.create_task(asyncio.to_thread(prepare_or_error))
            while not trying.done():  # compiling a new grammar takes a second, more on a small device
                self._heartbeat()
                await asyncio.wait([trying], timeout=_LOOK_S)
        if isinstance(made := trying.result(), Misconfigured):
            raise NotAdmitted(_BREAKS_FORM, str(made))
        self._made = made

    def _activate_stored(self, kind: str, one: MasterData) -> None:
        """Log the stored version, drop the kind's refusal, and activate the prepared data."""
        logger.info("catalogue %s: version %d, %d rows", kind, one.version, len(one.rows))
        self._refusals.pop(kind, None)
        if self._made is not None:
            made, self._made = self._made, None
            self._renewal.ready(made)

    def _refused(self, why: Refusal) -> None:
        if why.about is not None and (why.about in self._refusals or len(self._refusals) < _MOST_KINDS):
            self._refusals[why.about] = why


def load_published(settings: Settings) -> tuple[MasterData, ...]:
    """The stored master data at the start, from the journal read-only. Raises Misconfigured."""
    key = load_pinned_key(settings.deliver.decisions_key)
    if key is None:
        return ()
    try:
        with Journal.inspect(settings.state) as journal:
            bodies = journal.catalogue.bodies(settings.site)
    except UnreadableInput:  # no journal, or an older one
        return ()
    read = partial(_parse_stored, settings.site, key)
    found = (read(kind, body) for kind, body in bodies)
    return tuple(one for one in found if one is not None and one.version >= _lowest_version(settings, one.kind))


def _lowest_version(settings: Settings, kind: str) -> int:
    """The lowest accepted version of a kind."""
    return settings.deliver.floor(f"catalogue/{kind}")


def _parse_stored(site: str, key: PublicKey, kind: str, body: str) -> MasterData | None:
    try:
        return read_master(body.encode(), site, kind, key)
    except MalformedMessage:  # signed with a former key; the inbox logs it
        return None


def load_site_catalogue(settings: Settings, forms: Iterable[Form] = ()) -> Catalogue:
    """The catalogue for these forms: the files beside the settings, overridden by the published data.

    Where the published data breaks a form that was changed on this device, the files alone: a device that does not
    start could not receive better data. Raises Misconfigured for unusable files.
    """
    files = Catalogue.load(settings.catalogue_directory)
    if not (published := load_published(settings)):
        return files
    try:
        return override_files(files, published, forms)
    except Misconfigured as fault:
        logger.warning(
            "what the inventory published is not used, but the files in %s: %s", settings.catalogue_directory, fault
        )
        return files


def override_files(files: Catalogue, published: Iterable[MasterData], forms: Iterable[Form]) -> Catalogue:
    """The files overridden by the published data. Raises Misconfigured where one of the forms cannot be filled."""
    catalogue = files.with_published(published)
    with_words(forms, catalogue)
    return catalogue
