"""How large the project is, and how it is coupled, beside where it began and where it is to be.

    python -m tests.count [--root DIRECTORY] [--json]

Everything is counted in the files as they are in the working tree; nothing is imported and nothing is run.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent

DEVICE = ("edge", "dockvoice_protocol")
FOLDERS = ("edge", "protocol", "inventory", "lab", "tests")
TEXTS = frozenset({".py", ".toml", ".json", ".yaml", ".md", ".html", ".sql", ".css", ".js", ".mjs", ".play"})
SEARCHED = (*FOLDERS, "schemas", "config", "docs", "pyproject.toml")
"""Where a kind, a command, a language or a page is searched for."""
USES = (
    *("schemas/forms/", "tests/data/", "tests/playbook/plays/", "tests/unit/tables/"),
    *("tests/count.py", "tests/unit/test_count.py"),
)
"""Files that use a kind or a language without being a place to change for a new one."""

PRIVATE_WORDS = frozenset({"told", "take", "taken", "heard", "of", "tell", "look", "show"})

MECHANISMS = {
    "events": "relay.Relay",
    "reviews": "review_delivery.ReviewDelivery",
    "clips": "clip_relay.ClipRelay",
    "status": "delivery._Status",
    "decisions": "decisions.record_decision",
    "declined postings": "ledger.DeclinedMessages",
    "clip requests": "clips.ClipStore",
    "expected lists": "expected.enter_in_outbox",
    "catalogue and roster": "catalogue_publishing.publish",
    "ERP postings": "ledger.Ledger",
    "dossiers": "dossier_writer.DossierStore",
}
"""What is owed until it is confirmed, and what sends it: a module's last name, and a class or function in it."""
OUTBOX = "dockvoice_protocol.outbox"
USED_BY = ("inventory.store.outbox", "edge.deliver.relay")  # What is scheduled by the one above, for others.

EXAMPLES = {
    "kind": r"\byes_no\b|\bSpoken\.YES_NO\b",
    "command": r'\bCommand\.LAST_ENTRY\b|"last_entry"|^last_entry\b',
    "language": r'"pt"|\bpt\.toml\b',
    "page": r"(?i)\bdrills?\b",
}
"""An existing kind of field, command, language and page of the console, by what names it and nothing else."""

OF_TEXTS = {"command": ("/languages/",), "page": ("/languages/", "inventory/words/")}
"""Where the texts of a command and of a page are: their goals count "4 + texts". (The grammar has "drill", too.)"""

HOW = """\
How each line is counted:
  lines, modules   lines of *.py (docs: of *.md), blank ones and comments included, and the number of these files
  mechanisms       the eleven of MECHANISMS: one counts while its class or function exists in a module that does not
                   import the outbox, its table or the relay; the outbox itself counts as one. A new mechanism has to be
                   added to the list.
  places           files that name one example: the kind yes_no, the command last_entry, the language pt, the page
                   drill, in paths or text; not those that name a prompt, a method or a constant of the same name. The
                   same file in several languages counts once (but for the language itself); forms, plays and test
                   data do not count, nor do the texts of a command and of a page. To add another touches about as
                   many files.
  stays, returns   not counted here, for they are seen only while an utterance is concluded: python -m tests.stays
  imports          import statements, also those inside functions and under TYPE_CHECKING
  circles          sets of modules of edge, protocol, inventory and lab that import one another in a circle
  private words    functions and methods named told, take, taken, heard, of, tell, look or show, in edge, protocol,
                   inventory and lab; leading underscores do not matter
  public names     names without a leading underscore that modules of edge and protocol define: functions, classes,
                   their methods, and constants

The column "579c0574" is the figure of the review that set the goals, "by this rule" what this program counts there.
They differ where the review counted by hand."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: at the beginning as reviewed, as counted by this program then, the goal, and today."""

    name: str
    reviewed: int
    then: int | None
    goal: int
    today: int | None


