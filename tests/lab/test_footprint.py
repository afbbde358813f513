from __future__ import annotations

import time

import pytest

from lab.bench import footprint


class Busy:
    def inner(self) -> None:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    def outer(self) -> None:
        self.inner()


def test_processor_time_counts_for_the_part_that_was_called_first_and_nothing_is_measured_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(footprint, "PARTS", {"first": ((Busy, "outer"),), "within": ((Busy, "inner"),)})
    plain = Busy.inner
    watch = footprint.PartTimer()
    with watch.timing_all_parts():
        Busy().outer()
        assert set(watch.spent) == {"first"}
        Busy().inner()
    assert watch.spent["first"] >= 0.02 <= watch.spent["within"]
    assert Busy.inner is plain


def test_a_share_of_a_core_is_told_as_seconds_an_hour() -> None:
    assert footprint.RecognitionCost("speech", 60, 3, 0.05).hourly_cpu == pytest.approx(180)


def test_every_part_names_functions_that_exist() -> None:
    assert all(callable(getattr(owner, name)) for places in footprint.PARTS.values() for owner, name in places)
