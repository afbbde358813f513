"""A mutation score: of small faults put into the code, the share that the tests of TIER=quick find.

    python -m tests.mutation --out FILE                    a random sample, the same for the same code and seed
    python -m tests.mutation --again FILE --out FILE       the mutants of an earlier run, as far as their code is there
    python -m tests.mutation --compare FILE FILE           two runs, side by side

It works in a copy of the tree. Coverage of one run of all tests tells which tests reach a line. Then each mutant is
written into the copy, and the tests nearest to it are run until one fails or their time is up.

mutmut 3 would run every test that reaches a function (thousands for the grammar), removes no statement, and knows a
module only by its path from the root, which that of `protocol/` is not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage, CoverageData

from tests.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = "protocol/dockvoice_protocol"
GROUPS = {
    "agree": ("edge/agree",),
    "keep": ("edge/keep",),
    "deliver": ("edge/deliver",),
    "protocol": (PROTOCOL,),  # without the next
    "forms": (f"{PROTOCOL}/forms",),
}
FOLDERS = ("tests/unit", "tests/property", "tests/playbook")
IDENTITY = ("file", "function", "operator", "text", "was", "becomes", "nth")
"""What names a mutant in the files of results."""

AT_LINE_S, BESIDE_S = 20.0, 5.0
"""Tests that reach the changed line are run for so long by their own time, and others of its function and file."""
PATIENCE, GRACE_S = 3.0, 15.0  # A mutant that takes so much longer than its tests took, and this beside, hangs.
ALIKE = 0.75  # So much of a changed line must have stayed the same to be taken for the line of an earlier run.

Result = dict[str, Any]

# ---- in pytest's process: what each test reaches, or which tests are run ----

_REACHED, _CHOSEN = "MUTATION_REACHED", "MUTATION_CHOSEN"


class Reached:
    """Plug-in: records lines, outcome and duration of each test."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "tests.json"
        self._coverage = Coverage(data_file=directory / "coverage", include=["edge/*", f"{PROTOCOL}/*"])
        self._tests: dict[str, float | None] = {}
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record each test's lines apart."""
        self._coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the time of a test; None for one that fails, or is left out, on unchanged code."""
        so_far = self._tests.get(report.nodeid, 0.0)
        fits = report.passed and not hasattr(report, "wasxfail") and so_far is not None
        self._tests[report.nodeid] = (so_far or 0.0) + report.duration if fits else None

    def pytest_sessionfinish(self) -> None:
        """Write it."""
        self._coverage.stop()
        self._coverage.save()
        self._file.write_text(json.dumps(self._tests), encoding="utf-8")


class Chosen:
    """Plug-in: runs the tests of a list, in the order of their files there."""

    def __init__(self, file: Path) -> None:
        self._turn = {nodeid: at for at, nodeid in enumerate(file.read_text(encoding="utf-8").splitlines())}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the others. A file's tests stay together, so that their fixtures are set up once."""
        first: dict[Path, int] = {}
        chosen = sorted((item for item in items if item.nodeid in self._turn), key=lambda item: self._turn[item.nodeid])
        for item in chosen:
            first.setdefault(item.path, len(first))
        items[:] = sorted(chosen, key=lambda item: first[item.path])


def pytest_configure(config: pytest.Config) -> None:
    """As a plug-in, be one of these."""
    if directory := os.environ.get(_REACHED):
        config.pluginmanager.register(Reached(Path(directory)))
    if file := os.environ.get(_CHOSEN):
        config.pluginmanager.register(Chosen(Path(file)))


# ---- the copy, and pytest in it ----


