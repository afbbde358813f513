"""An upgrade of what is installed: of all its wheels, or of some of them, which is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

import pytest

from dockvoice_protocol.command import OWN
from tests.integration.test_wheel import AGENT, INVENTORY, PROTOCOL, Run, built, environment, force, run, tree, wheels

__all__ = ["run", "tree", "wheels"]  # fixtures

PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def next_wheels(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Agent and inventory as they are once somebody has changed a line of what both share."""
    with (tree / "protocol" / "dockvoice_protocol" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("\n# Changed.\n")
    return built(tree, tmp_path_factory.mktemp("next"), ".", "protocol", "inventory")


def test_an_upgrade_replaces_all_of_them_and_half_of_one_is_told_in_one_line(
    wheels: Mapping[str, Path], next_wheels: Mapping[str, Path], run: Run, tmp_path: Path
) -> None:
    box = environment(tmp_path / "box", wheels[PROTOCOL], wheels[AGENT], wheels[INVENTORY])
    into = [*PIP, "--python", str(box / "bin" / "python"), "install", "--no-index", "--no-compile"]
    refused = subprocess.run([*into, str(next_wheels[INVENTORY])], capture_output=True, text=True, check=False)
    assert refused.returncode != 0, "without what it shares with the agent it is refused"

    force(box, next_wheels[PROTOCOL], next_wheels[AGENT])
    old, new = (one[AGENT].name.split("-")[1] for one in (wheels, next_wheels))
    ran = run(box, "inventory", "count")
    (line,) = ran.stderr.splitlines()
    assert (ran.returncode, ran.stdout) == (78, "")
    assert line.startswith(f"dockvoice: dockvoice-inventory is of version {old}, {OWN} of {new}; install")
    assert run(box, "forms", "list").returncode == 0, "the dock goes on"

    subprocess.run([*into, *map(str, next_wheels.values())], check=True)
    (packages,) = box.glob("lib/python*/site-packages")
    assert {one.version for one in distributions(path=[str(packages)]) if one.name.startswith("dockvoice")} == {new}
    assert run(box, "inventory", "count").returncode == 66
