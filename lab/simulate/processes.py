"""Measures memory and CPU time of the simulator and of named processes, with their children."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

from dockvoice_protocol.errors import UnreadableInput

MB = 1_000_000

_SELF = "simulator"


@dataclass(slots=True)
class _ProcessSamples:
    """Samples of one process. CPU time is kept by process id, since an ended child takes its time along."""

    pid: int
    before: float = 0.0
    connected: float = 0.0
    most: float = 0.0
    processor: dict[int, float] = field(default_factory=dict)
    processor_before: float = 0.0


class ProcessMonitor:
    """Memory and CPU time of the processes since `sample_baseline`."""

    def __init__(self, named: Mapping[str, int]) -> None:
        """`named` maps names to the ids of further processes. Raises UnreadableInput for an id that does not exist."""
        self._seen = {name: _ProcessSamples(pid) for name, pid in {_SELF: os.getpid(), **named}.items()}
        for name, one in self._seen.items():
            if not psutil.pid_exists(one.pid):
                raise UnreadableInput(f"--watch {name}={one.pid}: there is no process with this number")
        self._began = 0.0

    def sample_baseline(self, now: float) -> None:
        """Take the baseline sample, before anything is connected."""
        self._began = now
        self.sample()
        for one in self._seen.values():
            one.before, one.processor_before = one.most, sum(one.processor.values())

    def sample_connected(self) -> None:
        """Take the sample with all devices connected, from which the memory per device follows."""
        for one in self._seen.values():
            one.connected = self._sample_memory_and_cpu(one)

    def sample(self) -> None:
        """Sample the memory of each process and note the maximum."""
        for one in self._seen.values():
            one.most = max(one.most, self._sample_memory_and_cpu(one))

    def as_json(self, devices: int, now: float) -> dict[str, dict[str, float]]:
        """All figures by process: MB, kB a device, cores, CPU seconds."""
        self.sample()
        seconds = max(now - self._began, 0.001)
        figures = {}
        for name, one in self._seen.items():
            spent = sum(one.processor.values()) - one.processor_before
            figures[name] = {
                "mb_before": round(one.before / MB, 1),
                "mb_connected": round(one.connected / MB, 1),
                "mb_most": round(one.most / MB, 1),
                "kb_per_device": round((one.connected - one.before) / devices / 1000, 1),
                "processor_s": round(spent, 2),
                "cores": round(spent / seconds, 3),
            }
        return figures

    def _sample_memory_and_cpu(self, one: _ProcessSamples) -> float:
        """Memory of the process and its children; shared memory is divided among them where the kernel reports it."""
        total = 0.0
        try:
            top = psutil.Process(one.pid)
            children = [top, *(() if one.pid == os.getpid() else top.children(recursive=True))]
        except psutil.NoSuchProcess:
            return one.most  # it has ended: its peak remains
        for process in children:
            try:
                times = process.cpu_times()
                one.processor[process.pid] = times.user + times.system
                # PSS takes the kernel long; it matters only where processes share, as PostgreSQL's do.
                total += process.memory_full_info().pss if len(children) > 1 else process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return total
