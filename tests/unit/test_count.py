import json
import re
from pathlib import Path

import pytest

from tests.count import HERE, Count, main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="module")
def house() -> Count:
    return Count(HERE)


def put(root: Path, **files: str) -> Count:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Count(root)


def today(count: Count, name: str) -> int | None:
    return next(line.today for line in count.lines() if line.name == name)


def test_a_mechanism_that_uses_the_outbox_is_not_counted_beside_it(root: Path) -> None:
    relay = "class Relay:\n    pass\n"
    assert put(root, edge__deliver__relay=relay).mechanisms() == ["events"]
    count = put(
        root,
        edge__deliver__relay=f"from dockvoice_protocol.outbox import Outbox\n{relay}",
        protocol__dockvoice_protocol__outbox="",
    )
    assert count.mechanisms() == ["dockvoice_protocol.outbox"]


def test_every_mechanism_of_the_list_is_there_under_its_name(house: Count) -> None:
    """A renamed mechanism is renamed in the list; one that is built on the outbox leaves the expectation here."""
    assert house.mechanisms() == ["dockvoice_protocol.outbox"]


def test_imports_are_found_inside_functions_too(root: Path) -> None:
    count = put(root, inventory__api__master="def listed():\n    from inventory.console import fleet\n")
    assert count.api_of_console() == [("inventory.api.master", "inventory.console")]


def test_circles_are_sets_of_modules_that_import_one_another(root: Path) -> None:
    count = put(
        root,
        edge__a="import edge.b",
        edge__b="from edge import c",
        edge__c="from edge.a import A",
        edge__d="import edge.a",
    )
    assert count.circles() == [["edge.a", "edge.b", "edge.c"]]


def test_it_prints_each_line_for_people_and_for_programs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(root, lab__talk="from tests import line\n")
    main(["--root", str(root)])
    assert re.search(r"^imports: lab of tests, files +8 +8 +0 +1$", capsys.readouterr().out, re.MULTILINE)
    main(["--root", str(root), "--json"])
    lines = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert lines["lab: lines"] == {"name": "lab: lines", "reviewed": 18000, "then": 17979, "goal": 14000, "today": 1}
    assert lines["stays of an utterance (see --help)"]["today"] is None


@pytest.mark.parametrize(
    ("above", "below"), [("edge", "inventory"), ("edge", "lab"), ("inventory", "lab"), ("lab", "tests")]
)
def test_no_package_imports_one_above_it(house: Count, above: str, below: str) -> None:
    assert house.crossing(above, below) == []
