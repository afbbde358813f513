"""Decisions on utterances and entries under review, carried out on the journal, or by the agent that has it locked.

A command that finds the journal locked sends the decision to the agent, over a Unix socket in the state directory,
which only its owner can enter. The agent carries it out between two steps of its dialogue and announces it to the
operator, so that an open draft is not recorded a second time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from dockvoice_protocol.errors import (
    AlreadyRunning,
    DockvoiceError,
    Misconfigured,
    StorageFailed,
    Unfinished,
    UnreadableInput,
    describe_os_error,
)
from dockvoice_protocol.events import MalformedMessage, Topics
from dockvoice_protocol.records import Act
from dockvoice_protocol.signed import DeclinedPosting, ReviewDecision
from edge.agent.clock import Clock
from edge.agent.dialogue_driver import DialogueDriver
from edge.agent.parts import load_named_form, make_rules
from edge.agent.review import DISCARDED, REVIEW_PREFIX, DeviceIdentity, Reviewer, commit_reviewed, parse_assignments
from edge.agent.site_publications import load_site_catalogue
from edge.agree.dialogue.interface import OfficeDecided, OfficeDecision
from edge.config import Settings
from edge.deliver.device_events import make_derived_fields_function, withheld_event
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.outbox import HELD
from edge.keep.signed import DecisionFailure
from edge.records import OutboxRow

_SOCKET = "agent.sock"
"""In the state directory, while an agent runs. An agent replaces the socket that a killed one left."""

_ANSWERED_S = 30.0  # Timeout of the agent's answer: a full disk or a running step may block the journal for a while.

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A person's decision on an utterance or entry under review."""

    decision: Literal["accept", "discard"]
    which: str  # As in `Queries.history`.
    who: str
    reason: str | None = None
    values: tuple[str, ...] = ()  # As `NAME=VALUE`, overriding the reading.
    anyway: bool = False  # Accept it even where the same thing was recorded since.


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """A decision's result."""

    decided: OfficeDecided
    row: OutboxRow | None  # The pending event that it made.

    def __str__(self) -> str:
        """As the command shows it."""
        if self.row is None:
            return self.decided.journal_code if self.decided.decision is OfficeDecision.DECLINED else "given up"
        values = ", ".join(f"{name} {value}" for name, value in self.decided.fields.items())
        return f"is entry {self.row.sequence} ({values})"


def carry_out_decision(
    journal: Journal, settings: Settings, request: DecisionRequest, *, origin: Journal | None = None
) -> DecisionResult:
    """Accept or discard an utterance or entry. Raises as `review.accept` and `Review.discard`: nothing was changed.

    `origin` is the journal where it is under review, if not this one.
    """
    waits_in = origin or journal
    if request.decision == "discard":
        found = journal.review.discard(
            request.which, request.who, request.reason or "", partial(withheld_event, reason=DISCARDED)
        )
        held = found.event_id if found.state in HELD else None
        return DecisionResult(
            OfficeDecided(found.utterance_id, OfficeDecision.DROPPED, found.fields, held=held, form=found.form), None
        )
    journal.successor.demand_none()
    journal.outbox.demand_owner(Topics(settings.deliver.prefix, settings.site, settings.device).source)
    found = waits_in.review.find_open(request.which)
    form = load_named_form(settings, found.form)
    catalogue = load_site_catalogue(settings, (form,))
    demands = make_rules(settings, form, catalogue)
    beside = make_derived_fields_function(settings, form, catalogue)
    device = DeviceIdentity(settings.site, settings.device, settings.operator, Clock().is_believed(), beside)
    values, person = parse_assignments(request.values, form), Reviewer(request.who, request.reason)
    row = commit_reviewed(journal, request.which, values, demands, person, device, origin=origin, anyway=request.anyway)
    latest = journal.dialogue.latest_entries(1)
    entry = latest[0] if latest and latest[0].event_id == row.event_id else None
    fields = journal.queries.history(row.event_id).fields
    differ = any(name in fields and fields[name] != value for name, value in found.fields.items())
    decision = OfficeDecision.CORRECTED if differ else OfficeDecision.RECORDED
    held = found.event_id if found.state in HELD else None
    return DecisionResult(OfficeDecided(found.utterance_id, decision, fields, entry, held, found.form), row)


def do_and_mark_unannounced(journal: Journal, work: Callable[[Journal], DecisionResult]) -> DecisionResult:
    """Do `work` and mark its decision as not announced yet, in one transaction."""
    with journal.orders.transaction():
        done = work(journal)
        journal.review.mark_unannounced(done.decided.utterance_id, done.decided.journal_code)
    return done


