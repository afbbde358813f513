"""Simulated devices at a broker of three nodes, one of which is killed again and again: what is lost, who waits."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain, pairwise, zip_longest
from pathlib import Path
from statistics import mean

from pydantic import SecretStr

from dockvoice_protocol.config import Mqtt, MqttVersion
from edge.config import Deliver
from lab.simulate.command import write_public_keys
from lab.simulate.counted import compare_with_table
from lab.simulate.device import CorrectionShares
from lab.simulate.figures import Durations, LoadResult
from lab.simulate.fleet import Fleet, Progress, _ConnectedDevice
from lab.simulate.wanted import RunParameters
from tests.counting.killing import Killing
from tests.servers.cluster import NODES, PASSWORD, USER, Cluster
from tests.servers.inventory import RunningInventory
from tests.waiting import until

BACK_IN_S = 300  # A killed node takes some ten seconds; beside other work of this machine more.

SEEN_S = 2.0  # The balancer looks each second whether a node is back. Until then all clients are on the third.

HABITS = CorrectionShares(0.04, 0.01)  # What `dockvoice simulate` takes.

SITE, RUN = "simulated", "kills"

RECONNECT_S = 1.0
"""As docs/scale.md advises for a broker of three nodes: no device waits longer for its next try to connect."""

STORM = 50.0
"""Connections begun a second: a new session on three nodes takes each of them some milliseconds of a processor."""

PATIENCE_S = 180.0
"""So long may no answer come before what is left counts as lost: what is sent again waits 160 s at most."""


@dataclass(frozen=True)
class Staged:
    """How much of it."""

    devices: int
    rate: float  # Entries a second, of all devices together.
    seconds: float  # So long they are said, and nodes are killed.
    every_s: float = 10.0  # From one kill to the next, or until the killed node has clients again.
    most: int | None = None  # So many kills at most.
    seed: int = 1


@dataclass(frozen=True)
class Kill:
    """One kill of a node. Times are monotonic seconds."""

    node: int
    at: float
    back_s: float  # Until the node took clients again.


@dataclass
class Waits:
    """How long devices waited for a receipt, after kills."""

    owed: Durations = field(default_factory=Durations)
    """Of each device that was owed one after a kill, from the kill, or from the entry if that was later. What has no
    receipt in the end is not among them: it counts as lost."""
    cut: Durations = field(default_factory=Durations)  # The same of those whose link ended, with the node or after it.
    linked: Durations = field(default_factory=Durations)
    """From the end of a link until it is up again, with its subscriptions."""


@dataclass(frozen=True)
class Killed:
    """What was staged, and what came of it."""

    result: LoadResult
    kills: list[Kill]
    waits: Waits


@dataclass
class Outage:
    """A link that ended, until it is up again; 0 is never."""

    at: float
    up_at: float = 0.0


class WatchedFleet(Fleet):
    """Notes when links end and are up again."""

    def __init__(self, wanted: RunParameters, watched: Mapping[str, int], tell: Callable[[Progress], None]) -> None:
        super().__init__(wanted, watched, tell)
        self.outages: dict[_ConnectedDevice, list[Outage]] = {station: [] for station in self.stations}

    def note_connected(self, station: _ConnectedDevice, now: float, *, forgotten: bool) -> None:
        super().note_connected(station, now, forgotten=forgotten)
        if (ended := self.outages[station]) and not ended[-1].up_at:
            ended[-1].up_at = now

    def note_disconnected(self, station: _ConnectedDevice, why: str) -> None:
        if station in self._up and not self._leaving:
            self.outages[station].append(Outage(time.monotonic()))
        super().note_disconnected(station, why)


class NodesInTurn:
    """Kills the nodes in turn, and starts each again at once."""

    def __init__(self, cluster: Cluster, every_s: float) -> None:
        self.kills: list[Kill] = []
        self._cluster = cluster
        self._every_s = every_s

    def kill_next(self) -> float:
        """Kill the next one and wait until it takes clients; seconds until the kill after it is due."""
        node = len(self.kills) % NODES + 1
        at = time.monotonic()
        self._cluster.kill(node)
        self._cluster.start(node)
        until(partial(self._cluster.serves, node), self._cluster.logs, BACK_IN_S)
        back_s = time.monotonic() - at
        self.kills.append(Kill(node, at, back_s))
        return max(self._every_s - back_s, SEEN_S)


def killed(cluster: Cluster, directory: Path, url: str, staged: Staged) -> Killed:
    """Let devices talk while nodes are killed; compare the inventory's table with what they said."""
    keys = directory / "keys"
    told = {
        "KEYS_DIRECTORY": str(keys), "TRUST_FIRST_USE": "false",
        "MQTT__USERNAME": USER, "MQTT__PASSWORD": PASSWORD, "MQTT__INSECURE": "true",
        "MQTT__RECONNECT_MAXIMUM_S": str(RECONNECT_S), "MQTT__VERSION": MqttVersion.V311,
    }  # fmt: skip
    environment = {f"DOCKVOICE_INVENTORY_{name}": value for name, value in told.items()}
    mqtt = Mqtt(
        host="127.0.0.1",
        port=cluster.port,
        username=USER,
        password=SecretStr(PASSWORD),
        insecure=True,
        reconnect_maximum_s=RECONNECT_S,
        version=MqttVersion.V311,
    )
    wanted = RunParameters(
        devices=staged.devices,
        deliver=Deliver(mqtt=mqtt, keep_session=False),
        site=SITE,
        run=RUN,
        rate=staged.rate,
        seconds=staged.seconds,
        backlog=1,
        storm=STORM,
        habits=HABITS,
        seed=staged.seed,
        patience_s=PATIENCE_S,
    )
    with RunningInventory(cluster.port, directory / "inventory", url, environment=environment) as inventory:
        nodes = NodesInTurn(cluster, staged.every_s)
        killing = Killing(nodes.kill_next, staged.every_s / 2, staged.most, waits=True)

        def follow(moment: Progress) -> None:
            (killing.begin if moment.phase == "talking" else killing.end)()

        fleet = WatchedFleet(wanted, {"balancer": cluster.balancer, "inventory": inventory.pid}, follow)
        write_public_keys(keys, ((SITE, one.device.name, one.device.signer) for one in fleet.stations))
        with killing:
            result = asyncio.run(fleet.run())
    compared = compare_with_table(url, SITE, RUN, fleet.expected_rows())
    return Killed(replace(result, database=compared), nodes.kills, waits(fleet, nodes.kills))


