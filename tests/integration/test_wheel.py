"""What is installed is the wheel, not this tree: it must hold all that the commands need."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(directory), str(repository)], check=True)
    (built,) = directory.glob("dockvoice-*.whl")
    return built


def test_the_wheel_holds_no_tests_and_no_weights(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"edge", "inventory"}
    assert not [name for name in names if name.endswith((".mdl", ".fst", ".onnx"))]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("forms list", "pallet-move"),
        ("models list", "small-en-us"),
        ("inventory --help", "receipt"),
        ("demo --with embedded", "lost 0, duplicated 0"),
    ],
)
def test_commands_run_from_the_wheel_alone(wheel: Path, tmp_path: Path, command: str, told: str) -> None:
    unpacked = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", str(unpacked), str(wheel)]
    subprocess.run(install, check=True)
    # The target comes before the editable install of this tree; -P keeps the working directory out.
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    where = "import edge, inventory; print(edge.__file__, inventory.__file__)"
    found = subprocess.run(
        [sys.executable, "-P", "-c", where], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.count(str(unpacked)) == 2
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "edge", *command.split()],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert told in ran.stdout
