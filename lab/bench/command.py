"""What the benchmarks' commands share: their options, the product's results for their clips, and what they print."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.config import Settings
from lab.evaluate import ClipSource, evaluate
from lab.report.comparing import Table, to_markdown
from lab.report.lines import ClipLine, build_line, write_lines
from lab.scoring import Mark

REPOSITORY = Path(__file__).parents[2]


def make_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of the options of `python -m lab.bench.MODULE`."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def evaluate_sources(settings: Settings, sources: Sequence[ClipSource]) -> tuple[ClipLine, ...]:
    """Run the clips through the product; return the line of each."""
    return tuple(build_line(one.result) for one in asyncio.run(evaluate(settings, sources, lambda: None)))


def print_tables(*tables: Table) -> None:
    """Print the tables as Markdown."""
    print("\n".join(map(to_markdown, tables)), flush=True)


def print_results(lines: Sequence[ClipLine], details: Path | None, *tables: Table) -> None:
    """Print the tables, and on standard error each clip that was not right; with `details`, write a line of each."""
    if details is not None:
        write_lines(details, lines)
    print_tables(*tables)
    print("\n".join(describe_failures(lines)), file=sys.stderr, flush=True)


def describe_failures(lines: Sequence[ClipLine]) -> Iterator[str]:
    """Yield each clip that was not right, with the recognised words."""
    for one in lines:
        if one.mark is not Mark.RIGHT:
            yield f"{one.mark} ({one.form}, {one.condition}, {one.speaker}): {one.text}"
            for each in one.heard:
                yield f"    {each.transcript}  {each.verdict} {each.ask or ''} {' '.join(each.reasons)}"
                yield f"    { ({name: (read.value, read.confidence) for name, read in each.readings.items()}) }"
