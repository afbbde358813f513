from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from inventory.connect.service import StopRequest

ROUNDS = 100
"""With a `threading.Event` one round in some hundred never ends."""


@pytest.fixture
def stopped() -> Iterator[list[StopRequest]]:
    """The request that an alarm sets is the last one of these."""
    requests = [StopRequest()]
    before = signal.signal(signal.SIGALRM, lambda *_: requests[-1].set())
    yield requests
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.timeout(60, method="thread")
def test_a_signal_stops_whatever_the_wait_that_it_interrupts_is_doing(stopped: list[StopRequest]) -> None:
    for number in range(ROUNDS):
        stopped.append(StopRequest())
        signal.setitimer(signal.ITIMER_REAL, 2e-5 + number * 3e-6)
        while not stopped[-1].wait(1e-5):
            pass
        assert stopped[-1].is_set()
