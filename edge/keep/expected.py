"""What the inventory has signed for all devices of a site, as the journal keeps it: the latest of each, over restarts.

Lists of expected receipts, by trailer and door; the roster.
"""

from __future__ import annotations

from enum import StrEnum

from edge.keep.database import JournalDatabase

MOST = 200
"""Lists of which the lines are kept: at 128 kB each, some 25 MB. A site has fewer trailers in its yard."""


class Taken(StrEnum):
    """What became of a list that came."""

    NEW = "new"
    KNOWN = "known"  # The very same: the broker gives it at each connection.
    OLD = "old"  # Not above the version that is known.


class SignedLists:
    """The lists of one kind that one journal has taken."""

    def __init__(self, db: JournalDatabase, table: str) -> None:
        """`table` is one of ours: `expected` or `roster`."""
        self._db = db
        self._table = table

    def take(self, site: str, place: str, version: int, body: str | None) -> Taken:
        """Keep it in the place of the one before, if its version is higher; None: it withdraws that.

        The caller has checked who signed it.
        """
        with self._db.writing():
            for row in self._db.rows(f"SELECT version, body {self._its}", site, place):
                if version <= row["version"]:
                    known = version == row["version"] and row["body"] in {None, body}
                    return Taken.KNOWN if known else Taken.OLD
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
        return Taken.NEW

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
