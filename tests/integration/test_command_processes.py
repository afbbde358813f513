"""Processes of their own: what a command imports, what another one kept for it, and output that nobody takes."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle, product
from pathlib import Path

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from edge.keep.journal import Journal
from edge.understand.local.factory import load_sentences
from tests.shipped import ROOT
from tests.tiers import sized

DISK = 74

HEAVY = {
    *("vosk", "pocketsphinx", "numpy", "soundfile", "soxr", "paho", "httpx", "requests", "biip", "jsonschema"),
    *("cryptography", "pydantic", "sqlite_utils"),
}
"""What takes longer to import than to list commands, and what is needed for other commands only."""


def loaded(*arguments: str) -> set[str]:
    """The modules that the command has imported when it ends."""
    program = """
import sys
from dockvoice_protocol.command import main
sys.argv = ["dockvoice", *sys.argv[1:]]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stderr.split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_to_list_commands_imports_none(arguments: tuple[str, ...]) -> None:
    found = loaded(*arguments)
    assert not found & HEAVY
    ours = {name for name in found if name.partition(".")[0] in {"dockvoice_protocol", "edge", "inventory"}}
    used = ("command", "errors", "terminal", "terminal.plain_text")
    assert ours == {"dockvoice_protocol", *(f"dockvoice_protocol.{name}" for name in used)}


def test_to_look_into_the_queue_imports_no_agent(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    found = loaded("queue", "list", "--state", str(tmp_path))
    rooms = {name.split(".")[1] for name in found if name.startswith("edge.")}
    assert rooms <= {"cli", "config", "keep", "records"}
    assert not found & (HEAVY - {"cryptography", "pydantic"})


def test_the_help_loads_no_database() -> None:
    without = "import sys; sys.modules['sqlalchemy'] = None; from inventory.cli.main import commands; commands()"
    helped = subprocess.run([sys.executable, "-c", without, "--help"], capture_output=True, text=True, check=False)
    assert helped.returncode == 0, helped.stderr


LINES = ("forms list", "queue list --state {tmp}/state", "inventory keys list --json", "--help")
OUTS = ("/dev/full", "closed", "hung up")


@pytest.mark.parametrize(
    ("line", "out"), sized(test=list(zip(LINES, cycle(OUTS), strict=False)), nightly=list(product(LINES, OUTS)))
)
def test_an_output_that_takes_nothing_is_no_traceback(line: str, out: str, tmp_path: Path) -> None:
    Journal.open(tmp_path / "state").close()
    command = [sys.executable, "-m", "edge", *line.format(tmp=tmp_path).split()]
    where = {"/dev/full": ">/dev/full", "closed": ">&-", "hung up": "| true"}[out]
    ended = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {where}', "-", *command], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode in {0, 1, DISK, 141}


def test_another_process_finds_the_sentences_that_were_sampled(
    form: Form, catalogue: Catalogue, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from edge.config import Settings\n"
        "from dockvoice_protocol.config import load_settings\n"
        "from dockvoice_protocol.forms.catalogue import Catalogue\n"
        "from dockvoice_protocol.forms.loader import load_forms\n"
        "from edge.understand.local.factory import load_sentences; given = load_settings(Settings, None)\n"
        "form = load_forms(given.forms_directory)['pallet-move']\n"
        "load_sentences(Path(sys.argv[1]), form, Catalogue.load(given.catalogue_directory), ('maria', 'ben'))"
    )
    for seed in ("1", "2"):  # what is hashed has no order of its own
        subprocess.run(
            [sys.executable, "-c", program, tmp_path], check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
    load_sentences(tmp_path, form, catalogue, ("maria", "ben"))
    assert len(list(tmp_path.iterdir())) == 1