class StaleDecision(UnreadableInput):
    """Raised when the utterance or entry was decided before, or has changed since."""


DECLINED = "declined"  # The journal's name for it, among the persons' decisions.


def _store_declined_posting(journal: Journal, word: DeclinedPosting) -> DecisionResult:
    """Store that another system declined an entry, which stays. Raises UnreadableInput; Late where it was replaced."""
    found = journal.queries.entry(word.entry)
    if found is None or found.act is Act.CANCEL:
        raise UnreadableInput(f"{word.entry}: is no entry of this device")
    if journal.queries.is_replaced(word.entry):
        raise StaleDecision(f"{word.entry}: was corrected or cancelled since; nobody needs to be told")
    history = journal.queries.history(word.entry)
    journal.review.store_decision(history, DECLINED, word.by, word.why)
    about = history.utterance_id, OfficeDecision.DECLINED, found.fields
    return DecisionResult(OfficeDecided(*about, form=found.form, why=word.why), None)


def carry_out_signed_decision(
    journal: Journal, settings: Settings, order: ReviewDecision | DeclinedPosting
) -> DecisionResult:
    """Carry out the inventory's decision, if the review that it names is still the open one.

    Raises Late where it is not.
    """
    if isinstance(order, DeclinedPosting):
        return _store_declined_posting(journal, order)
    if (done := _complete_after_crash(journal, order)) is not None:
        return done
    if journal.review_log.open_event_id(order.utterance_id) != order.review:
        raise StaleDecision(f"{order.utterance_id}: was decided before, or has changed since; nothing is done")
    values = tuple(f"{name}={value}" for name, value in order.values.items())
    decision: Literal["accept", "discard"] = "discard" if order.decision == "discard" else "accept"
    return carry_out_decision(
        journal, settings, DecisionRequest(decision, order.utterance_id, order.who, order.reason, values)
    )


class DecisionHandler:
    """Carries out decisions in the running agent, which then sends the resulting events."""

    def __init__(
        self,
        settings: Settings,
        executor: JournalThread,
        talking: DialogueDriver | None,
        written: Callable[[], None],
        beside: Callable[[OfficeDecided], None] = lambda _: None,
    ) -> None:
        """`talking` announces decisions in the dialogue; `written` is called for each new pending event.

        `beside` announces a declined posting where there is no dialogue.
        """
        self._beside = beside
        self._settings = settings
        self._executor = executor
        self._talking = talking
        self._written = written

    async def decide(self, request: DecisionRequest) -> str:
        """Carry out a decision from the command line; the message for its user."""
        done = await self._carry_out_and_announce(partial(carry_out_decision, settings=self._settings, request=request))
        return f"{done}, sent by the agent that runs" if done.row is not None else str(done)

    async def decide_signed(self, order: ReviewDecision | DeclinedPosting, signature: str) -> DecisionResult:
        """Carry out the inventory's signed decision and mark its order as done, in one transaction."""

        def work(journal: Journal) -> DecisionResult:
            with journal.orders.complete(signature):
                return carry_out_signed_decision(journal, self._settings, order)

        return await self._carry_out_and_announce(work)

    async def _carry_out_and_announce(self, work: Callable[[Journal], DecisionResult]) -> DecisionResult:
        talking = self._talking
        owing = partial(do_and_mark_unannounced, work=work)
        done = await (
            self._executor(work) if talking is None else talking.run_between_steps(owing, lambda done: done.decided)
        )
        if done.row is not None:
            self._written()
        if talking is None and done.decided.decision is OfficeDecision.DECLINED:
            self._beside(done.decided)
        return done


def _complete_after_crash(journal: Journal, order: ReviewDecision) -> DecisionResult | None:
    """The result of a decision whose entry was logged before a crash, and restored at the start; else None.

    The log lacks the person and the reason, so they are stored now. A reading named REVIEW_PREFIX marks a review.
    """
    if journal.review_log.last_event_id(order.utterance_id) != order.review:
        return None
    history = journal.queries.history(order.utterance_id)
    reader = (history.event or {}).get("data", {}).get("reading", {}).get("interpreter", "")
    if (
        history.review is not None
        or history.decisions
        or history.sequence is None
        or not reader.startswith(REVIEW_PREFIX)
    ):
        return None
    journal.review.store_decision(history, "accept", order.who, order.reason)
    row = OutboxRow(str(history.event_id), history.sequence, json.dumps(history.event))
    decision = OfficeDecision.CORRECTED if order.values else OfficeDecision.RECORDED
    return DecisionResult(OfficeDecided(history.utterance_id, decision, history.fields, form=history.form), row)