def waits(fleet: WatchedFleet, kills: Sequence[Kill]) -> Waits:
    """The waits after each kill, until the next one."""
    found = Waits()
    for kill, following in zip_longest(kills, kills[1:]):
        until_s = math.inf if following is None else following.at
        for station in fleet.stations:
            cut = any(kill.at <= one.at < until_s for one in fleet.outages[station])
            owed = (
                one.answered_at - max(one.at, kill.at)
                for one in station.device.ledger.said
                if one.answered_at > kill.at and one.at < until_s
            )
            if (wait := next(owed, None)) is not None:
                found.owed.add(wait)
                if cut:
                    found.cut.add(wait)
    for ended in chain.from_iterable(fleet.outages.values()):
        if ended.up_at:
            found.linked.add(ended.up_at - ended.at)
    return found


def table(of: str, told: Killed) -> str:
    """The figures, as rows of Markdown."""
    result, kills = told.result, told.kills
    live, asked, links = result.live or {}, result.asked, result.links
    assert result.database is not None
    compared = asdict(result.database)
    # Of what has no receipt yet nobody but the inventory knows whether it was applied.
    of_all = () if result.lost else ("wrong_state", "unknown")
    wrong = sum(compared[name] for name in ("missing", "altered", *of_all))
    backs = Durations()
    for kill in kills:
        backs.add(kill.back_s)
    between = [later.at - one.at for one, later in pairwise(kills)]
    rows = [
        ("devices, entries", f"{asked['devices']:,}, {live['entries'] + asked['devices'] * asked['backlog']:,}"),
        ("nodes killed", f"{len(kills)}, one each {mean(between):.1f} s" if between else f"{len(kills)}"),
        ("killed node takes clients again, 50 % / 95 % / most", _spread(backs)),
        ("links that ended, sessions forgotten", f"{len(told.waits.linked):,}, {links['sessions forgotten']:,}"),
        ("link ended to link up, 50 % / 95 % / most", _spread(told.waits.linked)),
        ("owed a receipt after a kill, to the receipt, 50 % / 95 % / most", _spread(told.waits.owed)),
        ("the same, of those whose link ended, 50 % / 95 % / most", _spread(told.waits.cut)),
        ("sent more than once", f"{live['sent_again']:,}"),
        (
            "lost (without a receipt in the end), twice, wrong in the table",
            f"{result.lost}, {result.twice + compared['twice']}, {wrong}",
        ),
    ]
    machine = result.machine
    head = f"{of}; {machine['processors']} processors, load before {machine['load_before']}"
    return "\n".join([f"| {head} | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)])


def _spread(durations: Durations) -> str:
    told = durations.as_json()
    if not told:
        return "-"
    return f"{told['p50'] / 1000:.1f} / {told['p95'] / 1000:.1f} / {told['max'] / 1000:.1f} s (of {len(durations):,})"
