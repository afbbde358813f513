"""Describes a run's machine and its settings that affect recognition, without secrets."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge.config import Settings
from lab.report.lines import ClipLine

_TABLES = ("hear", "agree", "forms")
_UNDERSTAND = ("mode", "first", "fallback", "second", "engine", "model", "deadline_ms")
"""Keys of the interpreters' table: the interpreters in use. Clients are left out, for they hold keys and addresses."""


def describe_machine() -> Mapping[str, str]:
    """The computer: processor, cores, load, operating system."""
    return {
        "processor": _processor_name(),
        "cores": str(os.cpu_count()),
        "busy": f"{os.getloadavg()[0]:.1f} processes wanted to run, over the last minute",
        "system": platform.platform(),
        "Python": platform.python_version(),
        "Dockvoice": version("dockvoice"),
    }


def describe_run(used: Settings, lines: Sequence[ClipLine]) -> str:
    """Machine, amount of sound and policy in one sentence, printed above tables."""
    hours = sum(one.audio_s for one in lines) / 3600
    machine = describe_machine()
    return (
        f"{len(lines)} sounds of {hours:.2f} hours together, policy `{used.agree.policy}`, read by "
        f"{describe_settings(used, lines)['read by']}; Dockvoice {machine['Dockvoice']} on {machine['cores']} cores "
        f"({machine['processor']})."
    )


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe_settings(used: Settings, lines: Sequence[ClipLine]) -> Mapping[str, str]:
    """The settings that affect recognition, and the interpreters used, as flat keys."""
    readers = sorted({utterance.interpreter for one in lines for utterance in one.heard})
    tables = used.model_dump(mode="json", include={*_TABLES, "understand"})
    understand = {name: tables["understand"][name] for name in _UNDERSTAND}
    every = {**{name: tables[name] for name in _TABLES}, "understand": understand}
    return {"read by": ", ".join(readers) or "nobody", **dict(_flatten("", every))}


def _flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(f"{name}.{key}" if name else key, inner)
    else:
        yield name, "not set" if value is None else str(value)
