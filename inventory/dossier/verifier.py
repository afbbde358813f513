"""The stand-alone verifier of dossiers: a zipapp of the modules that it needs, which any Python from 3.11 on runs.

`make verifier` writes docs/verify_dossier.pyz with `python -m inventory.dossier.verifier FILE`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import rfc8785

import dockvoice_protocol
import inventory
from inventory.verify_dossier import pack

_MAIN = b"import sys\n\nfrom inventory.verify_dossier import main\n\nsys.exit(main(sys.argv[1:]))\n"

_OURS = (inventory, "verify_dossier"), (dockvoice_protocol, "ed25519", "trailer_count")
_THEIRS = ((rfc8785, "_impl"),)
"""Packages, and what the verifier imports of them; each needs the standard library alone."""


def build_verifier() -> bytes:
    """Build the zipapp; equal modules give equal bytes."""
    files = {"__main__.py": _MAIN}
    for package, *modules in (*_OURS, *_THEIRS):
        folder = Path(str(package.__file__)).parent
        for name in ("__init__", *modules):
            files[f"{package.__name__}/{name}.py"] = (folder / f"{name}.py").read_bytes()
    return pack(files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m inventory.dossier.verifier", description="Build the zipapp.")
    parser.add_argument("file", type=Path, help="What is to be made: docs/verify_dossier.pyz.")
    parser.parse_args().file.write_bytes(build_verifier())
