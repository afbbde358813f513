"""`python -m tests.faults.soak`: half an hour of steady load with a fault a minute, and what grew meanwhile.

Exit code 1 if a figure grew beyond its limit, or anything was lost, applied twice, altered or out of order.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.soak.soak import soak

PACE_S = 0.05  # The rest between two utterances: some fifteen a second; in half an hour a busy device's fortnight.


def main() -> int:
    """Soak as the command line asks; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pace", type=float, default=PACE_S, help="seconds between two utterances")
    parser.add_argument("--leak", action="store_true", help="plant a leak: the verdict must find it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dockvoice-soak-") as scratch:
        found = soak(Path(scratch), asked.minutes * 60, pace_s=asked.pace, leaking=asked.leak, tell=_progress)
    print(found)
    return 0 if found.tally.exact and not found.growing else 1


def _progress(so_far: str) -> None:
    if sys.stderr.isatty():
        print(f"{so_far}\x1b[K", end="\r", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
