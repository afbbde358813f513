"""The link between device and broker: silent, flapping, cut in the middle of a packet, back without any news."""

from __future__ import annotations

import time

from tests.faults.oracle.ledger import Tally
from tests.faults.oracle.run import Run
from tests.faults.oracle.stage import Stage
from tests.waiting import until

PACE_S = 0.01  # Between two utterances: see broker.py.

SILENCES_S = (12.0, 2.0)
"""How long nothing passes, in turn: beyond the patience of the keepalive (5 s, and half of it again), and within."""

FLAP_S = 2.0  # How long the link is up, and then down.

FURTHEST = 6000  # Bytes: the connection of a device, its subscription and the first few events, with their receipts.

CUT_S = 30.0  # A connection that may carry so few bytes ends sooner.


def silent(run: Run) -> Tally:
    """Packets are dropped in mid-drain and nobody is told; then they pass again."""
    with Stage(run.directory) as stage:
        link = stage.link()
        stage.device(link=link).speak(pace_s=PACE_S)
        for number in run.rounds():
            run.pause(1.0, 2.0)
            link.silence()
            time.sleep(SILENCES_S[number % len(SILENCES_S)])
            link.speak()
        return stage.conclude()


def flapping(run: Run) -> Tally:
    """Up and down for so many seconds; while it is down, connections are refused."""
    with Stage(run.directory) as stage:
        link = stage.link()
        stage.device(link=link).speak(pace_s=PACE_S)
        for second in run.rounds():
            if second % (2 * FLAP_S) == 0:
                link.up()
            elif second % FLAP_S == 0:
                link.down()
            time.sleep(1)
        link.up()
        return stage.conclude()


def cut_after_bytes(run: Run) -> Tally:
    """The connection ends after K bytes, for so many K: in the handshake, in an event, in a receipt."""
    with Stage(run.directory) as stage:
        link = stage.link()
        stage.device(link=link).speak(pace_s=PACE_S)
        for number in run.rounds():
            until(lambda: link.unspent == 0, "the device does not connect again", CUT_S)
            link.budgets([1 + number * FURTHEST // run.extent])
            link.cut()
        return stage.conclude()


def back_without_news(run: Run) -> Tally:
    """All is said while the link is down; when it is back nothing new is said, and the backlog drains."""
    with Stage(run.directory) as stage:
        link = stage.link()
        device = stage.device(link=link)
        for _ in run.rounds():
            link.down()
            device.speak(30, settle_s=60)
            device.has_handed_in(30)
            link.up()
            code = device.wait()
            assert code == 0, f"the backlog did not drain by itself:\n{device.log}"
        return stage.conclude()
