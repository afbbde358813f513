"""Publishing the catalogue: signed, retained messages to devices; and the versions that devices run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.events import MalformedMessage, Topics, parse_status
from dockvoice_protocol.hash_chain import PublicKey, Signer
from dockvoice_protocol.records import Roster
from dockvoice_protocol.records.master import OF_WORDS
from dockvoice_protocol.signed import sign_master_data, sign_roster
from inventory.settings import InventorySettings
from inventory.site.catalogue import FaultyRows, RosterVersions, SiteCatalogue, Version, find_rows_unfit_for_forms
from inventory.site.roster import ROSTER, parse_signed_roster, rows_to_operators
from inventory.site.sending import publish_rows, read_all_retained, read_retained
from inventory.store.outbox import HELD_BACK_FOR, Message, MessageKind


@dataclass(frozen=True, slots=True)
class DeclinedVersion:
    """A device's reason to decline the latest version of a kind."""

    reason: str  # old, forged, malformed or breaks_form; others may be added.
    version: int | None  # The declined version, if its message was valid.
    detail: str | None  # The fault, as text.


@dataclass(frozen=True, slots=True)
class ReportedVersions:
    """The versions of master data that one device has reported."""

    device: str
    online: bool
    versions: Mapping[str, int]  # By kind.
    declined: Mapping[str, DeclinedVersion]  # By kind.
    unknown_words: tuple[str, ...] = ()  # The site's words that its recogniser does not know.

    def kinds_not_run(self, wanted: Iterable[Version]) -> list[str]:
        """The kinds of which it does not run these versions."""
        return [one.kind for one in wanted if self.versions.get(one.kind, 0) != (one.version if one.rows else 0)]


def publish(
    settings: InventorySettings, catalogue: SiteCatalogue, signer: Signer, kinds: Collection[str] = ()
) -> list[Version]:
    """Insert versions as `enter_in_outbox` does, and publish them at once. Raises as it does.

    Also raises Unavailable, Misconfigured: then the service publishes them.
    """
    published, entered = enter_in_outbox(settings, catalogue, signer, kinds, held=HELD_BACK_FOR)
    client = ROSTER if isinstance(catalogue, RosterVersions) else "catalogue"
    publish_rows(settings, client, catalogue.transaction, entered, retain=True)
    return published


def enter_in_outbox(
    settings: InventorySettings,
    catalogue: SiteCatalogue,
    signer: Signer,
    kinds: Collection[str] = (),
    *,
    held: timedelta = timedelta(),
) -> tuple[list[Version], list[int]]:
    """Sign the current unpublished versions of these kinds (all if empty), and insert them into the outbox.

    Returns the versions, and the ids of their rows. Earlier unpublished versions are never sent. Raises
    RefusedByDevices, and FaultyRows for rows that devices would refuse: then nothing is inserted; for the roster,
    UnreadableInput if the broker has another one that was not imported, Unavailable and Misconfigured.
    """
    if isinstance(catalogue, RosterVersions):
        return _enter_roster(settings, catalogue, signer, held)
    current = catalogue.current_versions()
    waiting = [one for one in current if one.published_at is None and (not kinds or one.kind in kinds)]
    for one in waiting:
        if faults := find_rows_unfit_for_forms(catalogue, one):
            raise FaultyRows(one.kind, faults)

    def signed(one: Version, now: datetime) -> Message:
        topic, body = Topics.catalogue(settings.prefix, one.site, one.kind), sign_master_data(one.data, signer, now)
        return Message(MessageKind.CATALOGUE, one.site, "", one.kind, topic, body, signer.public, retain=True)

    return catalogue.publish(waiting, signed, held)


def _enter_roster(
    settings: InventorySettings, versions: SiteCatalogue, signer: Signer, held: timedelta
) -> tuple[list[Version], list[int]]:
    latest, *before = versions.history(ROSTER) or [versions.current(ROSTER)]
    if latest.published_at is not None:
        return [], []
    topic = Topics.roster(settings.prefix, versions.site)
    there = parse_signed_roster(read_retained(settings, ROSTER, topic), versions.site, signer.public)
    ours = next((one.version for one in before if one.published_at is not None), 0)
    if there is not None and there.version > ours and not _is_taken_over(there, [latest, *before]):
        raise UnreadableInput(
            f"{versions.site}: the broker has version {there.version}, which was published from elsewhere; take it "
            "over, change it, and publish that"
        )

    def signed(one: Version, now: datetime) -> Message:
        return roster_message(settings.prefix, Roster(one.site, one.version, rows_to_operators(one.rows)), signer, now)

    return versions.publish([latest], signed, held)


def roster_message(prefix: str, roster: Roster, signer: Signer, now: datetime) -> Message:
    """Build the signed outbox message of a roster."""
    topic, body = Topics.roster(prefix, roster.site), sign_roster(roster, signer, now)
    return Message(MessageKind.ROSTER, roster.site, "", ROSTER, topic, body, signer.public, retain=True)


def _is_taken_over(there: Roster, history: list[Version]) -> bool:
    """Whether a later version here has the same operators as the retained roster, or that has none to lose."""
    later = [one for one in history if one.version > there.version]
    return bool(later) and (not there.operators or any(rows_to_operators(one.rows) == there.operators for one in later))


def read_roster_from_broker(settings: InventorySettings, site: str, key: PublicKey) -> Roster:
    """The roster retained at the broker. Raises UnreadableInput if none is signed with this key; Unavailable."""
    topic = Topics.roster(settings.prefix, site)
    found = parse_signed_roster(read_retained(settings, ROSTER, topic), site, key)
    if found is None or not found.operators:
        raise UnreadableInput(f"{topic}: the broker has no roster there that is signed with this console's key")
    return found


def read_reported_versions(settings: InventorySettings, site: str) -> list[ReportedVersions]:
    """The master data that every device of a site reports in its retained status, by name. Raises Unavailable."""
    kept = read_all_retained(settings, "catalogue", Topics(settings.prefix, site, "+").status)
    found = (parse_reported_versions(topic, payload, settings.prefix) for topic, payload in kept.items())
    return sorted((one for one in found if one is not None), key=lambda one: one.device)


def parse_reported_versions(topic: str, payload: bytes, prefix: str) -> ReportedVersions | None:
    """Parse the master data versions in a device's status message; None for an invalid one."""
    try:
        status = parse_status(payload, Topics.parse(prefix, topic))
    except MalformedMessage:
        return None
    reported: Mapping[str, Mapping[str, Any]] = status.get("catalogue", {})
    versions = {kind: int(one["version"]) for kind, one in reported.items() if "version" in one}
    declined = {kind: one["refused"] for kind, one in reported.items() if "refused" in one}
    return ReportedVersions(
        status["device"],
        status["state"] == "online",
        versions,
        {kind: DeclinedVersion(one["reason"], one.get("version"), one.get("told")) for kind, one in declined.items()},
        tuple(reported.get(OF_WORDS, {}).get("unheard", ())),
    )
