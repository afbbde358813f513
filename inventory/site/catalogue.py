"""The catalogue: a site's master data in the tables, versioned, with author, time, reason and source.

Rows are never changed or deleted: each edit makes a version, which devices run once it is published
(`catalogue_publishing`). A rollback is a new version with the rows of an old one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, update
from sqlalchemy import Row as Found

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records.master import OF_RULES, OF_UNITS, OF_WORDS, Cells, MasterData, Row
from inventory.forms import list_names, load_forms
from inventory.site.master_kinds import RESERVED_KINDS, Kind, find_kind, find_row_faults
from inventory.site.numbering import ROSTER, check_not_older_than_on_devices, next_version
from inventory.site.roster import roster_kind
from inventory.store.outbox import Message, MessageKind, insert_messages, is_pending_for_site
from inventory.store.tables import catalogue


class FaultyRows(UnreadableInput):
    """Invalid rows; each of `faults` gives place, value found, allowed values and remedy."""

    def __init__(self, kind: str, faults: Sequence[str]) -> None:
        super().__init__(f"{kind}: {'; '.join(faults)}")
        self.faults = tuple(faults)


class UnfilledKind(UnreadableInput):
    """A list or its units that no field of a form is filled from: probably a misspelt name."""


class EditConflict(UnreadableInput):
    """Another version was made since the one that the edit is based on."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one kind of a site's master data."""

    site: str
    kind: str
    version: int
    rows: tuple[Cells, ...] = field(repr=False)  # Empty: withdrawn, and devices use their own files.
    who: str
    reason: str
    what: str  # The edit: `imported docks.csv: 2 added, 1 changed`.
    made_at: datetime
    published_at: datetime | None  # When it was inserted into the outbox; None: not published.
    signed_by: str | None  # The signing public key, in hex.

    @property
    def data(self) -> MasterData:
        """This version as the master data that devices receive."""
        return MasterData(self.site, self.kind, self.version, self.rows)


@dataclass(frozen=True, slots=True)
class _Difference:
    """The difference between two versions, by the key of each row."""

    added: Mapping[str, Cells]
    removed: Mapping[str, Cells]
    changed: Mapping[str, tuple[Cells, Cells]]  # Before and after.

    @property
    def summary(self) -> str:
        """The numbers of added, changed and removed rows."""
        counts = {"added": self.added, "changed": self.changed, "removed": self.removed}
        return ", ".join(f"{len(rows)} {what}" for what, rows in counts.items() if rows) or "nothing differs"


def compare_rows(kind: Kind, before: Collection[Cells], after: Collection[Cells]) -> _Difference:
    """Compare two versions' rows by key."""
    old, new = ({kind.key_text(one): one for one in rows} for rows in (before, after))
    return _Difference(
        {key: one for key, one in new.items() if key not in old},
        {key: one for key, one in old.items() if key not in new},
        {key: (old[key], one) for key, one in new.items() if key in old and old[key] != one},
    )


