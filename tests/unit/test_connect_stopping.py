from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from inventory.connect.service import StopRequest

LINES = 20  # More than a wait runs through.


@contextmanager
def interrupted_at_line(number: int, handler: Callable[[], None]) -> Iterator[None]:
    """A signal comes at this line, counted from here on through all functions that are called."""
    lines = 0

    def trace(_frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        if lines == number and event == "line":
            signal.raise_signal(signal.SIGUSR1)
        return trace

    before = signal.signal(signal.SIGUSR1, lambda *_: handler())
    tracing = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(tracing)
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.timeout(60, method="thread")
def test_a_signal_stops_whatever_line_of_the_wait_it_interrupts() -> None:
    """`threading.Event` waits for ever at one of these lines: `set` wants the lock that `wait` holds."""
    for number in range(1, LINES):
        stopped = StopRequest()
        with interrupted_at_line(number, stopped.set):
            stopped.wait(0.01)
        stopped.set()
        assert stopped.is_set()
        assert stopped.wait(60)
