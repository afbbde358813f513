"""Device and inventory over a real broker, when one of them does not know what the other believes it knows."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.errors import Misconfigured
from edge.agent.delivery import ReconcileResult, reconcile
from edge.config import Deliver, Settings, SettleBy
from edge.keep.device_key import KEY
from edge.keep.journal_thread import JournalThread
from tests.processes.command import dockvoice
from tests.sayings import dictated
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto

PATIENCE_S = 60.0
RECEIPT_TIMEOUT_S = 1.0


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[JournalThread]:
    with JournalThread(tmp_path / "state") as opened:
        yield opened


def settings(broker: Mosquitto, settle: SettleBy = SettleBy.RECEIPT) -> Settings:
    mqtt = Mqtt(host="127.0.0.1", port=broker.port)
    deliver = Deliver(settle=settle, receipt_timeout_s=RECEIPT_TIMEOUT_S, mqtt=mqtt)
    return Settings(site="hall", device="dock-1", deliver=deliver)


def commit(executor: JournalThread, count: int, operator: str = "op-17") -> None:
    """So many entries are dictated."""
    for number in range(count):
        executor.run(partial(dictated, number=number, operator=operator))


def compared(executor: JournalThread, broker: Mosquitto, within_s: float = PATIENCE_S) -> ReconcileResult:
    return asyncio.run(reconcile(settings(broker), executor, within_s=within_s))


def delivered(executor: JournalThread, broker: Mosquitto, count: int) -> None:
    commit(executor, count)
    assert compared(executor, broker) == ReconcileResult(agreed=True, sent_again=0, unsettled=0, trouble=None)


def sequences(inventory: RunningInventory) -> list[int]:
    return [row["sequence"] for row in inventory.rows()]


def test_an_inventory_restored_from_a_backup_gets_what_it_lost_before_what_is_new(
    executor: JournalThread, broker: Mosquitto, tmp_path: Path
) -> None:
    directory = tmp_path / "inventory"
    inventory = RunningInventory(broker.port, directory)
    with inventory:
        delivered(executor, broker, 10)
        inventory.stop()
        shutil.copytree(directory, tmp_path / "backup")
        inventory.start()
        delivered(executor, broker, 20)
        inventory.stop()
        shutil.copytree(tmp_path / "backup", directory, dirs_exist_ok=True)
        inventory.start()
        commit(executor, 5)
        assert compared(executor, broker) == ReconcileResult(agreed=True, sent_again=20, unsettled=0, trouble=None)
        assert sequences(inventory) == list(range(1, 36))


def test_a_device_that_lost_its_journal_is_refused_and_ends_with_what_to_do(
    executor: JournalThread, broker: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RunningInventory(broker.port, tmp_path / "inventory") as inventory:
        delivered(executor, broker, 3)
        (tmp_path / "emptied").mkdir()
        shutil.copy(tmp_path / "state" / KEY, tmp_path / "emptied")
        with JournalThread(tmp_path / "emptied") as emptied, caplog.at_level(logging.WARNING):
            commit(emptied, 2)
            with pytest.raises(BaseExceptionGroup) as ended:
                compared(emptied, broker)
            assert ended.group_contains(Misconfigured, match="give this device a new name")
            assert emptied.run(lambda journal: journal.queries.counts()).refused == 2
        assert sequences(inventory) == [1, 2, 3]
    assert "has handled number 3 of this device, and it ends at 2" in caplog.text


def test_an_older_copy_of_a_journal_shows_before_it_uses_up_a_number(broker: Mosquitto, tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    with RunningInventory(broker.port, tmp_path / "inventory") as inventory:
        with JournalThread(state) as earlier:
            delivered(earlier, broker, 3)
        shutil.copytree(state, copy)
        with JournalThread(state) as later:
            delivered(later, broker, 2)
        with JournalThread(copy) as older:
            with pytest.raises(BaseExceptionGroup) as ended:
                compared(older, broker)
            told = "handled number 5 of this device, and it ends at 3"
            assert ended.group_contains(Misconfigured, match=told)
            assert older.run(lambda journal: journal.trail.last_sequence()) == 3
            with pytest.raises(Misconfigured, match=told):
                older.run(lambda journal: journal.successor.demand_none())
        assert sequences(inventory) == [1, 2, 3, 4, 5]


def test_a_copy_that_goes_on_beside_the_journal_is_refused_and_all_of_it_waits_for_a_person(
    broker: Mosquitto, tmp_path: Path
) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    with RunningInventory(broker.port, tmp_path / "inventory") as inventory:
        with JournalThread(state) as earlier:
            delivered(earlier, broker, 3)
        shutil.copytree(state, copy)
        with JournalThread(copy) as other:
            commit(other, 4)
        with JournalThread(state) as later:
            delivered(later, broker, 2)
        with JournalThread(copy) as other:
            with pytest.raises(BaseExceptionGroup) as ended:
                compared(other, broker)
            assert ended.group_contains(Misconfigured, match="give this device a new name and a new state_directory")
            held = other.run(lambda journal: journal.review.held_entries())
        assert [(one.sequence, one.reasons) for one in held] == [
            *((number, ("sequence_reused",)) for number in (4, 5)),
            *((number, ("another_instance",)) for number in (6, 7)),
        ]
        assert sequences(inventory) == [1, 2, 3, 4, 5]


def test_a_device_that_changes_its_name_is_stopped_and_delivers_all_under_its_own(
    executor: JournalThread, broker: Mosquitto, tmp_path: Path
) -> None:
    with RunningInventory(broker.port, tmp_path / "inventory") as inventory:
        commit(executor, 3)
        renamed = settings(broker).model_copy(update={"device": "dock-2"})
        with pytest.raises(Misconfigured, match=r"dock-1, 3 of its entries .* set site and device back"):
            asyncio.run(reconcile(renamed, executor, within_s=PATIENCE_S))
        assert compared(executor, broker).agreed
        assert sequences(inventory) == [1, 2, 3]


def test_where_the_broker_settles_there_is_nothing_to_compare_with(executor: JournalThread, broker: Mosquitto) -> None:
    with pytest.raises(Misconfigured, match=r'deliver\.settle = "broker"'):
        asyncio.run(reconcile(settings(broker, SettleBy.BROKER), executor, within_s=1))


def test_what_the_broker_never_takes_is_set_aside_and_holds_nothing_up(
    executor: JournalThread, tmp_path: Path, free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "narrow"
    with (
        Mosquitto(directory, free_port(), options=["message_size_limit 1700"]) as broker,
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
    ):
        commit(executor, 1)
        commit(executor, 1, operator="x" * 1000)
        commit(executor, 3)
        assert compared(executor, broker).agreed
        assert sequences(inventory) == [1, 3, 4, 5]
        (letter,) = executor.run(lambda journal: journal.review.held_entries())
        assert (letter.sequence, letter.state) == (2, "dead")
    assert "is set aside, so that it holds up nothing: packet too large" in caplog.text

    with (
        Mosquitto(directory, broker.port) as broker,
        RunningInventory(broker.port, tmp_path / "inventory") as inventory,
    ):
        executor.run(lambda journal: journal.review.retry("2", who="ana"))
        assert compared(executor, broker).agreed
        assert sequences(inventory) == [1, 2, 3, 4, 5], "better late than never"


@pytest.fixture
def site(tmp_path: Path, broker: Mosquitto) -> Path:
    """Settings of the device as a file, for commands."""
    path = tmp_path / "edge.toml"
    path.write_text(
        f'site = "hall"\ndevice = "dock-1"\nstate_directory = "{tmp_path / "state"}"\n'
        f'[deliver]\nreceipt_timeout_s = {RECEIPT_TIMEOUT_S}\nmqtt = {{host = "127.0.0.1", port = {broker.port}}}\n',
        encoding="utf-8",
    )
    return path


def test_the_command_sends_a_new_inventory_what_it_lacks(site: Path, broker: Mosquitto, tmp_path: Path) -> None:
    with JournalThread(tmp_path / "state") as executor, RunningInventory(broker.port, tmp_path / "old"):
        delivered(executor, broker, 4)
    with RunningInventory(broker.port, tmp_path / "new") as inventory:
        told = dockvoice("queue", "reconcile", "--config", site, "--wait", str(PATIENCE_S))
        assert (told.returncode, told.stdout) == (0, "4 sent again, 0 not confirmed yet\n"), told.stderr
        assert sequences(inventory) == [1, 2, 3, 4]
        again = dockvoice("queue", "reconcile", "--config", site, "--json")
        assert json.loads(again.stdout) == {"agreed": True, "sent_again": 0, "unsettled": 0, "trouble": None}


def test_the_command_says_when_nobody_answers_and_when_the_agent_runs(
    site: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    missing = dockvoice("queue", "reconcile", "--config", site)
    assert missing.returncode == 66
    assert "no such journal" in missing.stderr
    with JournalThread(tmp_path / "state") as executor:
        commit(executor, 1)
        assert dockvoice("queue", "reconcile", "--config", site).returncode == 75
    told = dockvoice("queue", "reconcile", "--config", site, "--wait", "1")
    assert (told.returncode, told.stdout) == (75, "0 sent again, 1 not confirmed yet\n")
    assert "did not confirm within 1 s that it has everything: is `dockvoice inventory` running" in told.stderr
    broker.stop()
    told = dockvoice("queue", "reconcile", "--config", site, "--wait", "2")
    assert f"broker 127.0.0.1:{broker.port}: Connection refused" in told.stderr