class SiteCatalogue:
    """The master data of one site. Each method is one transaction; all raise Unavailable."""

    def __init__(
        self,
        site: str,
        transaction: Callable[[], AbstractContextManager[Connection]],
        now: Callable[[], datetime],
        forms: Path | None = None,
        of: Callable[[str], Kind] = find_kind,
    ) -> None:
        """Created by `Store.catalogue`. `forms`: the directory of forms to check words against; None: no check.

        `of` returns the kind of a name: the roster is stored in the same way.
        """
        self.site = site
        self.forms = forms
        self.transaction = transaction  # One transaction; raises Unavailable.
        self._now = now
        self._of_name = of

    def current_versions(self) -> list[Version]:
        """The current version of every kind of master data, by name, with its rows."""
        with self.transaction() as transaction:
            return self._load_current_versions(transaction)

    def _load_current_versions(self, transaction: Connection) -> list[Version]:
        latest = (
            select(catalogue.c.kind, func.max(catalogue.c.version).label("version"))
            .where(catalogue.c.site == self.site)
            .group_by(catalogue.c.kind)
            .subquery()
        )
        its = (catalogue.c.kind == latest.c.kind) & (catalogue.c.version == latest.c.version)
        ours = (catalogue.c.site == self.site, catalogue.c.kind.not_in(RESERVED_KINDS))
        wanted = select(catalogue).join(latest, its).where(*ours).order_by(catalogue.c.kind)
        return [_to_version(row) for row in transaction.execute(wanted)]

    def current(self, kind: str) -> Version:
        """The latest version of a kind. Raises UnreadableInput if there is none."""
        with self.transaction() as transaction:
            return self._load_current(transaction, kind)

    def published(self, kind: str) -> Version | None:
        """The latest published version; None if none was published."""
        wanted = self._select(kind).where(catalogue.c.published_at.is_not(None)).limit(1)
        with self.transaction() as transaction:
            found = transaction.execute(wanted).one_or_none()
        return None if found is None else _to_version(found)

    def get_version(self, kind: str, version: int) -> Version:
        """One version of a kind. Raises UnreadableInput for an unknown number."""
        with self.transaction() as transaction:
            return self._load_version(transaction, kind, version)

    def history(self, kind: str) -> list[Version]:
        """Every version of a kind, the newest first."""
        with self.transaction() as transaction:
            return [_to_version(row) for row in transaction.execute(self._select(kind))]

    def compare_versions(self, kind: str, before: int, after: int) -> _Difference:
        """Compare two versions. Raises UnreadableInput."""
        return compare_rows(
            self._of_name(kind), self.get_version(kind, before).rows, self.get_version(kind, after).rows
        )

    def put(self, kind: str, rows: Sequence[Row], who: str, reason: str, source: str, *, above: int = 0) -> Version:
        """Make a version of rows with their places: `("line 7", {"value": "A"})`. `source` is their file.

        Its number is higher than `above`, a version that devices may have. Raises FaultyRows with all faults, with
        nothing stored; UnfilledKind; UnreadableInput for an invalid kind or a missing reason.
        """
        of = self._of_name(kind)
        with self.transaction() as transaction:
            return self._check_and_insert_version(transaction, of, rows, who, reason, f"imported {source}", above=above)

    def edit(
        self, kind: str, key: str, cells: Mapping[str, str] | None, who: str, reason: str, *, base: int | None = None
    ) -> Version:
        """Make a version with one row changed; None removes it. `key` is the row's key; "": a new row.

        `base` is the version that the edit is based on. Raises EditConflict if there is a newer one, FaultyRows,
        UnfilledKind, UnreadableInput.
        """
        of = self._of_name(kind)
        with self.transaction() as transaction:
            before = self._load_current(transaction, kind, missing_ok=not key)
            if base is not None and before.version != base:
                raise EditConflict(
                    f"{kind}: {before.who} has made version {before.version} since; look at it, and go on"
                )
            rows = {of.key_text(one): one for one in before.rows}
            if key and key not in rows:
                raise UnreadableInput(f"{kind}: {key!r} is not in version {before.version}; nothing was changed")
            without = [(name, one) for name, one in rows.items() if name != key]
            edited = without if cells is None else _replace_row(of, rows, key, cells)
            listed = [(f"row {name!r}", one) for name, one in edited]
            what = f"removed {key}" if cells is None else f"{'changed' if key else 'added'} {of.key_text(cells)}"
            return self._check_and_insert_version(transaction, of, listed, who, reason, what)

    def rollback(self, kind: str, version: int, who: str, reason: str) -> Version:
        """Make a version with the rows of an older one. Raises UnreadableInput."""
        of = self._of_name(kind)
        with self.transaction() as transaction:
            again = self._load_version(transaction, kind, version)
            rows = [(f"row {of.key_text(one)!r}", one) for one in again.rows]
            return self._check_and_insert_version(
                transaction, of, rows, who, reason, f"back to version {version}", empty_ok=True
            )

    def withdraw(self, kind: str, who: str, reason: str) -> Version:
        """Make a version without rows: once published, devices use their own files again."""
        with self.transaction() as transaction:
            self._load_current(transaction, kind)
            return self._check_and_insert_version(
                transaction, self._of_name(kind), [], who, reason, "withdrawn", empty_ok=True
            )

    def publish(
        self, versions: Collection[Version], signed: Callable[[Version, datetime], Message], held: timedelta
    ) -> tuple[list[Version], list[int]]:
        """Insert these into the outbox, as messages made by `signed`; the published versions, and the ids of the rows.

        Raises RefusedByDevices, with nothing inserted.
        """
        now = self._now()
        with self.transaction() as transaction:
            messages = []
            for one in versions:
                check_not_older_than_on_devices(transaction, self.site, one.kind, one.version)
                message = signed(one, now)
                said = {"body": message.body.decode(), "public_key": message.signed_by.raw.hex(), "published_at": now}
                its = (catalogue.c.site == one.site, catalogue.c.kind == one.kind, catalogue.c.version == one.version)
                transaction.execute(update(catalogue).where(*its).values(said))
                messages.append(message)
            entered = insert_messages(transaction, messages, now, held=held)
        return [replace(one, published_at=now) for one in versions], entered

    def is_pending(self, kind: str) -> bool:
        """Whether the broker has not acknowledged the last published version of this kind."""
        of = MessageKind.ROSTER if kind == ROSTER else MessageKind.CATALOGUE
        with self.transaction() as transaction:
            return bool(
                transaction.execute(select(is_pending_for_site(of, literal(self.site), literal(kind)))).scalar()
            )

    def _select(self, kind: str) -> Any:
        its = select(catalogue).where(catalogue.c.site == self.site, catalogue.c.kind == kind)
        return its.order_by(catalogue.c.version.desc())

    def _load_current(self, transaction: Connection, kind: str, *, missing_ok: bool = False) -> Version:
        found = transaction.execute(self._select(kind).limit(1).with_for_update()).one_or_none()
        if found is None and not missing_ok:
            ours = (catalogue.c.site == self.site, catalogue.c.kind.not_in(RESERVED_KINDS))
            known = select(catalogue.c.kind).distinct().where(*ours).order_by(catalogue.c.kind)
            there = ", ".join(transaction.execute(known).scalars()) or "none"
            raise UnreadableInput(f"{kind}: there is no such kind at {self.site}; there are {there}")
        return (
            Version(self.site, kind, 0, (), "", "", "", self._now(), None, None)
            if found is None
            else _to_version(found)
        )

    def _load_version(self, transaction: Connection, kind: str, version: int) -> Version:
        found = transaction.execute(self._select(kind).where(catalogue.c.version == version)).one_or_none()
        if found is None:
            self._load_current(transaction, kind)
            raise UnreadableInput(f"{kind}: there is no version {version} at {self.site}; the history has them all")
        return _to_version(found)

    def _check_and_insert_version(
        self,
        transaction: Connection,
        kind: Kind,
        rows: Sequence[Row],
        who: str,
        reason: str,
        what: str,
        *,
        empty_ok: bool = False,
        above: int = 0,
    ) -> Version:
        if not reason.strip():
            raise UnreadableInput(f"{kind.name}: no reason is given; say why, for whoever reads the history")
        if rows and not empty_ok:
            _require_used_kind(self.forms, kind)
        before = self._load_current(transaction, kind.name, missing_ok=True)
        known = None
        if kind.list_name_if_units is not None:
            listed = self._load_current(transaction, kind.list_name_if_units, missing_ok=True)
            known = {one["value"] for one in listed.rows} or None  # None: the list is a file on the devices
        if (rows or not empty_ok) and (faults := find_row_faults(kind, rows, known)):
            raise FaultyRows(kind.name, faults)
        if faults := _find_faults(self.forms, kind, rows, lambda: self._load_current_versions(transaction)):
            raise FaultyRows(kind.name, faults)
        cells = tuple(kind.stored_cells(one) for _, one in rows)
        description = f"{what}: {compare_rows(kind, before.rows, cells).summary}"
        now = self._now()
        version = max(next_version(transaction, self.site, kind.name, now), above + 1)
        made = Version(self.site, kind.name, version, cells, who, reason.strip(), description, now, None, None)
        said = {name: getattr(made, name) for name in ("site", "kind", "version", "who", "reason", "what", "made_at")}
        transaction.execute(insert(catalogue).values(**said, rows=[dict(one) for one in cells]))
        return made


