"""Lists of expected receipts as the journal keeps them: the latest of each trailer and door, over restarts."""

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


class ExpectedLists:
    """The lists that one journal has taken."""

    def __init__(self, db: JournalDatabase) -> None:
        self._db = db

    def take(self, site: str, place: str, version: int, body: str | None) -> Taken:
        """Keep it in the place of the one before, if its version is higher; None: it withdraws that.

        The caller has checked who signed it.
        """
        with self._db.writing():
            for row in self._db.rows("SELECT version, body FROM expected WHERE site = ? AND place = ?", site, place):
                if version <= row["version"]:
                    known = version == row["version"] and row["body"] in {None, body}
                    return Taken.KNOWN if known else Taken.OLD
            self._db.execute(
                "INSERT INTO expected (site, place, version, body) VALUES (?, ?, ?, ?) ON CONFLICT (site, place) "
                "DO UPDATE SET version = excluded.version, body = excluded.body",
                [site, place, version, body],
            )
            self._db.execute(
                "UPDATE expected SET body = NULL WHERE body IS NOT NULL AND rowid NOT IN "
                "(SELECT rowid FROM expected WHERE body IS NOT NULL ORDER BY version DESC LIMIT ?)",
                [MOST],
            )
        return Taken.NEW

    def is_known(self, site: str, place: str, body: str) -> bool:
        """Whether this is what is kept of the place: then nothing need be checked or written."""
        query = "SELECT 1 FROM expected WHERE site = ? AND place = ? AND body = ?"
        return bool(list(self._db.rows(query, site, place, body)))

    def bodies(self, site: str) -> list[tuple[str, str]]:
        """Each list of a site, by its place, as it came."""
        query = "SELECT place, body FROM expected WHERE site = ? AND body IS NOT NULL ORDER BY place"
        return [(row["place"], row["body"]) for row in self._db.rows(query, site)]