class Copy:
    """A copy of the working tree, and what its tests reach."""

    def __init__(self, directory: Path) -> None:
        self._tree, self._notes = directory / "tree", directory / "notes"
        self._notes.mkdir()
        shutil.copytree(ROOT, self._tree, ignore=shutil.ignore_patterns(".*", "__pycache__", "node_modules"))
        self._lines: dict[str, dict[int, set[str]]] = {}
        self.seconds: dict[str, float] = {}
        self._breadth: Counter[str] = Counter()

    def measure(self) -> None:
        """Run every test once under coverage."""
        self._pytest(FOLDERS, {_REACHED: str(self._notes)}, timeout=3600)
        told = json.loads((self._notes / "tests.json").read_text(encoding="utf-8"))
        self.seconds = {nodeid: seconds for nodeid, seconds in told.items() if seconds is not None}
        data = CoverageData(str(self._notes / "coverage"))
        data.read()
        for path in data.measured_files():
            lines = {line: set(tests) & self.seconds.keys() for line, tests in data.contexts_by_lineno(path).items()}
            self._lines[Path(path).relative_to(self._tree).as_posix()] = lines
            for tests in lines.values():
                self._breadth.update(tests)

    def nearest(self, mutant: Mutant) -> tuple[list[str], list[str]]:
        """Tests to try it with: those of its line, first those that reach little else, and others near it."""
        reached = self._lines.get(mutant.file, {})
        at_line = set().union(*(reached.get(line, ()) for line in mutant.lines))
        in_function = set().union(*(reached.get(line, ()) for line in mutant.function_lines)) - at_line
        in_file = set().union(*reached.values()) - at_line - in_function
        beside = [*self._narrow_first(in_function), *self._narrow_first(in_file)]
        return list(self._within(AT_LINE_S, self._narrow_first(at_line))), list(self._within(BESIDE_S, beside))

    def _narrow_first(self, tests: set[str]) -> list[str]:
        return sorted(tests, key=lambda nodeid: (self._breadth[nodeid], nodeid))

    def _within(self, seconds: float, tests: Sequence[str]) -> Iterator[str]:
        for nodeid in tests:
            if (seconds := seconds - self.seconds[nodeid]) < 0:
                return
            yield nodeid

    def fate(self, mutant: Mutant, before: str | None = None) -> Result:
        """Whether tests find it, and which one did. The one that did `before` is run first, however far it is."""
        path, (at_line, beside) = self._tree / mutant.file, self.nearest(mutant)
        stat, began = path.stat(), time.monotonic()
        unchanged = path.read_bytes()
        path.write_bytes(mutant.applied(unchanged))
        try:
            earlier = [before] if before in self.seconds else []
            fate, killer = self._run(list(dict.fromkeys([*earlier, *at_line, *beside])))
        finally:
            path.write_bytes(unchanged)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # its byte code is good again
        if fate == "survived" and not at_line:
            fate = "unreached"
        took = round(time.monotonic() - began, 1)
        return {"fate": fate, "killer": killer, "tests": [len(at_line), len(beside)], "seconds": took}

    def failing(self, tests: Sequence[str]) -> set[str]:
        """Those of the tests that fail on unchanged code where only these are run."""
        left, failing = list(dict.fromkeys(tests)), set[str]()
        while left:
            _, killer = self._run(left)
            if killer is None:
                break
            failing.add(killer)
            left.remove(killer)
        return failing

    def _run(self, tests: Sequence[str]) -> tuple[str, str | None]:
        if not tests:
            return "survived", None
        chosen = self._notes / "chosen.txt"
        chosen.write_text("\n".join(tests), encoding="utf-8")
        limit = GRACE_S + PATIENCE * sum(self.seconds[nodeid] for nodeid in tests)
        files = list(dict.fromkeys(nodeid.partition("::")[0] for nodeid in tests))
        code, output = self._pytest(files, {_CHOSEN: str(chosen)}, timeout=limit)
        if code == pytest.ExitCode.OK:
            return "survived", None
        failed = [line.split(" ", 1)[1].partition(" - ")[0] for line in output if line.startswith(("FAILED", "ERROR"))]
        return ("timeout" if code is None else "killed"), (failed[0] if failed else None)

    def _pytest(
        self, files: Sequence[str], told: Mapping[str, str], *, timeout: float
    ) -> tuple[int | None, Sequence[str]]:
        """Pytest's exit code, None where it took too long, and its output."""
        options = ["-x", "-q", "--no-header", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "tests.mutation"]
        if _REACHED in told:
            options.remove("-x")
        paths = os.pathsep.join([str(self._tree), str(self._tree / "protocol")])
        # Byte code is told apart by size and second: that of a mutant must not be taken for the next one's.
        byte_code = {} if _REACHED in told else {"PYTHONDONTWRITEBYTECODE": "1"}
        own = {"TIER": "quick", "SOUND": "none", "PYTHONPATH": paths, **byte_code, **told}
        command = [sys.executable, "-m", "pytest", *options, *files]
        with subprocess.Popen(
            command,
            cwd=self._tree,
            env=os.environ | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as running:
            try:
                output, _ = running.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                output, running.returncode = "", None
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
        return running.returncode, output.splitlines()


@contextmanager
def copied() -> Iterator[Copy]:
    """A copy, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
        yield Copy(Path(directory).resolve())


# ---- which mutants ----


def all_mutants() -> dict[str, list[Mutant]]:
    """Those of each group."""
    forms = GROUPS["forms"][0] + "/"
    found = defaultdict[str, list[Mutant]](list)
    for group, folders in GROUPS.items():
        files = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
        for path in files:
            file = path.relative_to(ROOT).as_posix()
            if group != "protocol" or not file.startswith(forms):
                found[group] += mutants_of(file, path.read_text(encoding="utf-8"))
    return found


def sample(per_group: int, seed: int) -> list[tuple[str, Mutant]]:
    """So many of each group, by turns, so that the first of them are a sample too."""
    drawn = {
        group: random.Random(f"{seed} {group}").sample(mutants, min(per_group, len(mutants)))
        for group, mutants in all_mutants().items()
    }
    return [(group, drawn[group][at]) for at in range(per_group) for group in drawn if at < len(drawn[group])]


def again(results: Sequence[Result]) -> list[tuple[str, Mutant | None, Result]]:
    """The mutants of an earlier run, None for one whose code is not found."""
    mutants = all_mutants()
    by_name = {tuple(getattr(one, name) for name in IDENTITY): one for group in mutants.values() for one in group}
    return [
        (
            result["group"],
            by_name.get(tuple(result[name] for name in IDENTITY)) or _much_like(result, mutants[result["group"]]),
            result,
        )
        for result in results
    ]


def _much_like(result: Result, mutants: Sequence[Mutant]) -> Mutant | None:
    """The same change, or one much like it, in a function of that name; in that file; then the same one anywhere."""
    change = [one for one in mutants if one.operator == result["operator"]]
    name = result["function"].rpartition(".")[2]
    for place in (
        [one for one in change if one.function.rpartition(".")[2] == name],
        [one for one in change if one.file == result["file"]],
        [one for one in change if (one.was, one.becomes) == (result["was"], result["becomes"])],
    ):
        texts = defaultdict[str, list[Mutant]](list)
        for one in place:
            texts[f"{one.text} # {one.was} # {one.becomes}"].append(one)
        wanted = f"{result['text']} # {result['was']} # {result['becomes']}"
        if near := get_close_matches(wanted, texts, n=1, cutoff=ALIKE):
            alike = texts[near[0]]
            return alike[min(int(result["nth"]), len(alike) - 1)]
    return None


# ---- the run, and what is shown of it ----


def run(mutants: Sequence[tuple[str, Mutant | None, Result]], out: Path, results: list[Result]) -> list[Result]:
    """Try each that has no result yet, and write the results as they come."""
    with copied() as copy:
        began = time.monotonic()
        copy.measure()
        print(f"{len(copy.seconds)} tests, in {time.monotonic() - began:.0f} s under coverage", flush=True)
        for group, mutant, before in mutants[len(results) :]:
            result = {"group": group, **{name: before[name] for name in IDENTITY if name in before}}
            if mutant is None:
                result |= {"fate": "gone", "killer": None, "tests": [0, 0], "seconds": 0}
            else:
                result |= {name: getattr(mutant, name) for name in IDENTITY} if not before else {}
                result |= {"now": f"{mutant.file}:{mutant.line}", **copy.fate(mutant, before.get("killer"))}
            results.append(result)
            print(_in_a_line(len(results), result), flush=True)
            out.write_text(json.dumps(results, indent=1), encoding="utf-8")
        for nodeid in copy.failing([result["killer"] for result in results if result["killer"] in copy.seconds]):
            print(f"fails on unchanged code too, by itself: {nodeid}")
            for result in results:
                if result["killer"] == nodeid:
                    result["fate"] = "unclear"
        out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return results


def _in_a_line(number: int, result: Result) -> str:
    place = result.get("now", result["file"])
    change = f"{result['operator']}: {result['was']} -> {result['becomes']}".replace("\n", " ")
    return f"{number:4} {result['fate']:9} {result['seconds']:5} s  {place} {result['function']}  {change[:160]}"


def scores(results: Sequence[Result]) -> str:
    """A table: for each group what became of its mutants, and the score with its interval."""
    rows = [f"{'':10}{'killed':>8}{'timeout':>9}{'survived':>10}{'unreached':>11}{'other':>7}   score (95 %)"]
    for group in (*GROUPS, "all"):
        fates = Counter(result["fate"] for result in results if group in {result["group"], "all"})
        found, missed = fates["killed"] + fates["timeout"], fates["survived"] + fates["unreached"]
        if not found + missed:
            continue
        low, high = wilson(found, found + missed)
        counted = f"{fates['killed']:8}{fates['timeout']:9}{fates['survived']:10}{fates['unreached']:11}"
        other = fates.total() - found - missed
        score = f"{found / (found + missed):.1%} ({low:.1%} to {high:.1%})"
        rows.append(f"{group:10}{counted}{other:7}   {score}")
    return "\n".join(rows)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The interval of a share, at 95 %."""
    z, share = 1.959964, hits / of
    middle, width = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - width) / (1 + z * z / of), (middle + width) / (1 + z * z / of)


