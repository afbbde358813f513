"""The form and the catalogue that come with the program and that most tests need. Both are frozen: one serves all."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from edge.forms.catalogue import Catalogue
from edge.forms.loader import load_form
from edge.forms.model import Form

ROOT = Path(__file__).parent.parent


@cache
def form() -> Form:
    """`pallet-move`."""
    return load_form(ROOT / "schemas" / "forms" / "pallet-move.schema.json")


@cache
def catalogue() -> Catalogue:
    """All that is known to exist."""
    return Catalogue.load(ROOT / "config" / "catalogue")
