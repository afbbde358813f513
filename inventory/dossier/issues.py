"""Versions of a closed visit's dossier: a new one when its evidence changes.

The evidence is the events, refused events, reviews and lists. Its language and recordings make no new version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from inventory.dossier.visits import (
    TrailerRows,
    Visit,
    find_closings_without_latest_dossier,
    load_rows,
    load_sites_of_trailer,
)
from inventory.forms import Roles, field_names_with_role
from inventory.records import event_data_or_empty
from inventory.store import outbox
from inventory.store.database import begin, read_only_engine
from inventory.store.outbox import MessageKind
from inventory.store.tables import dossiers, dossiers_looked, entries, events, said
from inventory.verify_dossier import Json, compare_versions, evidence_hashes, hash_evidence

At = tuple[str, str]  # Site and number of a trailer.


def store_version(
    transaction: Connection,
    site: str,
    trailer: str,
    visit: Visit,
    content: Json,
    files: Mapping[str, bytes],
    now: datetime,
) -> Json | None:
    """Store the visit's version; the `issue` member of its dossier, None for an open visit."""
    if visit.closing is None:
        return None
    before = _load_latest(transaction, visit)
    issue = _next_version(before, content, files)
    kept = {"files": evidence_hashes(files), "figures": content["figures"], "issue": issue}
    values = {"version": issue["version"], "kept": kept, "waits": content["figures"]["reviews"]["open"]}
    its = dossiers.c.event_id == visit.closing.id
    if before is None or before.event_id != visit.closing.id:
        row = {"event_id": visit.closing.id, "site": site, "trailer": trailer, "file": "", "sha256": ""}
        transaction.execute(insert(dossiers).values(**row, **values, filed=0, written_at=now))
    elif before.version != issue["version"]:
        transaction.execute(update(dossiers).where(its).values(values))
    return issue


def _load_latest(transaction: Connection, visit: Visit) -> Row[Any] | None:
    ids = [one.id for one in visit.said]
    wanted = select(dossiers).where(dossiers.c.event_id.in_(ids)).order_by(dossiers.c.version.desc())
    return transaction.execute(wanted.limit(1)).one_or_none()


def _next_version(before: Row[Any] | None, content: Json, files: Mapping[str, bytes]) -> Json:
    basis = hash_evidence(evidence_hashes(files))
    if before is None:
        return {"version": 1, "basis": basis, "replaces": None, "changed": None}
    issue: Json = before.kept["issue"]
    if issue["basis"] == basis:
        return issue
    changed = compare_versions(before.kept["files"], evidence_hashes(files), before.kept["figures"], content["figures"])
    return {"version": before.version + 1, "basis": basis, "replaces": issue["basis"], "changed": changed}


def _load_trailers_named_since(transaction: Connection, roles: Roles, arrival: int) -> set[At]:
    """The trailers named by later events, and by the entries that those amend or cancel."""
    names = field_names_with_role(roles, "trailer")
    found: set[At] = set()
    replaced: set[str] = set()
    since = select(events.c.site, events.c.event_id, events.c.body).where(events.c.arrival > arrival)
    for row in transaction.execute(since):
        data = event_data_or_empty(row.body)
        for part in (data.get("fields"), data.get("context")):
            of = part if isinstance(part, dict) else {}
            found |= {(row.site, str(of[name])) for name in names if of.get(name) is not None}
        replaced |= {str(data[name]) for name in ("amends", "cancels") if name in data}
    while replaced:
        its = select(said.c.site, said.c.value).where(said.c.event_id.in_(replaced), said.c.field.in_(names))
        found |= {(row.site, row.value) for row in transaction.execute(its)}
        further = select(entries.c.replaces).where(entries.c.event_id.in_(replaced), entries.c.replaces.is_not(None))
        replaced = {*transaction.execute(further).scalars()}
    return found


class DossierVersions:
    """The versions of dossiers. Each method is one transaction, and raises Unavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._transaction = partial(begin, engine)
        self._look = partial(begin, read_only_engine(engine))
        self._now = now

    def sites(self, trailer: str, roles: Roles) -> list[str]:
        """The sites with data of a trailer."""
        with self._look() as transaction:
            return load_sites_of_trailer(transaction, trailer, roles)

    def gather(self, site: str, trailer: str, roles: Roles) -> TrailerRows:
        """All data of a trailer at a site, in one snapshot."""
        with self._look() as transaction:
            return load_rows(transaction, site, trailer, roles)

    def mark_written(self, event_id: str, file: str, sha256: str, version: int) -> None:
        """Record that this version of this closing's dossier was written; another consumer may have done so first."""
        values = {"file": file, "sha256": sha256, "filed": version, "written_at": self._now()}
        with self._transaction() as transaction:
            transaction.execute(update(dossiers).where(dossiers.c.event_id == event_id).values(values))

    def enter_due_in_outbox(
        self, roles: Roles, reviewed: Iterable[At], *, check_open_reviews: bool
    ) -> tuple[set[At], int]:
        """Enter in the outbox the trailers whose dossiers are not written or may have changed.

        Those may that new events or `reviewed` name; with `check_open_reviews`, also those whose dossier had open
        reviews. No content is compared. Returns the trailers and the arrival of the last event.
        """
        with self._transaction() as transaction:
            newest = int(transaction.execute(select(func.max(events.c.arrival))).scalar() or 0)
            before = transaction.execute(select(dossiers_looked.c.arrival)).scalar()
            found = {*reviewed}
            if before is not None and before < newest:
                found |= _load_trailers_named_since(transaction, roles, before)
            has_one = select(dossiers.c.site, dossiers.c.trailer, func.max(dossiers.c.waits).label("waits"))
            has_one = has_one.group_by(dossiers.c.site, dossiers.c.trailer)
            has_one = (
                has_one if check_open_reviews else has_one.where(dossiers.c.trailer.in_({name for _, name in found}))
            )
            known = [((row.site, row.trailer), row.waits) for row in transaction.execute(has_one)]
            due = {
                at for at, waits in known if at in found or (check_open_reviews and waits)
            } | find_closings_without_latest_dossier(transaction, roles)
            work = [(site, "", trailer) for site, trailer in sorted(due)]
            outbox.insert_work(transaction, MessageKind.DOSSIER, work, self._now())
        return due, newest

    def note_checked_up_to(self, arrival: int) -> None:
        """Record that all events up to here are checked and written."""
        with self._transaction() as transaction:
            if not transaction.execute(update(dossiers_looked).values(arrival=arrival)).rowcount:
                transaction.execute(insert(dossiers_looked).values(what="events", arrival=arrival))

    def is_current_version_written(self, visit: Visit, content: Json, files: Mapping[str, bytes]) -> bool:
        """Whether a closed visit's current version was written."""
        with self._transaction() as transaction:
            before = _load_latest(transaction, visit)
        if before is None or visit.closing is None or before.event_id != visit.closing.id:
            return False
        return bool(_next_version(before, content, files)["version"] == before.filed)

    def store(self, site: str, trailer: str, visit: Visit, content: Json, files: Mapping[str, bytes]) -> Json | None:
        """Store a dossier's version; its `issue` member."""
        with self._transaction() as transaction:
            return store_version(transaction, site, trailer, visit, content, files, self._now())