def comparison(before: Sequence[Result], after: Sequence[Result]) -> str:
    """What changed, mutant by mutant, of those that both runs had."""
    later = {tuple(result[name] for name in IDENTITY): result for result in after}
    pairs = [(one, later[key]) for one in before if (key := tuple(one[name] for name in IDENTITY)) in later]
    clear = [(one, other) for one, other in pairs if {one["fate"], other["fate"]}.isdisjoint({"gone", "unclear"})]
    rows = ["before", scores([one for one, _ in clear]), "after", scores([other for _, other in clear])]
    rows.append(f"{len(pairs) - len(clear)} of {len(pairs)} are gone or unclear, and in neither table")
    for word, was, now in (("no longer found", FOUND, MISSED), ("found now", MISSED, FOUND)):
        changed = [
            other | {"was_killed_by": one["killer"]}
            for one, other in clear
            if one["fate"] in was and other["fate"] in now
        ]
        rows.append(f"{word}: {len(changed)}")
        rows += [f"{_in_a_line(at, one)}  (by {one['was_killed_by']})" for at, one in enumerate(changed, 1)]
    return "\n".join(rows)


FOUND, MISSED = {"killed", "timeout"}, {"survived", "unreached"}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--per-group", type=int, default=60, help="mutants of each group")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--again", type=Path, help="results of an earlier run, whose mutants are tried again")
    parser.add_argument("--out", type=Path, default=Path(".cache/mutation.json"), help="where the results are written")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="FILE", help="only compare two files of results")
    parser.add_argument(
        "--resume", action="store_true", help="go on with an interrupted run, whose results --out names"
    )
    given = parser.parse_args()
    if given.compare:
        print(comparison(*(json.loads(path.read_text(encoding="utf-8")) for path in given.compare)))
        return
    earlier = json.loads(given.again.read_text(encoding="utf-8")) if given.again else []
    drawn = again(earlier) if earlier else [(group, one, {}) for group, one in sample(given.per_group, given.seed)]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    results = run(drawn, given.out, json.loads(given.out.read_text(encoding="utf-8")) if given.resume else [])
    print(scores(results))
    if earlier:
        print(comparison(earlier, results))


if __name__ == "__main__":
    main()
