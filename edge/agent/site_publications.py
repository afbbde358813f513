"""The inventory's signed publications to a site: expected receipts, roster and master data.

Each is verified on arrival and stored; the latest version is current. Master data is also validated, and activated
between entries: a published kind overrides the file of that kind beside the settings. A version that breaks a loaded
form is refused: the device keeps the current one, and reports the reason on its status topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.taught import add_catalogue_words
from dockvoice_protocol.hash_chain import PublicKey
from dockvoice_protocol.mqtt import MessageReceived
from dockvoice_protocol.records import ExpectedList, Operator, PlaceKind, ReceivingPlace, Roster, make_operators
from dockvoice_protocol.records.master import MOST_WORDS, OF_WORDS, MasterData
from dockvoice_protocol.signed import (
    LARGEST,
    Forged,
    parse_expected_topic,
    parse_master_topic,
    verify_expected_list,
    verify_master_data,
    verify_roster,
)
from dockvoice_protocol.terminal.plain_text import escape_line
from edge.agent.review_delivery import load_pinned_key
from edge.agree.expectations import Expectations
from edge.config import Settings
from edge.keep.journal import Journal, JournalReader
from edge.keep.journal_thread import JournalThread
from edge.keep.signed import ListResult, SignedLists

logger = logging.getLogger(__name__)

_ROSTER = "roster"  # The roster's key in the journal; a site has one.

_DEVICE_LEVELS: tuple[list[str], ...] = ([], ["clips"])
"""Topic levels between a device's name and the last level of its topics."""

_Publication = TypeVar("_Publication", bound=ExpectedList | Roster | MasterData)


@dataclass(frozen=True, slots=True)
class _PublicationKind(Generic[_Publication]):
    """One kind of signed publication: its topics, parser and table."""

    kind: str  # Its name in the log.
    topics: str  # The topic filter to subscribe to.
    carries: Callable[[str], bool]  # Whether a topic is one of these.
    about: Callable[[str], str]  # The subject of a topic, its key in the journal; raises MalformedMessage.
    read: Callable[[bytes, str, PublicKey], _Publication]  # Verifies and parses; raises MalformedMessage, Forged.
    lists: Callable[[JournalReader], SignedLists]  # The table that stores them.


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a message was refused."""

    reason: str  # old, forged, malformed, or the reason of _NotAdmitted.
    about: str | None = None  # The subject, where its topic names one.
    version: int | None = None  # The refused version, where the signature is valid.
    details: str | None = None  # The details, for a person.


class _NotAdmitted(Exception):
    """Raised for a validly signed message that this device cannot use."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


async def _admit_all(_about: str, _one: object) -> None:
    """Admit every message."""


