"""What pages of docs/ say: blocks to type, calls of `dockvoice` in them, and the columns that no audit covers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}.*|[ ]*)\n)*^ {4}.*\n", re.MULTILINE)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of code."""

    page: str
    heading: str  # Of the chapter in which it stands.
    kind: str  # What stands behind its fence: `sh`, `toml`; empty for an indented one.
    text: str


def fenced(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, _heading(text, found.start()), found["kind"], _dedented(found["text"], len(found["indent"])))
        for found in _FENCED.finditer(text)
    ]


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, indented ones too."""
    text = page.read_text(encoding="utf-8")
    bare = _FENCED.sub(lambda found: "\n" * found[0].count("\n"), text)
    indented = [
        Block(page.name, _heading(bare, found.start()), "", _dedented(found[0], 4))
        for found in _INDENTED.finditer(bare)
    ]
    return [*fenced(page), *indented]


def called(block: Block) -> Iterator[list[str]]:
    """What stands behind each `dockvoice` that the block calls, whoever does, up to where the shell goes on."""
    for line in _lines(block):
        words = _words(line)
        for at, word in enumerate(words):
            if word.rpartition("/")[2] == "dockvoice" and _begins(words[:at]):
                end = next((n for n, one in enumerate(words[at:], at) if set(one) <= set("<>|&;()")), len(words))
                yield words[at + 1 : end]


def _lines(block: Block) -> Iterator[str]:
    """Its lines without those that are fed to a command; those that go on are one."""
    fed: str | None = None
    for line in block.text.replace("\\\n", " ").splitlines():
        if fed is not None:
            fed = None if line == fed else fed
            continue
        heredoc = re.search(r"<<-?'?(\w+)'?", line)
        fed = heredoc[1] if heredoc else None
        yield line


def _words(line: str) -> list[str]:
    """As a shell splits it; nothing where it is no shell's."""
    if "dockvoice" not in line:
        return []
    split = shlex.shlex(line, posix=True, punctuation_chars=True)
    split.whitespace_split = True
    try:
        return list(split)
    except ValueError:
        return []


def _begins(before: Sequence[str]) -> bool:
    """Whether a program's name may stand behind these words: they set variables, or have another user run it."""
    rest = list(before)
    while rest and "=" in rest[-1]:
        rest.pop()
    if rest and rest[-1] == "env":
        rest.pop()
    if rest and rest[-1] == "--":
        return rest[:1] == ["runuser"]
    return not rest or set(rest[-1]) <= set("|&;(")


def _heading(text: str, at: int) -> str:
    return next((found[1] for found in reversed(list(_HEADING.finditer(text[:at])))), "")


def _dedented(text: str, by: int) -> str:
    return "".join(line[by:] if line[:by].isspace() else line for line in text.splitlines(keepends=True))


_ROW = re.compile(r"\| `(\w+)` \| (.+?) \|")
_NAME = re.compile(r"`(\w+)`")


def audit_page(repository: Path, heading: str) -> dict[str, set[str]]:
    """The columns that the page lists under this heading, by table."""
    page = (repository / "docs" / "audit.md").read_text(encoding="utf-8")
    section = page.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    listed: dict[str, set[str]] = {}
    for table, columns in _ROW.findall(section):
        listed.setdefault(table, set()).update(_NAME.findall(columns))
    return listed
