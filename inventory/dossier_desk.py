"""The desk where the inventory writes a trailer's dossier by itself, as soon as the trailer is closed.

It works beside the loop that answers devices: no full disk, no lost share and no fault in a dossier keeps a receipt
waiting. What is owed stands in the database, so it is written after a restart too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from edge.errors import DockvoiceError, plainly
from edge.hash_chain import Signer
from inventory.dossier import made
from inventory.forms import Roles
from inventory.keys import KeyDirectory
from inventory.store import Store

log = logging.getLogger("inventory")

RETRY_S = (5.0, 600.0)  # First and longest wait before what failed is tried again; doubled each time.

SHOWN = 100  # Characters of a trailer's number in the name of its file: file systems take 255 in all.


@dataclass(frozen=True, slots=True)
class Desk:
    """What dossiers are written with, and where."""

    store: Store
    roles: Roles
    keys: KeyDirectory
    signer: Signer
    folder: Path
    language: str

    def write_owed(self) -> int:
        """Write a dossier for each closing that has none; how many could not be. Each failure is told in the log."""
        failed = 0
        for site, trailer, closing in self.store.dossiers_owed(self.roles):
            try:
                self._write(site, trailer, closing)
            except OSError as fault:
                log.warning("dossier of trailer %s: %s: %s", trailer, self.folder, plainly(fault))
                failed += 1
            except DockvoiceError as fault:
                log.warning("dossier of trailer %s: %s", trailer, fault)
                failed += 1
            except Exception:  # whatever it is, the other trailers' are written, and it is tried again
                log.exception("dossier of trailer %s", trailer)
                failed += 1
        return failed

    def _write(self, site: str, trailer: str, closing: str) -> None:
        gathered = self.store.gather(site, trailer, self.roles)
        visit = next(one for one in gathered.visits() if any(said.id == closing for said in one.said))
        file = made(visit, gathered, self.keys.all(), self.signer, self.language).file
        path = self.folder / f"{site}.{quote(trailer, safe='')[:SHOWN]}.{visit.number}.{closing}.zip"
        _put(path, file)
        self.store.dossier_written(closing, site, trailer, path.name, hashlib.sha256(file).hexdigest())
        log.info("dossier of trailer %s, visit %d: %s", trailer, visit.number, path)


def _put(path: Path, content: bytes) -> None:
    """The whole file or none, for its owner only, safe on the disk."""
    partial = path.with_name(f".{path.name}.partial")  # not *.zip: nobody takes half of it
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
    """Has the desk write when a trailer was closed, and again later where it could not. For the consumer's thread."""

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._clock = clock
        self._closing = {form for form, of in desk.roles.items() if of["kind"] == "closing"}
        self._due_at: float | None = clock()  # A trailer may have been closed when nobody wrote.
        self._wait_s = RETRY_S[0]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dossiers")
        self._writing: Future[int] | None = None

    def applied(self, form: str) -> None:
        """An event of this form was applied."""
        if form in self._closing:
            self._due_at = self._clock()

    def beat(self) -> None:
        """To be called at every turn: never waits."""
        if self._writing is not None:
            if not self._writing.done():
                return
            self._look_back(self._writing)
            self._writing = None
        if self._due_at is not None and self._clock() >= self._due_at:
            self._due_at = None
            self._writing = self._thread.submit(self._desk.write_owed)

    def stop(self) -> None:
        """Begin nothing more; what is being written is finished."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _look_back(self, done: Future[int]) -> None:
        try:
            failed = done.result()
        except DockvoiceError as fault:  # the database is away: what is owed could not even be asked
            log.warning("dossiers: %s", fault)
            failed = 1
        if not failed:
            self._wait_s = RETRY_S[0]
            return
        log.warning("%d of the dossiers owed could not be written; next try in %g s", failed, self._wait_s)
        if self._due_at is None:
            self._due_at = self._clock() + self._wait_s
        self._wait_s = min(self._wait_s * 2, RETRY_S[1])