def _require_used_kind(forms: Path | None, kind: Kind) -> None:
    """Raise UnfilledKind for a list, or the units of one, that no form is filled from."""
    listed = kind.list_name_if_units or (kind.name if kind.is_list else None)
    if forms is None or listed is None:
        return
    if listed not in (named := list_names(load_forms(forms))):
        raise UnfilledKind(
            f"kind: found {kind.name!r}, from which no form in {forms} is filled; allowed are {', '.join(named)}, each "
            f"with {OF_UNITS} for its units, {OF_RULES} and {OF_WORDS}"
        )


def find_rows_unfit_for_forms(catalogue: SiteCatalogue, one: Version) -> list[str]:
    """The rows of a version that devices would refuse, since they do not fit their forms; a line each."""
    kind = find_kind(one.kind)
    rows = [(f"row {kind.key_text(cells)!r}", cells) for cells in one.rows]
    return _find_faults(catalogue.forms, kind, rows, catalogue.current_versions)


def _find_faults(
    forms: Path | None, kind: Kind, rows: Sequence[Row], there: Callable[[], Sequence[Version]]
) -> list[str]:
    """Faults of words or list values that do not fit the forms; `there` loads the other kinds."""
    if forms is None or not rows or not (kind.name == OF_WORDS or kind.is_list):
        return []
    from inventory.site.site_words import find_list_faults, find_word_faults  # noqa: PLC0415 - the service needs no grammar

    before = {one.kind: one.rows for one in there() if one.rows}
    if not kind.is_list:
        return find_word_faults(rows, forms, before)
    # Words that fitted the old list may not fit the new one: then devices would refuse all words.
    words = [(f"word {one['word']!r}", one) for one in before.get(OF_WORDS, ())]
    after = before | {kind.name: tuple(cells for _, cells in rows)}
    known = find_word_faults(words, forms, before) if words else []
    new = find_word_faults(words, forms, after) if words else []
    return [*find_list_faults(kind.name, rows, forms), *(fault for fault in new if fault not in known)]


def _replace_row(kind: Kind, rows: Mapping[str, Cells], key: str, cells: Mapping[str, str]) -> list[tuple[str, Cells]]:
    """The rows with one replaced by its key, or appended."""
    one = kind.stored_cells(cells)
    if not key:
        return [*rows.items(), (kind.key_text(one), one)]
    return [(kind.key_text(one), one) if name == key else (name, row) for name, row in rows.items()]


def _to_version(row: Found[Any]) -> Version:
    edit = (row.who, row.reason, row.what, row.made_at, row.published_at, row.public_key)
    return Version(row.site, row.kind, row.version, tuple(row.rows), *edit)


class RosterVersions(SiteCatalogue):
    """The versions of a site's roster."""

    def __init__(
        self,
        site: str,
        transaction: Callable[[], AbstractContextManager[Connection]],
        now: Callable[[], datetime],
        forms: Collection[str],
    ) -> None:
        """`forms` are the names of the known forms."""
        super().__init__(site, transaction, now, of=lambda _: roster_kind(forms))