class _SignedInbox(Generic[_Publication]):
    """Stores signed publications of one kind, and holds the latest of each. Use it in the event loop only."""

    def __init__(
        self,
        published: _PublicationKind[_Publication],
        site: str,
        key: PublicKey | None,
        executor: JournalThread,
        heartbeat: Callable[[], None],
        *,
        took: Callable[[str, _Publication], None],
        refused: Callable[[_Refusal], None] = lambda _: None,
        admit: Callable[[str, _Publication], Awaitable[None]] = _admit_all,
        floor: Callable[[str], int] = lambda _: 0,
    ) -> None:
        """`key` verifies messages; None refuses all. `heartbeat` is called while a message waits for disk space.

        `floor` returns a subject's lowest accepted version.

        `took` is called with each new version, `refused` with each refusal. `admit` checks a newer signed version
        before it is stored, and raises _NotAdmitted.
        """
        self._published = published
        self._site = site
        self._key = key
        self._executor = executor
        self._heartbeat = heartbeat
        self._took = took
        self._refused = refused
        self._admit = admit
        self._floor = floor
        self.accepts = published.carries
        self.latest: dict[str, _Publication] = (
            {} if key is None else executor.run(partial(self._load_verified, key=key))
        )

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to subscribe to; none without a key."""
        return () if self._key is None else (self._published.topics,)

    async def verify_and_store(self, message: MessageReceived) -> None:
        """Verify a message and store it if newer, or log why it is refused. The caller acknowledges it afterwards."""
        if self._key is None:  # the broker still has the subscription from when the settings had a key
            return
        kind, where, about = self._published.kind, escape_line(message.topic), None
        try:
            about = self._published.about(message.topic)
            if not message.payload:
                logger.info("%s was cleared at the broker: what was taken stays until withdrawn", about)
            elif not await self._is_stored(about, message.payload):
                read = partial(self._published.read, message.payload, about, self._key)
                await self._store_if_newer(about, await asyncio.to_thread(read), message.payload.decode())
        except Forged as fault:
            logger.warning("%s: a %s is not taken: %s", where, kind, fault)
            self._refused(_Refusal("forged", about))
        except MalformedMessage as fault:
            logger.warning("%s: is no %s for here: %s", where, kind, fault)
            self._refused(_Refusal("malformed", about))

    async def _is_stored(self, about: str, payload: bytes) -> bool:
        if len(payload) > LARGEST or about not in self.latest:
            return False
        try:
            body = payload.decode()
        except UnicodeDecodeError:
            return False
        return await self._executor(lambda journal: self._published.lists(journal).is_known(self._site, about, body))

    async def _store_if_newer(self, about: str, one: _Publication, body: str) -> None:
        kind, kept = self._published.kind, None if one.is_withdrawn else body
        if one.version < (floor := self._floor(about)):
            logger.warning(
                "%s: a %s of version %d is not taken: deliver.floors begins at %d", about, kind, one.version, floor
            )
            self._refused(_Refusal("old", about, one.version))
            return
        if (known := self.latest.get(about)) is None or one.version > known.version:
            try:
                await self._admit(about, one)
            except _NotAdmitted as fault:
                logger.warning("%s: version %d is not taken (%s): %s", about, one.version, fault.reason, fault)
                self._refused(_Refusal(fault.reason, about, one.version, str(fault)))
                return

        def keep(journal: JournalReader) -> ListResult:
            return self._published.lists(journal).store(self._site, about, one.version, kept)

        waits = f"a {kind} waits for room"
        taken = await self._executor.retry_while_disk_full(
            partial(self._executor, keep), waits, lambda _: self._heartbeat()
        )
        if taken is ListResult.OLD:
            logger.warning("%s: a %s of version %d is not taken: a later one is known", about, kind, one.version)
            self._refused(_Refusal("old", about, one.version))
        elif taken is ListResult.NEW:
            self.latest[about] = one
            self._took(about, one)

    def _load_verified(self, journal: JournalReader, key: PublicKey) -> dict[str, _Publication]:
        """The stored messages, verified again, since the key or the floor may have changed."""
        found = {}
        for about, body in self._published.lists(journal).bodies(self._site):
            try:
                one = self._published.read(body.encode(), about, key)
                if one.version < (floor := self._floor(about)):
                    raise MalformedMessage(f"/version: {one.version} is below {floor}, where deliver.floors begins")
                found[about] = one
            except ValueError as fault:  # MalformedMessage, or an invalid name in an edited journal
                logger.warning(
                    "%s: the %s that is kept is set aside: %s", escape_line(about), self._published.kind, fault
                )
        return found


class ExpectedReceipts:
    """The lists of expected receipts. Use it in the event loop only; `current` is thread-safe."""

    def __init__(
        self, settings: Settings, key: PublicKey | None, executor: JournalThread, heartbeat: Callable[[], None]
    ) -> None:
        """Parameters as of _SignedInbox."""
        prefix, site = settings.deliver.prefix, settings.site
        root = Topics.expected(prefix, site, "")

        def read(payload: bytes, about: str, signed_by: PublicKey) -> ExpectedList:
            kind, _, name = about.partition("/")
            return verify_expected_list(payload, site, ReceivingPlace(PlaceKind(kind), name), signed_by)

        lists = _PublicationKind(
            "list of expected receipts",
            Topics.expected(prefix, site),
            # A device named "expected" has topics with the same prefix: one level shorter, or those of its clips.
            carries=lambda topic: (
                topic.startswith(root) and topic.removeprefix(root).split("/")[:-1] not in _DEVICE_LEVELS
            ),
            about=lambda topic: str(parse_expected_topic(prefix, site, topic)),
            read=read,
            lists=lambda journal: journal.expected,
        )
        floor = settings.deliver.lowest_version("expected")
        self.inbox = _SignedInbox(lists, site, key, executor, heartbeat, took=self._took, floor=lambda _: floor)
        self._at_hand = Expectations(self.inbox.latest.values())

    def current(self) -> Expectations:
        """The current lists."""
        return self._at_hand

    def highest_version(self) -> int | None:
        """The highest version of a list, 0 without any; None where none is taken."""
        return max((one.version for one in self.inbox.latest.values()), default=0) if self.inbox.topics else None

    def _took(self, about: str, one: ExpectedList) -> None:
        self._at_hand = Expectations(self.inbox.latest.values())
        logger.info("%s: version %d, %d lines expected", about, one.version, len(one.lines))


class SiteCrew:
    """The operators that may sign on: the roster's, or those of the settings where there is none."""

    def __init__(
        self,
        settings: Settings,
        key: PublicKey | None,
        executor: JournalThread,
        heartbeat: Callable[[], None],
        changed: Callable[[tuple[Operator, ...] | None], None],
    ) -> None:
        """`changed` is called with the new operators."""
        topic, site = Topics.roster(settings.deliver.prefix, settings.site), settings.site
        roster = _PublicationKind(
            _ROSTER,
            topic,
            carries=lambda named: named == topic,
            about=lambda _: _ROSTER,
            read=lambda payload, _, signed_by: verify_roster(payload, site, signed_by),
            lists=lambda journal: journal.roster,
        )
        self._settled = make_operators(settings.agree.operators) or None
        self._changed = changed
        self._refusal: str | None = None
        floor = settings.deliver.lowest_version(_ROSTER)
        self.inbox = _SignedInbox(
            roster, site, key, executor, heartbeat, took=self._took, refused=self._refused, floor=lambda _: floor
        )

    def operators(self) -> tuple[Operator, ...] | None:
        """The operators that may sign on; None: no sign-on is needed."""
        one = self.inbox.latest.get(_ROSTER)
        return self._settled if one is None or one.is_withdrawn else one.operators

    def status(self) -> dict[str, Any] | None:
        """The current roster's version, and why a later one was refused; without operators' names and numbers."""
        one = self.inbox.latest.get(_ROSTER)
        known: dict[str, Any] = {} if one is None else {"version": one.version}
        return known | ({} if self._refusal is None else {"refused": self._refusal}) or None

    def _took(self, about: str, one: Roster) -> None:
        logger.info("%s: version %d, %d operators", about, one.version, len(one.operators))
        self._refusal = None
        self._changed(self.operators())

    def _refused(self, why: _Refusal) -> None:
        self._refusal = why.reason


