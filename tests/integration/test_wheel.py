"""What is installed are the wheels, not this tree: each must hold all that its commands need, and require the rest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from dockvoice_protocol.command import COMMANDS
from hatch_build import PARTS
from inventory.repository import Store
from tests.tiers import sized

PROTOCOL, AGENT, INVENTORY, LAB = "dockvoice_protocol", "dockvoice", "dockvoice_inventory", "dockvoice_lab"

CLIP = "tests/data/speech/demo/01-pallet-5451-four-cases-dock-alpha.flac"

BUILD = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
UV = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--no-cache", "--link-mode=copy"]
"""A tenth of what pip takes; pip, which users have, is asked at night (`tests/nightly/test_upgrade.py`)."""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheels(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The wheels of this tree, by distribution."""
    return built(repository, tmp_path_factory.mktemp("wheels"), "protocol", ".", "inventory", "lab")


def built(tree: Path, into: Path, *parts: str) -> Mapping[str, Path]:
    for part in parts:
        subprocess.run([*BUILD, str(into)], cwd=tree / part, check=True, stdout=subprocess.DEVNULL)
    return {wheel.name.partition("-")[0]: wheel for wheel in into.iterdir()}


@pytest.fixture(scope="module")
def alone(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the agent's wheel and what that requires, and nothing else."""
    return environment(tmp_path_factory.mktemp("alone"), wheels[PROTOCOL], wheels[AGENT])


@pytest.fixture(scope="module")
def receiving(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the inventory's wheel and what that requires, and nothing else."""
    return environment(tmp_path_factory.mktemp("receiving"), wheels[PROTOCOL], wheels[INVENTORY])


@pytest.fixture(scope="module")
def joined(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with all of them."""
    return environment(tmp_path_factory.mktemp("joined"), *wheels.values(), extras=("", "console", "demo", "standin"))


@pytest.fixture(scope="module")
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheels are made of, without its history, as it lies in an archive."""
    copy = tmp_path_factory.mktemp("tree")
    for part in (*PARTS, "hatch_build.py", ".gitignore"):
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        if (repository / part).is_dir():
            shutil.copytree(repository / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(repository / part, copy / part)
    return copy


def version_of(tree: Path) -> str:
    """What would be built there."""
    told = [sys.executable, "-c", "import hatch_build; print(hatch_build.version())"]
    return subprocess.run(told, cwd=tree, check=True, capture_output=True, text=True).stdout.strip()


def environment(directory: Path, *wheels: Path, extras: tuple[str, ...] = ("",)) -> Path:
    """Install the wheels into a virtual environment; what they require is linked from the one these tests run in."""
    venv.create(directory, symlinks=True)
    force(directory, *wheels)
    (packages,) = directory.glob("lib/python*/site-packages")
    ours = {one.name: one for one in distributions(path=[str(packages)])}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    wanted = [needed for one in ours.values() for needed in required(one, extras)]
    while wanted:
        needed = wanted.pop()
        if needed.name in ours or (needed.name, (key := ("", *sorted(needed.extras)))) in seen:
            continue
        seen.add((needed.name, key))
        found = distribution(needed.name)
        link(found, packages)
        wanted += required(found, key)
    return directory


def force(into: Path, *wheels: Path) -> None:
    """Install these, whatever they require."""
    command = [*UV, "--python", str(into / "bin" / "python"), "--no-deps", "--no-index"]
    subprocess.run([*command, *map(str, wheels)], check=True)


def required(of: Distribution, extras: tuple[str, ...]) -> Iterator[Requirement]:
    """What a distribution requires here, with those extras."""
    for needed in map(Requirement, of.requires or ()):
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            yield needed


def link(found: Distribution, packages: Path) -> None:
    """Make a distribution importable from `packages` as well."""
    for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        if not (packages / top).exists():
            (packages / top).symlink_to(str(found.locate_file(top)))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command of an environment, with nothing of this tree in reach."""

    def running(program: Path, *arguments: str | Path, within_s: float = 60) -> subprocess.CompletedProcess[str]:
        command = [str(program / "bin" / "dockvoice"), *map(str, arguments)]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            command, env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=within_s, check=False
        )

    return running


@pytest.mark.parametrize(
    ("name", "tree"),
    [(PROTOCOL, "protocol/dockvoice_protocol"), (AGENT, "edge"), (INVENTORY, "inventory"), (LAB, "lab")],
)
def test_a_wheel_holds_all_of_one_package_without_tests_and_weights(
    wheels: Mapping[str, Path], repository: Path, name: str, tree: str
) -> None:
    names = {name for name in zipfile.ZipFile(wheels[name]).namelist() if ".dist-info/" not in name}
    package = repository / tree
    assert {name.split("/")[0] for name in names} == {package.name}
    assert not [name for name in names if name.endswith((".mdl", ".fst", ".onnx"))]
    assert not [name for name in names if name.startswith("lab/bench/")], "these need the source tree"
    own = [path.relative_to(package.parent).as_posix() for path in package.rglob("*.*") if path.suffix != ".pyc"]
    assert {path for path in own if not path.startswith(("lab/bench/", f"{package.name}/pyproject"))} <= names


def test_they_are_of_one_version_and_require_each_other_in_it(joined: Path) -> None:
    (packages,) = joined.glob("lib/python*/site-packages")
    ours = {one.name: one for one in distributions(path=[str(packages)]) if one.name.startswith("dockvoice")}
    version = ours["dockvoice-protocol"].version
    requires = {
        "dockvoice": "dockvoice-protocol",
        "dockvoice-inventory": "dockvoice-protocol",
        "dockvoice-lab": "dockvoice",
    }
    for other, required_one in requires.items():
        assert ours[other].version == version
        assert f"{required_one}=={version}" in (ours[other].requires or ())


def test_other_contents_are_of_another_version_and_the_same_of_the_same(repository: Path, tree: Path) -> None:
    here, archive = Version(version_of(repository)), Version(version_of(tree))
    assert here.local == archive.local, "it is of the contents, wherever they lie"
    (tree / "PKG-INFO").write_text(f"Metadata-Version: 2.4\nName: dockvoice\nVersion: {here}\n", encoding="utf-8")
    assert version_of(tree) == str(here), "an sdist is of the version that it says"
    (tree / "PKG-INFO").unlink()
    changed = tree / "inventory" / "console" / "static" / "changed.css"
    changed.write_text("/* nobody committed it */", encoding="utf-8")
    assert Version(version_of(tree)).local != here.local
    changed.unlink()


@pytest.mark.parametrize(("command", "told"), [("forms list", "pallet-move"), ("models list", "small-en-us")])
def test_the_agent_runs_from_its_wheel_alone(alone: Path, run: Run, command: str, told: str) -> None:
    ran = run(alone, *command.split())
    assert ran.returncode == 0, ran.stderr
    assert told in ran.stdout


def test_the_agent_dictates_without_inventory_laboratory_and_broker(
    alone: Path, run: Run, repository: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    reached = "from importlib.util import find_spec; print(*map(find_spec, ('inventory', 'lab', 'tests', 'amqtt')))"
    found = subprocess.run(
        [alone / "bin" / "python", "-I", "-c", reached], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert set(found.stdout.split()) == {"None"}

    place = ("--state", tmp_path / "state")
    replayed = run(alone, "replay", repository / CLIP, "--wait", "0", "--broker", f"127.0.0.1:{free_port()}", *place)
    assert "1 recorded but not yet confirmed" in replayed.stderr
    listed = run(alone, "queue", "list", *place, "--json")
    (entry,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (entry["fields"], entry["state"]) == ({"pallet_id": "5451", "quantity": 4, "dock": "A"}, "waiting")
    assert run(alone, "audit", "verify", *place).returncode == 0


def test_the_inventory_runs_without_agent_and_recogniser(receiving: Path, run: Run, tmp_path: Path) -> None:
    program = "from importlib.util import find_spec; print(*map(find_spec, ('edge', 'vosk', 'numpy', 'soundfile')))"
    found = subprocess.run(
        [receiving / "bin" / "python", "-I", "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert set(found.stdout.split()) == {"None"}
    words = tmp_path / "words.csv"
    words.write_text("form,field,as,means,word,language\npallet-move,dock,label,,door,en\n", encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'inventory.db'}"
    Store.open(url).close()
    database = ("--database", url)
    put = run(
        receiving, "inventory", "catalogue", "import", "words", words, "--site", "north", "--reason", "r", *database
    )
    assert put.returncode == 0, put.stderr
    words.write_text("form,field,as,means,word,language\npallet-move,quay,label,,door,en\n", encoding="utf-8")
    refused = run(
        receiving, "inventory", "catalogue", "import", "words", words, "--site", "north", "--reason", "r", *database
    )
    assert "the form has no such field" in refused.stdout, "words are held against the forms"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("inventory rows", "pip install 'dockvoice-inventory'"),
        ("evaluate manifest.jsonl", "pip install 'dockvoice-lab'"),
        ("standin", "pip install 'dockvoice-lab[standin]'"),
        ("demo", "pip install 'dockvoice-lab[demo]'"),
    ],
)
def test_a_command_that_is_not_installed_names_what_has_it(alone: Path, run: Run, command: str, told: str) -> None:
    ran = run(alone, *command.split())
    assert (ran.returncode, ran.stdout) == (78, "")
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"dockvoice: {command.split(maxsplit=1)[0]}: ")
    assert line.endswith(told)


def test_the_others_join_the_command(joined: Path, run: Run) -> None:
    load = (
        "from importlib.metadata import entry_points; "
        "print(*(one.name for one in entry_points(group='dockvoice.commands') if one.load()))"
    )
    loaded = subprocess.run([joined / "bin" / "python", "-I", "-c", load], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) == set(COMMANDS)
    assert "nothing may be recorded" in run(joined, "evaluate", "--help").stdout
    # By day test_demo plays the demo, from the tree; it is a conversation in real time.
    ran = run(joined, "demo", *sized(test=["--help"], nightly=["--with", "embedded"]), within_s=240)
    assert ran.returncode == 0, ran.stderr
    assert sized(test="--with", nightly="lost 0, doubled 0") in ran.stdout
