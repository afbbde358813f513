"""Forms and catalogues, each read once: both are frozen, and what is made of one for reading serves every test of it.

A form is compared by identity, so that one loaded anew has its phrases and its model made anew, too.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from edge.forms.catalogue import Catalogue
from edge.forms.loader import SUFFIX, load_form
from edge.forms.model import Form

ROOT = Path(__file__).parent.parent
FORMS = [path.name.removesuffix(SUFFIX) for path in sorted((ROOT / "schemas" / "forms").glob(f"*{SUFFIX}"))]
"""The names of those that come with the program, in the order of their files."""


@cache
def form_in(path: Path) -> Form:
    """The form of that file."""
    return load_form(path)


@cache
def catalogue_in(directory: Path) -> Catalogue:
    """All that is known to exist by that directory."""
    return Catalogue.load(directory)


def form(name: str = "pallet-move") -> Form:
    """One that comes with the program, by its name."""
    return form_in(ROOT / "schemas" / "forms" / f"{name}.schema.json")


def catalogue() -> Catalogue:
    """All that is known to exist, as shipped."""
    return catalogue_in(ROOT / "config" / "catalogue")