def load_operators(settings: Settings) -> tuple[Operator, ...] | None:
    """Load the roster's operators from the journal, read-only, else the settings'; None: no sign-on is needed."""
    key, settled = load_pinned_key(settings.deliver.decisions_key), make_operators(settings.agree.operators) or None
    if key is None:
        return settled
    try:
        with Journal.inspect(settings.state) as journal:
            bodies = dict(journal.roster.bodies(settings.site))
        one = verify_roster(bodies[_ROSTER].encode(), settings.site, key)
        return settled if one.version < settings.deliver.lowest_version(_ROSTER) else one.operators
    except (UnreadableInput, KeyError, MalformedMessage):  # no journal, an older one, no roster, or another key's
        return settled


def sign_on_words(operators: Iterable[Operator] | None) -> tuple[str, ...]:
    """The numbers and spoken names that operators sign on with, each once."""
    said = (name for one in operators or () for name in (one.number or "", *one.spoken))
    return tuple(dict.fromkeys(filter(None, said)))


_BREAKS_FORM = "breaks_form"  # Reason for refusing master data with which a loaded form cannot be filled.

_LONGEST = 300  # Limit of characters of a refusal's details on the status topic.

_MOST_KINDS = 200  # Limit of kinds on the status topic; the journal has the same.

_LOOK_S = 0.1  # Poll interval, with a heartbeat, while new data is validated in a thread.

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class CatalogueActivation(Generic[_Made]):
    """How new master data is activated."""

    make: Callable[[tuple[MasterData, ...]], _Made]
    """Prepares the published data for use, in a thread; raises Misconfigured where it is unusable."""
    ready: Callable[[_Made], None]  # Called with the prepared data once it is stored.
    in_force: Callable[[], Mapping[str, int]]  # The active version of each kind.
    unknown_words: Callable[[], Sequence[str]] = tuple
    """The active published words that are missing in the device's recogniser; typed, they are understood."""


STORE_ONLY: CatalogueActivation[None] = CatalogueActivation(lambda _: None, lambda _: None, dict)
"""Stores master data without activating it; the next agent does."""


