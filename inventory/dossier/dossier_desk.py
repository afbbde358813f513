"""Writes a trailer's dossier to a file as soon as the trailer is closed.

Changes to a closed visit go into another version, in a file of its own. It runs in a thread of its own: no full disk,
lost share or error in a dossier delays a receipt. Pending dossiers are found in the database, so they are written after
a restart too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from dockvoice_protocol.errors import DockvoiceError, describe_os_error
from dockvoice_protocol.hash_chain import Signer
from inventory.dossier.dossier import collected, made
from inventory.dossier.issues import At, Issues
from inventory.dossier.visits import Gathered, Visit
from inventory.forms import Roles, trailer_fields
from inventory.reviews.reviews import Review
from inventory.store.keys import KeyDirectory

log = logging.getLogger("inventory")

RETRY_S = (5.0, 600.0)  # First and longest wait before a retry; doubled each time.

LOOK_S = 5.0  # Wait during which several corrections of a closed visit join one version.

SHOWN = 100  # Characters of a trailer's number in its file's name: file systems allow 255 in all.


@dataclass(frozen=True, slots=True)
class DossierStore:
    """Writes dossiers with these settings."""

    issues: Issues
    roles: Roles
    keys: KeyDirectory
    signer: Signer
    folder: Path
    language: str

    def write_pending(self, named: Iterable[At] = (), *, waiting: bool = False) -> int:
        """Write each pending dossier, and each whose evidence has changed; the number of failures.

        Each failure is logged. `named`: trailers with changed reviews; `waiting`: also check those that had open
        reviews.
        """
        owed = {(site, trailer) for site, trailer, _ in self.issues.owed(self.roles)}
        looked = self.issues.looked(self.roles, named, waiting=waiting)
        failed = 0
        for site, trailer in sorted(owed | {*looked.trailers}):
            try:
                self._write_all(site, trailer)
            except OSError as fault:
                log.warning("dossier of trailer %s: %s: %s", trailer, self.folder, describe_os_error(fault))
                failed += 1
            except DockvoiceError as fault:
                log.warning("dossier of trailer %s: %s", trailer, fault)
                failed += 1
            except Exception:  # the other trailers' are written, and this one is retried
                log.exception("dossier of trailer %s", trailer)
                failed += 1
        if not failed:
            self.issues.note_looked(looked.arrival)
        return failed

    def _write_all(self, site: str, trailer: str) -> None:
        gathered, keys = self.issues.gather(site, trailer, self.roles), self.keys.all()
        for visit in gathered.visits():
            if visit.closing is None:
                continue
            if not self.issues.is_filed(visit, *collected(visit, gathered, keys, self.language)):
                self._write(gathered, visit, visit.closing.id)

    def _write(self, gathered: Gathered, visit: Visit, closing: str) -> None:
        site, trailer = gathered.site, gathered.trailer
        issue = partial(self.issues.issued, site, trailer, visit)
        dossier = made(visit, gathered, self.keys.all(), self.signer, self.language, issue=issue)
        version = int(dossier.content["issue"]["version"])
        later = "" if version == 1 else f".v{version}"
        path = self.folder / f"{site}.{quote(trailer, safe='')[:SHOWN]}.{visit.number}.{closing}{later}.zip"
        _put(path, dossier.file)
        sha256 = hashlib.sha256(dossier.file).hexdigest()
        self.issues.written(closing, path.name, sha256, version)
        log.info("dossier of trailer %s, visit %d, version %d: %s", trailer, visit.number, version, path)


def _put(path: Path, content: bytes) -> None:
    """Write the file atomically and durably, readable by its owner only."""
    partial = path.with_name(f".{path.name}.partial")  # no *.zip, so a partial file is never read
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class DossierWriter:
    """Writes in a thread when a trailer was closed, and retries. Its methods are for the consumer's thread."""

    def __init__(self, desk: DossierStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._clock = clock
        self._closing = {form for form, of in desk.roles.items() if of["kind"] == "closing"}
        self._due_at: float | None = clock()  # A trailer may have been closed while the service was down.
        self._wait_s = RETRY_S[0]
        self._named: set[At] = set()
        self._begun: tuple[set[At], bool] = (set(), False)  # Arguments of the last write.
        self._decided = True  # Finds reviews decided while the service was down.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dossiers")
        self._writing: Future[int] | None = None

    def applied(self, form: str) -> None:
        """Schedule a write after an event of this form."""
        self._due(0 if form in self._closing else LOOK_S)

    def reviewed(self, review: Review) -> None:
        """Schedule a write after a changed review."""
        names = trailer_fields(self._desk.roles)
        self._named |= {(review.site, str(review.fields[name])) for name in names if name in review.fields}
        self._decided = True
        self._due(LOOK_S)

    def _due(self, within_s: float) -> None:
        at = self._clock() + within_s
        self._due_at = at if self._due_at is None else min(self._due_at, at)

    def beat(self) -> None:
        """Called at every turn: never waits."""
        if self._writing is not None:
            if not self._writing.done():
                return
            self._finish_writing(self._writing)
            self._writing = None
        if self._due_at is not None and self._clock() >= self._due_at:
            self._due_at = None
            named, decided, self._named, self._decided = self._named, self._decided, set(), False
            self._begun = named, decided
            self._writing = self._thread.submit(self._desk.write_pending, named, waiting=decided)

    def stop(self) -> None:
        """Start no further write; a running one is finished."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _finish_writing(self, done: Future[int]) -> None:
        try:
            failed = done.result()
        except DockvoiceError as fault:  # the database is unavailable
            log.warning("dossiers: %s", fault)
            failed = 1
        if not failed:
            self._wait_s = RETRY_S[0]
            return
        self._named, self._decided = self._named | self._begun[0], self._decided or self._begun[1]
        log.warning("%d of the dossiers owed could not be written; next try in %g s", failed, self._wait_s)
        if self._due_at is None:
            self._due_at = self._clock() + self._wait_s
        self._wait_s = min(self._wait_s * 2, RETRY_S[1])
