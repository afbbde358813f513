"""Writes a trailer's dossier to a file as soon as the trailer is closed.

Changes to a closed visit go into another version, in a file of its own. It runs in a thread of its own: no full disk,
lost share or error in a dossier delays a receipt. Trailers whose dossiers are to be written are found in the database,
after a restart too, and are work in the outbox until it is done.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import DockvoiceError, describe_os_error
from dockvoice_protocol.hash_chain import Signer
from inventory.dossier.dossier import build, collect_content
from inventory.dossier.issues import At, DossierVersions
from inventory.dossier.visits import TrailerRows, Visit
from inventory.forms import Roles, field_names_with_role
from inventory.reviews.reviews import Review
from inventory.store.keys import KeyDirectory
from inventory.store.outbox import BACKOFF, MessageKind, OutboxTable

log = logging.getLogger("inventory")

POLL_S = 5.0
"""Wait during which several corrections of a closed visit join one version; also the polling interval for retries."""

_SHOWN = 100  # Characters of a trailer's number in its file's name: file systems allow 255 in all.


@dataclass(frozen=True, slots=True)
class DossierStore:
    """Writes dossiers with these settings."""

    issues: DossierVersions
    outbox: OutboxTable
    roles: Roles
    keys: KeyDirectory
    signer: Signer
    folder: Path
    language: str

    def write_pending(self, reviewed: Iterable[At] | None = (), *, check_open_reviews: bool = False) -> None:
        """Write what is due; before, find what is not written or has changed evidence, unless `reviewed` is None.

        `reviewed`: trailers with changed reviews; `check_open_reviews`: also check those that had open reviews.
        """
        found, arrival = (
            (None, 0)
            if reviewed is None
            else self.issues.enter_due_in_outbox(self.roles, reviewed, check_open_reviews=check_open_reviews)
        )
        written: set[At] = set()
        while due := self.outbox.take_due((MessageKind.DOSSIER,)):
            for row in due:
                if (error := self._try_write(row.site, row.subject)) is None:
                    self.outbox.delete_or_await_confirmation([row.id])
                    written.add((row.site, row.subject))
                else:
                    log.warning("dossier of trailer %s: %s", row.subject, error)
                    self.outbox.record_failure([row.id], error)
        if found is not None and found <= written:
            self.issues.note_checked_up_to(arrival)

    def _try_write(self, site: str, trailer: str) -> str | None:
        """Write the trailer's dossiers; return the error, if any."""
        try:
            self._write_closed_visits(site, trailer)
        except OSError as fault:
            return f"{self.folder}: {describe_os_error(fault)}"
        except DockvoiceError as fault:
            return str(fault)
        except Exception as fault:  # the other trailers' are written, and this one is retried
            log.exception("dossier of trailer %s", trailer)
            return type(fault).__name__
        return None

    def _write_closed_visits(self, site: str, trailer: str) -> None:
        gathered, keys = self.issues.gather(site, trailer, self.roles), self.keys.all()
        for visit in gathered.visits():
            if visit.closing is None:
                continue
            if not self.issues.is_current_version_written(
                visit, *collect_content(visit, gathered, keys, self.language)
            ):
                self._write_version(gathered, visit, visit.closing.id)

    def _write_version(self, gathered: TrailerRows, visit: Visit, closing: str) -> None:
        site, trailer = gathered.site, gathered.trailer
        issue = partial(self.issues.store, site, trailer, visit)
        dossier = build(visit, gathered, self.keys.all(), self.signer, self.language, issue=issue)
        version = int(dossier.content["issue"]["version"])
        later = "" if version == 1 else f".v{version}"
        path = self.folder / f"{site}.{quote(trailer, safe='')[:_SHOWN]}.{visit.number}.{closing}{later}.zip"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        plain_file.write_durably(path, dossier.file)
        sha256 = hashlib.sha256(dossier.file).hexdigest()
        self.issues.mark_written(closing, path.name, sha256, version)
        log.info("dossier of trailer %s, visit %d, version %d: %s", trailer, visit.number, version, path)


class DossierWriter:
    """Writes in a thread when a trailer was closed, and retries. Its methods are for the consumer's thread."""

    def __init__(self, store: DossierStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._closing = {form for form, of in store.roles.items() if of["kind"] == "closing"}
        self._turn_at = clock()
        # While the service was down a trailer may have been closed, and a review decided.
        self._named: set[At] | None = set()  # Trailers with changed reviews; None: nothing has changed at all.
        self._decided = True
        self._begun: tuple[set[At] | None, bool] = (None, False)  # Arguments of the last turn.
        self._failed = 0  # Turns in a row that found no database.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dossiers")
        self._writing: Future[None] | None = None

    def note_applied(self, form: str) -> None:
        """Schedule the next look for dossiers: at once after a closing form, else within POLL_S."""
        self._schedule(set(), 0 if form in self._closing else POLL_S)

    def note_reviewed(self, review: Review) -> None:
        """Schedule a turn after a changed review."""
        names = field_names_with_role(self._store.roles, "trailer")
        self._schedule({(review.site, str(review.fields[name])) for name in names if name in review.fields}, POLL_S)
        self._decided = True

    def _schedule(self, named: set[At], within_s: float) -> None:
        if self._named is None or not within_s:
            self._turn_at = self._clock() + within_s
        self._named = named | (self._named or set())

    def start_due_writing(self) -> None:
        """Start writing in the thread, if due and none is running; called at every turn, never waits."""
        if self._writing is not None:
            if not self._writing.done():
                return
            self._schedule_retry_if_failed(self._writing)
            self._writing = None
        if self._clock() >= self._turn_at:
            self._turn_at = self._clock() + POLL_S
            named, decided = self._begun = self._named, self._decided
            self._named, self._decided = None, False
            self._writing = self._thread.submit(self._store.write_pending, named, check_open_reviews=decided)

    def stop(self) -> None:
        """Start no further write; a running one is finished."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _schedule_retry_if_failed(self, done: Future[None]) -> None:
        try:
            done.result()
            self._failed = 0
        except DockvoiceError as fault:  # the database is unavailable
            wait = BACKOFF.wait_s(self._failed)
            log.warning("dossiers: %s; next try in %g s", fault, wait)
            self._failed += 1
            self._turn_at, self._decided = self._clock() + wait, self._decided or self._begun[1]
            if (named := self._begun[0]) is not None:
                self._named = named | (self._named or set())
