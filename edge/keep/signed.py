"""What the inventory has signed, as the journal keeps it: decisions until done, the latest lists, roster, master data.

A decision is an order. It is kept before the broker hears that it is here: so a crash loses none, and none is carried
out twice. Those that were not done are counted by their reason: that is all that is told of them beyond the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum

from edge.keep.codec import now
from edge.keep.database import JournalDatabase


class NotDone(StrEnum):
    """Why nothing was done about a decision."""

    FORGED = "forged"  # Nobody signed it whose decisions this device takes, or it was altered on the way.
    MALFORMED = "malformed"  # It is no decision, or one for another device.
    RETAINED = "retained"  # The broker kept it from some time or other.
    REPEATED = "repeated"  # It came before, and was done or refused then.
    LATE = "late"  # What it is about was decided, or has changed, in the meantime.
    REFUSED = "refused"  # It breaks a rule, or finds no form or catalogue here.


class Orders:
    """The decisions that one journal has taken."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def take(self, signature: str, body: str) -> bool:
        """Keep it; False where it came before, which is counted unless it still waits."""
        with self._db.writing():
            if not (known := self._db.rows("SELECT body FROM orders WHERE signature = ?", signature)):
                self._db.insert("orders", {"signature": signature, "body": body, "taken_at": now()})
            elif known[0]["body"] is None:
                self._count(NotDone.REPEATED)
        return not known

    def due(self) -> list[tuple[str, str]]:
        """Those still to be carried out, by their signatures, the oldest first."""
        found = self._db.rows("SELECT signature, body FROM orders WHERE body IS NOT NULL ORDER BY rowid")
        return [(row["signature"], row["body"]) for row in found]

    @contextmanager
    def carried_out(self, signature: str) -> Iterator[None]:
        """What is done within is on the disk together with the word that it is done, or neither is."""
        with self._db.writing():
            yield
            self._end(signature)

    def at_once(self) -> AbstractContextManager[None]:
        """What is done within is one transaction."""
        return self._db.writing()

    def refuse(self, signature: str, why: NotDone) -> None:
        """It is not done, and never will be."""
        with self._db.writing():
            self._end(signature)
            self._count(why)

    def count(self, why: NotDone) -> None:
        """One came that was not even taken."""
        with self._db.writing():
            self._count(why)

    def not_done(self, since: str = "") -> dict[str, int]:
        """How many were not done, by the reason, of those reasons that were met since then."""
        found = self._db.rows("SELECT reason, times FROM orders_not_done WHERE last_at >= ? ORDER BY reason", since)
        return {row["reason"]: row["times"] for row in found}

    def _end(self, signature: str) -> None:
        self._db.execute("UPDATE orders SET body = NULL WHERE signature = ?", [signature])

    def _count(self, why: NotDone) -> None:
        self._db.execute(
            "INSERT INTO orders_not_done (reason, times, last_at) VALUES (?, 1, ?) "
            "ON CONFLICT (reason) DO UPDATE SET times = times + 1, last_at = excluded.last_at",
            [why.value, now()],
        )


MOST = 200
"""Lists of which the lines are kept: at 128 kB each, some 25 MB. A site has fewer trailers in its yard."""


class ListResult(StrEnum):
    """The result of storing a list."""

    NEW = "new"
    KNOWN = "known"  # Identical to the stored one: the broker sends its retained message at each connection.
    OLD = "old"  # Its version is not above the stored one.


class SignedLists:
    """Table of the signed lists of one kind in the journal."""

    def __init__(self, db: JournalDatabase, table: str) -> None:
        """`table` is one of ours: `expected`, `roster` or `catalogue`."""
        self._db = db
        self._table = table

    def store(self, site: str, place: str, version: int, body: str | None) -> ListResult:
        """Replace the stored list if the version is higher; a body of None withdraws it.

        The caller has verified the signature.
        """
        with self._db.writing():
            for row in self._db.rows(f"SELECT version, body {self._its}", site, place):
                if version <= row["version"]:
                    known = version == row["version"] and row["body"] in {None, body}
                    return ListResult.KNOWN if known else ListResult.OLD
            self._db.execute(
                f"INSERT INTO {self._table} (site, place, version, body) VALUES (?, ?, ?, ?) ON CONFLICT (site, place) "  # noqa: S608 - the table is one of ours
                "DO UPDATE SET version = excluded.version, body = excluded.body",
                [site, place, version, body],
            )
            self._db.execute(
                f"UPDATE {self._table} SET body = NULL WHERE body IS NOT NULL AND rowid NOT IN "  # noqa: S608 - as above
                f"(SELECT rowid FROM {self._table} WHERE body IS NOT NULL ORDER BY version DESC LIMIT ?)",
                [MOST],
            )
        return ListResult.NEW

    def is_known(self, site: str, place: str, body: str) -> bool:
        """Whether this is what is kept of the place: then nothing need be checked or written."""
        return bool(self._db.rows(f"SELECT 1 {self._its} AND body = ?", site, place, body))

    def bodies(self, site: str) -> list[tuple[str, str]]:
        """Each list of a site, by its place, as it came."""
        query = f"SELECT place, body FROM {self._table} WHERE site = ? AND body IS NOT NULL ORDER BY place"  # noqa: S608
        return [(row["place"], row["body"]) for row in self._db.rows(query, site)]

    @property
    def _its(self) -> str:
        return f"FROM {self._table} WHERE site = ? AND place = ?"
