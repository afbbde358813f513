"""Plays conversations and scores them: `python -m tests.conversations [FILE ...]`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.conversations.scoring import HERE, Score, play, read, score


def format_scores(scores: Sequence[Score]) -> str:
    """Each conversation with what differs, then the figures of all."""
    lines = []
    for one in scores:
        verdict = "lost" if one.lost else "wrong" if one.wrong else "as a clerk" if one.as_a_clerk else "short"
        if one.lost and one.wrong:
            verdict = "lost and wrong"
        if not one.judged and verdict in {"as a clerk", "short"}:
            verdict = "lawful"
        asks = "" if one.asks is None else f", a clerk {one.asks}"
        lines.append(f"{one.name:8} {verdict:15} {one.questions} questions{asks}")
        for kind in ("lost", "wrong", *(("short", "untold") if one.judged else ())):
            lines += [f"    {kind:7} {what}" for what in getattr(one, kind)]
    judged = [one for one in scores if one.judged]
    known = [one for one in scores if one.asks is not None]
    clerk = sum(one.as_a_clerk for one in judged)
    lines += [
        "",
        f"conversations {len(scores)}, of which {len(judged)} are judged as a clerk's",
        f"lost          {sum(len(one.lost) for one in scores)} in {sum(bool(one.lost) for one in scores)}",
        f"wrong         {sum(len(one.wrong) for one in scores)} in {sum(bool(one.wrong) for one in scores)}",
        f"untold        {sum(len(one.untold) for one in judged)}",
        f"as a clerk    {clerk} of {len(judged)}, {100 * clerk / max(1, len(judged)):.0f} %",
        f"questions     {sum(one.questions for one in scores)}",
        f"  of which    {sum(one.questions for one in known)} where a clerk asks {sum(one.asks or 0 for one in known)}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Play and score."""
    parser = argparse.ArgumentParser("python -m tests.conversations", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="JSON lines; default: all here")
    try:
        conversations = read(parser.parse_args().files or sorted(HERE.glob("*.jsonl")))
    except (OSError, ValueError) as fault:
        parser.error(str(fault))
    print(format_scores([score(*pair) for pair in zip(conversations, play(conversations), strict=True)]))


if __name__ == "__main__":
    main()