class SiteCatalogue(Generic[_Made]):
    """Receives and activates the site's master data. Use it in the event loop only."""

    def __init__(
        self,
        settings: Settings,
        key: PublicKey | None,
        executor: JournalThread,
        heartbeat: Callable[[], None],
        renewal: CatalogueActivation[_Made],
    ) -> None:
        """Parameters as of _SignedInbox; `renewal` activates new data."""
        prefix, site = settings.deliver.prefix, settings.site
        root = Topics.catalogue(prefix, site, "")[: -len("/latest")]
        published = _PublicationKind(
            "catalogue",
            Topics.catalogue(prefix, site),
            # A device named "catalogue" has topics with the same prefix, one level shorter.
            carries=lambda topic: topic.startswith(root) and "/" in topic.removeprefix(root),
            about=lambda topic: parse_master_topic(prefix, site, topic),
            read=lambda payload, kind, signed_by: verify_master_data(payload, site, kind, signed_by),
            lists=lambda journal: journal.catalogue,
        )
        self._renewal = renewal
        self._heartbeat = heartbeat
        self._made: _Made | None = None
        self._refusals: dict[str, _Refusal] = {}
        self.inbox = _SignedInbox(
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
        statuses = {kind: self._kind_status(kind, runs.get(kind)) for kind in kinds}
        return {kind: said for kind, said in statuses.items() if said} or None

    def _kind_status(self, kind: str, runs: int | None) -> dict[str, Any]:
        said: dict[str, Any] = {} if runs is None else {"version": runs}
        latest = self.inbox.latest.get(kind)
        if latest is not None and not latest.is_withdrawn and latest.version != runs:
            said["waits"] = latest.version
        if kind == OF_WORDS and (unknown := self._renewal.unknown_words()):
            said["unheard"] = list(unknown)[:MOST_WORDS]
        if (refusal := self._refusals.get(kind)) is not None:
            version = {} if refusal.version is None else {"version": refusal.version}
            details = {} if refusal.details is None else {"told": escape_line(refusal.details)[:_LONGEST]}
            said["refused"] = {"reason": refusal.reason, **version, **details}
        return said

    async def _prepare_or_refuse(self, kind: str, one: MasterData) -> None:
        """Prepare new data together with the other current kinds. Raises _NotAdmitted where it breaks a form."""
        published = tuple({**self.inbox.latest, kind: one}.values())

        def prepare_or_error() -> _Made | Misconfigured:
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
            raise _NotAdmitted(_BREAKS_FORM, str(made))
        self._made = made

    def _activate_stored(self, kind: str, one: MasterData) -> None:
        """Log the stored version, drop the kind's refusal, and activate the prepared data."""
        logger.info("catalogue %s: version %d, %d rows", kind, one.version, len(one.rows))
        self._refusals.pop(kind, None)
        if self._made is not None:
            made, self._made = self._made, None
            self._renewal.ready(made)

    def _refused(self, why: _Refusal) -> None:
        if why.about is not None and (why.about in self._refusals or len(self._refusals) < _MOST_KINDS):
            self._refusals[why.about] = why


def load_published_master_data(settings: Settings) -> tuple[MasterData, ...]:
    """The stored master data at the start, from the journal read-only. Raises Misconfigured."""
    key = load_pinned_key(settings.deliver.decisions_key)
    if key is None:
        return ()
    try:
        with Journal.inspect(settings.state) as journal:
            bodies = journal.catalogue.bodies(settings.site)
    except UnreadableInput:  # no journal, or an older one
        return ()
    found = []
    for kind, body in bodies:
        with suppress(MalformedMessage):  # signed with a former key; the inbox logs it
            found.append(verify_master_data(body.encode(), settings.site, kind, key))
    return tuple(one for one in found if one.version >= _lowest_version(settings, one.kind))


def _lowest_version(settings: Settings, kind: str) -> int:
    """The lowest accepted version of a kind."""
    return settings.deliver.lowest_version(f"catalogue/{kind}")


def load_site_catalogue(settings: Settings, forms: Iterable[Form] = ()) -> Catalogue:
    """The catalogue for these forms: the files beside the settings, overridden by the published data.

    Where the published data breaks a form that was changed on this device, the files alone: a device that does not
    start could not receive better data. Raises Misconfigured for unusable files.
    """
    files = Catalogue.load(settings.catalogue_directory)
    if not (published := load_published_master_data(settings)):
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
    add_catalogue_words(forms, catalogue)
    return catalogue
