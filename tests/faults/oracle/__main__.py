"""`python -m tests.faults.oracle`: every scenario, one line each with its counts; unless told, at its full length.

Exit code 1 if anything was lost, applied twice, altered or out of order. Whatever chance decides comes from --seed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.faults.oracle.run import Played, Scenario
from tests.faults.oracle.scenarios import SCENARIOS
from tests.tiers import SEED

SIDE_BY_SIDE = 3  # Scenarios at one time: much of each is waiting.


def main() -> int:
    """Play what the command line asks for; the exit code."""
    asked = _arguments()
    chosen = [each for each in SCENARIOS if each.name in asked.scenario]
    with ThreadPoolExecutor(asked.jobs) as stages:
        playing = [stages.submit(_play, each, asked.seed, share=asked.share) for each in chosen]
        exact = [one.result() for one in as_completed(playing)]
    print(f"{sum(exact)} of {len(exact)} scenarios: nothing lost, nothing twice; seed {asked.seed}")
    return 0 if all(exact) else 1


def _play(scenario: Scenario, seed: int, *, share: float) -> bool:
    """Play one scenario and print its line; whether the inventory equalled the ledger."""
    directory = Path(tempfile.mkdtemp(prefix=f"dockvoice-oracle-{scenario.name}-"))
    played = scenario.played(directory, seed, share=share, tell=lambda so_far: _progress(scenario, so_far))
    if played.exact:
        shutil.rmtree(directory)
        print(played, flush=True)
    else:
        again = f"python -m tests.faults.oracle {scenario.name} --seed {seed} --share {share:g}"
        print(f"{played}\n    again: {again}    its files: {directory}\n{_why(played)}", flush=True)
    return played.exact


def _why(played: Played) -> str:
    return played.found if isinstance(played.found, str) else ""


def _progress(scenario: Scenario, so_far: str) -> None:
    if sys.stderr.isatty():
        print(f"{scenario.name:27}{so_far:>9} {scenario.what}\x1b[K", end="\r", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.oracle", description=__doc__)
    names = [each.name for each in SCENARIOS]
    parser.add_argument("scenario", nargs="*", default=names, help=f"which ones; unset: all ({', '.join(names)})")
    parser.add_argument("--seed", type=int, default=SEED, help="of all that is left to chance")
    parser.add_argument("--share", type=float, default=1.0, help="of the full length; 0: the short forms")
    parser.add_argument("--jobs", type=int, default=SIDE_BY_SIDE, help="how many at one time")
    asked = parser.parse_args()
    if unknown := set(asked.scenario) - set(names):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
