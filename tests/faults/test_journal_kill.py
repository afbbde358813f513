"""SIGKILL at random moments: what was acknowledged is there, in order, once. And a disk with no room left.

Run as a program, this file is the process that is killed: it reads what a former life left unread, then begins and
commits without end, and says on stdout what it was told is safe.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dockvoice_protocol.errors import StorageFailed
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.plain_file import PARTIAL
from dockvoice_protocol.signed import ReviewDecision, sign_decision, verify_decision
from edge.agent.parts import load_named_form, make_rules
from edge.agent.review_decisions import DecisionHandler, carry_out_signed_decisions
from edge.agent.review_delivery import make_review_renderer
from edge.config import Settings
from edge.keep import audit
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.signed import SignedDecisions
from edge.records import OutboxRow
from tests.processes.starting import Started
from tests.sayings import ACCEPT, ASK, NOON, READ, entry, render, sound, utterance
from tests.tiers import sized

KILLS = sized(test=4, nightly=40)
MOST_STEPS = 6
"""A life ends after at most so many acknowledged steps: none is a kill while the journal is being opened."""
LONGEST_STEP_S = 0.01
"""About five times what one step takes: after the last step counted, the kill may fall anywhere on the way."""


def live(directory: Path) -> None:
    """Keep and commit until killed, acknowledging each step as soon as the journal does."""
    acknowledge("awake", str(os.getpid()))
    with Journal.open(directory) as journal:
        for said in journal.queries.unread_utterances():
            acknowledge("committed", journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render).body)
        for number in count():
            said = utterance(number)
            kept = journal.store_utterance(said)
            acknowledge("begun", said.utterance_id)
            acknowledge("committed", journal.commit(entry(said, kept), ACCEPT, render).body)


def acknowledge(what: str, which: str) -> None:
    os.write(1, f"{what} {which}\n".encode())


def fill(directory: Path) -> None:
    """Begin utterances of a size the disk has no room for, then one it has; say what became of each."""
    with Journal.open(directory) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            journal.store_utterance(utterance(0, samples=200_000))
        except StorageFailed as fault:
            acknowledge("refused", str(fault))
        said = utterance(1)
        journal.store_utterance(said)
        acknowledge("begun", said.utterance_id)


OFFICE = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
SOURCE = "/sites/site/devices/device"


def put_aside(directory: Path) -> str:
    """The signed word of the office on an utterance that waits for a person."""
    said = utterance(0)
    settings = Settings(state_directory=directory)
    demands = make_rules(
        settings, load_named_form(settings, "pallet-move"), Catalogue.load(settings.catalogue_directory)
    )
    told = make_review_renderer(lambda _: demands, "site", "device")
    with Journal.open(directory) as journal:
        journal.store_utterance(said)
        journal.put_under_review(said.utterance_id, READ, ASK, "unanswered")
        journal.write_reviews(told)
        opened = str(journal.review_log.open_event_id(said.utterance_id))
    values = {"pallet_id": "0042", "quantity": "13", "dock": "B"}
    order = ReviewDecision(SOURCE, opened, said.utterance_id, "correct", values, "ann", "the label")
    return json.dumps(sign_decision(order, OFFICE, NOON))


def decide(directory: Path, dies: str = "", order: str = "") -> None:
    """Take the order, if there is one, say that the broker knows, and carry out what is owed; dies at a step."""

    def step(name: str) -> None:
        if name == dies:
            os.kill(os.getpid(), signal.SIGKILL)

    if dies == "before it is safe":  # the last thing that is done before the transaction's end
        SignedDecisions._end = lambda *_: step(dies)  # type: ignore[method-assign] # this process is the test's own
    settings, came = Settings(state_directory=directory), asyncio.Event()
    with JournalThread(directory) as executor:
        decisions = DecisionHandler(settings, executor, None, written=lambda: step("when it is done"))
        if order:
            executor.run(lambda journal: journal.orders.store(json.loads(order)["signature"], order))
        step("before the broker knows")
        acknowledge("taken", order)
        step("when the broker knows")
        read = partial(verify_decision, source=SOURCE, key=OFFICE.public)
        asyncio.run(
            until_all_is_done(executor, carry_out_signed_decisions(executor, came, read, decisions.decide_signed))
        )


async def until_all_is_done(executor: JournalThread, taking: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(taking)
        while await executor(lambda journal: journal.orders.load_due()):  # noqa: ASYNC110 - the journal tells nobody of it
            await asyncio.sleep(0.01)
        task.cancel()


@pytest.mark.parametrize(
    "dies", ["before the broker knows", "when the broker knows", "before it is safe", "when it is done"]
)
def test_a_decision_that_was_taken_is_carried_out_once_wherever_the_agent_is_killed(tmp_path: Path, dies: str) -> None:
    order = put_aside(tmp_path)
    child = start("decide", tmp_path, dies, order)
    told, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert ("taken" in told) is (dies != "before the broker knows")
    decide(tmp_path, order="" if "taken" in told else order)  # the broker gives it again unless it knows
    with Journal.open(tmp_path) as journal:
        (entered,) = journal.queries.entries(9)
        assert (entered.fields["pallet_id"], entered.fields["quantity"]) == ("0042", 13)
        assert len(journal.queries.history("1").decisions) == 1
        assert (journal.orders.load_due(), journal.orders.count_not_done(), journal.review.list_under_review()) == (
            [],
            {},
            [],
        )


def start(life: str, directory: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.test_journal_kill", life, str(directory), *more]
    return Started(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def killed(child: subprocess.Popen[str], dice: random.Random) -> list[list[str]]:
    """Everything the child acknowledged, each line in two words, until it was killed at a random moment."""
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(1 + dice.randint(0, MOST_STEPS))]
    time.sleep(dice.uniform(0, LONGEST_STEP_S))  # the random moment itself, not a wait for anything
    child.kill()
    rest, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert told[0].startswith("awake")
    # What follows the last newline was cut off by the kill: nobody was told that.
    return [line.split(" ", 1) for line in "".join([*told[1:], rest]).split("\n")[:-1]]


def test_nothing_acknowledged_is_lost_and_no_number_is_missing(tmp_path: Path) -> None:
    begun: set[str] = set()
    bodies: list[str] = []
    due: list[OutboxRow] = []
    for kill in range(KILLS):
        for what, which in killed(start("live", tmp_path), random.Random(kill)):
            if what == "begun":
                begun.add(which)
            else:
                bodies.append(which)
        if not begun:
            continue  # killed while it opened its journal for the first time
        with Journal.inspect(tmp_path) as seen:
            assert all(seen.queries.get_utterance(utterance_id) for utterance_id in begun)
            due = seen.outbox.load_due(1_000_000)
        assert [row.sequence for row in due] == list(range(1, len(due) + 1))
        assert bodies == [row.body for row in due if row.body in set(bodies)]
    assert begun
    assert bodies

    with Journal.open(tmp_path) as journal:
        assert audit.verify(journal.trail).broken is None
        for said in journal.queries.unread_utterances():
            assert said.segment.pcm == sound(said.utterance_id)
        counts = journal.queries.counts()
        assert (
            counts.utterances
            == len(list(tmp_path.rglob("*.flac")))
            == counts.accepted + len(list(journal.queries.unread_utterances()))
        )
        # The last kill may have fallen between the second copy and the commit: then opening it added that entry.
        assert counts.accepted == len(journal.outbox.load_due(1_000_000)) in (len(due), len(due) + 1)
    assert not list(tmp_path.rglob(f"*{PARTIAL}"))


def test_a_recording_the_disk_has_no_room_for_is_refused_and_its_space_given_back(tmp_path: Path) -> None:
    child = start("fill", tmp_path)
    told, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    refused, begun = told.splitlines()
    assert refused.startswith(f"refused {tmp_path / 'evidence'}")
    assert begun.startswith("begun ")
    assert [path.stem for path in (tmp_path / "evidence").glob("*/*")] == [begun.removeprefix("begun ")]
    with Journal.open(tmp_path) as journal:
        assert journal.queries.counts().utterances == 1


if __name__ == "__main__":
    {"live": live, "fill": fill, "decide": decide}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