@dataclass(frozen=True)
class Module:
    """A module of the project, parsed."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> list[tuple[str, ...]]:
        """For each import statement, what it may name: modules, or names in modules."""
        found: list[tuple[str, ...]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.append(tuple(alias.name for alias in node.names))
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.append((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
        return found

    def functions(self) -> Iterator[str]:
        """The names of its functions and methods."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name

    def public(self) -> set[str]:
        """The public names it defines, methods as Class.method."""
        found: set[str] = set()
        for node in self.tree.body:
            names = [name for name in _defined(node) if not name.startswith("_")]
            found.update(names)
            if isinstance(node, ast.ClassDef) and names:
                found.update(
                    f"{node.name}.{inner.name}"
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and not inner.name.startswith("_")
                )
        return found


def _defined(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case _:
            pass


class Count:
    """The figures of one tree of files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._modules = {
            module.name: module for folder in FOLDERS for module in map(self._module, _files(root / folder, {".py"}))
        }

    def lines(self) -> Iterator[Line]:
        """The table, from top to bottom."""
        yield Line("edge + protocol: lines", 51_075, 51_075, 44_000, self._length(*DEVICE))
        yield Line("edge + protocol: modules", 262, 262, 210, len(self._of(*DEVICE)))
        yield Line("inventory: lines", 25_898, 25_898, 21_500, self._length("inventory"))
        yield Line("inventory: modules", 189, 189, 150, len(self._of("inventory")))
        yield Line("inventory: files at its top", 60, 60, 6, len(list((self._root / "inventory").glob("*.py"))))
        yield Line("lab: lines", 18_000, 17_979, 14_000, self._length("lab"))
        yield Line("tests: lines", 76_400, 76_384, 58_000, self._length("tests"))
        pages = sum(_length(page.read_text("utf-8")) for page in _files(self._root / "docs", {".md"}))
        yield Line("docs: lines", 6_600, 6_584, 4_200, pages)
        yield Line("mechanisms that owe something until it is confirmed", 11, 11, 1, len(self.mechanisms()))
        for what, reviewed, then, goal in (
            ("kind", 24, 18, 3),
            ("command", 20, 12, 4),
            ("language", 25, 26, 1),
            ("page", 18, 16, 4),
        ):
            yield Line(f"places to touch: a {what}", reviewed, then, goal, len(self.places(what)))
        yield Line("stays of an utterance (see --help)", 24, None, 12, None)
        yield Line("returns of an utterance (see --help)", 14, None, 4, None)
        yield Line("imports: lab of tests, files", 8, 8, 0, len({one for one, _ in self.crossing("lab", "tests")}))
        yield Line("imports: inventory.api of inventory.console", 22, 22, 0, len(self.api_of_console()))
        yield Line("imports: circles", 1, 1, 0, len(self.circles()))
        yield Line("functions named in private words", 174, 282, 15, self._private_words())
        public = sum(len(module.public()) for module in self._of(*DEVICE))
        yield Line("public names of edge + protocol", 3_513, 3_567, 2_500, public)

    def mechanisms(self) -> list[str]:
        """The mechanisms that still send and confirm by themselves, and the shared one where it exists."""
        by_themselves = {
            f"{module.name.rpartition('.')[2]}.{name}"
            for module in self._of(*DEVICE, "inventory")
            if not any(_imports(module, one) for one in (OUTBOX, *USED_BY))
            for node in module.tree.body
            for name in _defined(node)
        }
        own = [what for what, name in MECHANISMS.items() if name in by_themselves]
        return own + [OUTBOX] * (OUTBOX in self._modules)

    def places(self, what: str) -> set[str]:
        """The files that name the example of this sort."""
        wanted = re.compile(EXAMPLES[what], re.MULTILINE)
        found: set[str] = set()
        for path in (path for place in SEARCHED for path in _files(self._root / place, TEXTS)):
            name = path.relative_to(self._root).as_posix()
            if name.startswith(USES) or any(part in name for part in OF_TEXTS.get(what, ())):
                continue
            if wanted.search(" ".join(re.split(r"[/_]", name))) or wanted.search(path.read_text("utf-8")):
                found.add(name if what == "language" else _in_any_language(name))
        return found

    def crossing(self, above: str, below: str) -> list[tuple[str, str]]:
        """The import statements by which the one package imports the other: the module, and what it names first."""
        return [
            (module.name, named[0])
            for module in self._of(above)
            for named in module.imports
            if any(name == below or name.startswith(f"{below}.") for name in named)
        ]

    def api_of_console(self) -> list[tuple[str, str]]:
        """The import statements by which the API imports pages of the console."""
        return self.crossing("inventory.api", "inventory.console")

    def circles(self) -> list[list[str]]:
        """The sets of modules that import one another in a circle."""
        inside = {module.name for module in self._of(*DEVICE, "inventory", "lab")}
        graph = {
            name: {to for named in self._modules[name].imports for to in self._meant(named) if to in inside - {name}}
            for name in inside
        }
        return [sorted(circle) for circle in _strongly_connected(graph) if len(circle) > 1]

    def _meant(self, named: tuple[str, ...]) -> Iterator[str]:
        """The modules that an import statement loads; a package only where a name is defined in it itself."""
        package, *names = named
        yield from (name for name in names if name in self._modules)
        if not names or any(name not in self._modules for name in names):
            yield package

    def _private_words(self) -> int:
        return sum(
            name.strip("_") in PRIVATE_WORDS
            for module in self._of(*DEVICE, "inventory", "lab")
            for name in module.functions()
        )

    def _of(self, *packages: str) -> list[Module]:
        return [
            module
            for name, module in self._modules.items()
            if any(name == package or name.startswith(f"{package}.") for package in packages)
        ]

    def _length(self, *packages: str) -> int:
        return sum(_length(module.text) for module in self._of(*packages))

    def _module(self, path: Path) -> Module:
        parts = path.relative_to(self._root).with_suffix("").parts
        parts = parts[parts[0] == "protocol" :]  # that folder holds a package, and is none
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return Module(name, path, path.read_text("utf-8"))


def _files(place: Path, suffixes: Iterable[str]) -> list[Path]:
    found = [place] if place.is_file() else sorted(place.rglob("*"))
    return [path for path in found if path.suffix in suffixes and path.is_file()]


def _length(text: str) -> int:
    return text.count("\n")


def _imports(module: Module, name: str) -> bool:
    return any(name in named for named in module.imports)


def _in_any_language(name: str) -> str:
    return re.sub(r"(?<=[/_])[a-z]{2}(?=\.toml$|/)", "*", name)


def _strongly_connected(graph: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """Kosaraju's algorithm: what reaches one another, by the order in which a search leaves the nodes."""
    order: list[str] = []
    backwards: dict[str, set[str]] = defaultdict(set)
    for source, targets in graph.items():
        for target in targets:
            backwards[target].add(source)
    seen: set[str] = set()
    for start in graph:
        order += _left(graph, start, seen)
    seen.clear()
    for start in reversed(order):
        if circle := set(_left(backwards, start, seen)):
            yield circle


def _left(graph: Mapping[str, set[str]], start: str, seen: set[str]) -> list[str]:
    """What is newly reached from here, in the order in which a depth-first search leaves it."""
    if start in seen:
        return []
    seen.add(start)
    order, path = [], [(start, iter(sorted(graph.get(start, ()))))]
    while path:
        node, targets = path[-1]
        target = next((one for one in targets if one not in seen), None)
        if target is None:
            order.append(node)
            path.pop()
        else:
            seen.add(target)
            path.append((target, iter(sorted(graph.get(target, ())))))
    return order


def _printed(lines: Iterable[Line]) -> str:
    def figure(value: int | None) -> str:
        return "-" if value is None else f"{value:,}"

    head = f"{'':52}{'579c0574':>10}{'by this rule':>14}{'goal':>8}{'today':>8}"
    rows = (
        f"{line.name:52}{figure(line.reviewed):>10}{figure(line.then):>14}{figure(line.goal):>8}{figure(line.today):>8}"
        for line in lines
    )
    return "\n".join((head, *rows))


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.count",
        description="How large the project is, and how it is coupled.",
        epilog=HOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--root", type=Path, default=HERE, help="count this checkout instead of the one it lies in")
    parser.add_argument("--json", action="store_true", help="print JSON, one object for each line of the table")
    asked = parser.parse_args(arguments)
    lines = list(Count(asked.root).lines())
    print(json.dumps([asdict(line) for line in lines], indent=2) if asked.json else _printed(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
