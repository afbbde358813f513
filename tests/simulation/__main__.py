"""One run again, as a test named it: `python -m tests.simulation SEED`, with every commit as it happened."""

from __future__ import annotations

import sys

from tests.simulation.run import Wrong, simulate

if __name__ == "__main__":
    try:
        ended = simulate(int(sys.argv[1]))
    except Wrong as fault:
        sys.exit(str(fault))
    for at, what, number in ended.trace:
        print(f"{at:10.3f} s  {what:10} {number}")
    print(f"{ended.said} entries in {ended.seconds:.0f} s: nothing lost, nothing twice")
