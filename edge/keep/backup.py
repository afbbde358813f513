"""A copy of the journal from before its tables were changed, should somebody want the older program back."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from edge.keep.disk import refusals, sync_directory, sync_file

_NAME = "journal.before-{}.db"
_PARTIAL = ".partial"


def copy_before(migration: str, db: Database, path: Path) -> Path:
    """Copy the journal `db` at `path` to a file beside it, safe on the disk; only the newest copy is kept.

    Raises StorageFailed, DiskFull where there is no room for a second journal: then nothing may be changed yet.
    """
    copy = path.with_name(_NAME.format(migration))
    partial = copy.with_name(copy.name + _PARTIAL)
    with refusals(copy):
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)  # for its owner only; SQLite takes an empty file for none
        try:
            db.execute("VACUUM INTO ?", [str(partial)])
            sync_file(partial)
            partial.replace(copy)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        for older in path.parent.glob(_NAME.format("*")):
            if older != copy:
                older.unlink()
        sync_directory(path.parent)
    return copy