async def carry_out_signed_decisions(
    executor: JournalThread,
    came: asyncio.Event,
    read: Callable[[bytes], ReviewDecision | DeclinedPosting],
    carry_out: Callable[[ReviewDecision | DeclinedPosting, str], Awaitable[DecisionResult]],
) -> None:
    """Carry out the inventory's decisions stored in the journal, until cancelled, beginning with those from before.

    `came` is set when there are new ones. A late or invalid decision, or one without a form or catalogue here, is
    logged and counted: no decision ends the agent. On a full disk it waits.
    """
    while True:
        came.clear()
        for signature, body in await executor(lambda journal: journal.orders.load_due()):
            take = partial(_run_signed_decision, signature, body, executor, read, carry_out)
            await executor.retry_while_disk_full(take, "what the inventory's side decided waits")
        await came.wait()


async def _run_signed_decision(
    signature: str,
    body: str,
    executor: JournalThread,
    read: Callable[[bytes], ReviewDecision | DeclinedPosting],
    carry_out: Callable[[ReviewDecision | DeclinedPosting, str], Awaitable[DecisionResult]],
) -> None:
    who = "the inventory's side"

    try:
        order = read(body.encode())  # verified again: the key may have changed since
        who = order.by if isinstance(order, DeclinedPosting) else order.who
        done = await carry_out(order, signature)
    except (UnreadableInput, Unfinished, Misconfigured, MalformedMessage) as fault:
        why = DecisionFailure.LATE if isinstance(fault, StaleDecision) else DecisionFailure.REFUSED
        await executor(lambda journal: journal.orders.refuse(signature, why))
        logger.warning("%s decided, and it was not done: %s", who, fault)
    else:
        logger.info("%s decided: %s %s", who, done.decided.utterance_id, done)


# The socket of the agent that has the journal locked.


async def serve_decision_socket(directory: Path, decide: Callable[[DecisionRequest], Awaitable[str]]) -> None:
    """Serve decisions on the socket until cancelled. Where the disk allows no sockets, log a warning and return."""
    with ExitStack() as opened:
        path = opened.enter_context(_short_socket_path(directory))
        opened.callback(Path(path).unlink, missing_ok=True)
        try:
            server = await asyncio.start_unix_server(partial(_answer_request, decide), path)
        except OSError as fault:
            why = describe_os_error(fault)
            logger.warning("%s: takes no decisions while the agent runs (%s)", directory / _SOCKET, why)
            return
        async with server:  # only the directory's owner can connect
            await server.serve_forever()


async def _answer_request(
    decide: Callable[[DecisionRequest], Awaitable[str]], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        given = json.loads(await reader.readline())
        asked = DecisionRequest(**{**given, "values": tuple(given["values"])})
        try:
            answer = {"done": await decide(asked)}
        except DockvoiceError as fault:
            answer = {"fault": type(fault).__name__, "told": str(fault)}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    except (ValueError, KeyError, TypeError, ConnectionError) as fault:
        logger.warning("%s: what came is no decision, or whoever sent it is gone: %s", _SOCKET, type(fault).__name__)
    finally:
        writer.close()


_FAULTS = {fault.__name__: fault for fault in (UnreadableInput, Misconfigured, StorageFailed, Unfinished)}
"""Errors in an agent's answer, by name, as `send_to_agent` raises them."""


def send_to_agent(directory: Path, request: DecisionRequest, running: AlreadyRunning) -> str:
    """Send a decision to the running agent, which has the journal locked; returns its message.

    Raises the agent's error, `running` where it serves no decisions, Unfinished where no answer comes in time.
    """
    with _short_socket_path(directory) as path, socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWERED_S)
        try:
            connection.connect(path)
        except OSError:
            raise running from None
        try:
            connection.sendall(json.dumps(asdict(request)).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        except OSError:
            line = b""
    if not line:
        raise Unfinished(
            f"{request.which}: the agent gave no answer within {_ANSWERED_S:g} s; "
            f"`dockvoice queue show {request.which}` tells whether it was done"
        )
    answer = json.loads(line)
    if "fault" in answer:
        raise _FAULTS.get(answer["fault"], DockvoiceError)(answer["told"])
    return str(answer["done"])


@contextmanager
def _short_socket_path(directory: Path) -> Iterator[str]:
    """The socket's path by way of /proc: below the kernel's limit of 107 bytes, however deep the directory."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{_SOCKET}"
    finally:
        os.close(descriptor)
