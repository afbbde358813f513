from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from tests.faults.oracle.scenarios import THEMES
from tests.rows import each_of

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
STEP = re.compile(r"`((?:\w+/)*\w+\.py)`((?: `[\w.]+`)*)")
CLASS = re.compile(r"^class (\w+)(?:\(([^:]*)\))?:\n((?:[ \t].*\n|\n)*)", re.MULTILINE)
METHOD = re.compile(r"^    (?:async )?def (\w+)", re.MULTILINE)
ROOT = Path(__file__).parent.parent.parent


def pages() -> list[Path]:
    ours = ("*.md", "docs/*.md", "schemas/*.md", "tests/data/*/*.md")
    return [page for pattern in ours for page in ROOT.glob(pattern)]


@each_of("page", pages(), ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_way_of_a_sound_names_files_and_functions_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    way = text[text.index("## Follow a sound") : text.index("## The folders")]
    steps = STEP.findall(way)
    assert len(steps) >= 12
    for file, names in steps:
        path = (
            ROOT / file if file.startswith(("inventory/", "protocol/")) else ROOT / "edge" / file.removeprefix("edge/")
        )
        code = path.read_text(encoding="utf-8")
        for name in re.findall(r"`[\w.]*?(\w+)`", names):
            assert re.search(rf"(def|class) {name}\b", code), f"{file}: {name}"


def test_each_test_that_stands_against_an_attack_is_there() -> None:
    text = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)`((?: `test_\w+`)*)", text)
    assert len(named) >= 30
    for file, tests in named:
        code = (ROOT / file).read_text(encoding="utf-8")
        missing = [test for test in re.findall(r"`(\w+)`", tests) if f"def {test}(" not in code]
        assert missing == [], file
    staged = {name for theme in THEMES.values() for name in (one.name for one in theme)}
    told = {name for names in re.findall(r"oracle ((?:[\w-]+(?:, )?)+)", text) for name in names.split(", ")}
    assert told - staged - {"the", "in"} == set(), told - staged


def test_the_folders_of_the_page_are_those_of_the_tree() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown: set[str] = set()
    above: list[str] = []
    for indent, name in re.findall(
        r"^( *)([\w/]+)/ +\S", text[text.index("\nprotocol/") : text.index("\nschemas/")], re.M
    ):
        above = [*above[: len(indent) // 2], name]
        shown.add("/".join(above))
    packages = {
        str(path.parent.relative_to(ROOT))
        for room in ("protocol", "edge", "inventory", "lab")
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert shown == packages - {"inventory/store/revisions/versions"}


MOST_METHODS = 25  # Of a class with its bases: what a reader can hold in the head.


@dataclass
class _Class:
    path: str
    bases: list[str]
    methods: set[str]


@functools.cache
def _classes() -> dict[str, list[_Class]]:
    found: dict[str, list[_Class]] = {}
    for path in sorted(
        path for room in ("protocol", "edge", "inventory", "lab") for path in (ROOT / room).rglob("*.py")
    ):
        for name, bases, body in CLASS.findall(path.read_text(encoding="utf-8")):
            one = _Class(str(path.relative_to(ROOT)), re.findall(r"\w+", bases), set(METHOD.findall(body)))
            found.setdefault(name, []).append(one)
    return found


def _methods(name: str) -> set[str]:
    """Those of the class and of its bases in the house; where several have the name, of all of them."""
    ours = _classes().get(name, [])
    bases = {base for one in ours for base in one.bases} - {name}
    return set().union(*(one.methods for one in ours), *(_methods(base) for base in bases))


def test_no_class_has_more_methods_than_a_reader_can_hold() -> None:
    methods = {name: len(_methods(name)) for name in _classes()}
    assert len(methods) > 500
    assert methods["Relay"] > 20, "they are counted"
    assert {name: count for name, count in methods.items() if count > MOST_METHODS} == {}


@each_of("room", ["protocol", "edge", "inventory", "lab"])
def test_a_public_class_name_is_defined_once(room: str) -> None:
    public = {name: [one.path for one in found] for name, found in _classes().items() if not name.startswith("_")}
    here = {name: [path for path in paths if path.startswith(room)] for name, paths in public.items()}
    assert {name: paths for name, paths in here.items() if len(paths) > 1} == {}
