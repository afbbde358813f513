"""Forms and catalogues, each read once: both are frozen, and what is made of one for reading serves every test of it.

A form is compared by identity, so that one loaded anew has its phrases and its model made anew, too.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from edge.forms import loader
from edge.forms.catalogue import Catalogue
from edge.forms.loader import SUFFIX, load_form
from edge.forms.model import Form

ROOT = Path(__file__).parent.parent
FORMS = [path.name.removesuffix(SUFFIX) for path in sorted((ROOT / "schemas" / "forms").glob(f"*{SUFFIX}"))]
"""The names of those that come with the program, in the order of their files."""


def read_once(patched: pytest.MonkeyPatch) -> None:
    """A form's file gives the same form whoever loads it, as long as it holds the same, and so do catalogues.

    Commands and settings are tried by the hundred, and each would have the words of all forms made anew.
    """
    load = Catalogue.load

    @cache
    def loaded(directory: Path, held: tuple[tuple[str, bytes], ...]) -> Catalogue:
        return load(directory)

    def load_once(directory: Path) -> Catalogue:
        files = sorted(path for path in directory.glob("*.csv") if path.is_file())
        return loaded(directory, tuple((path.name, path.read_bytes()) for path in files))

    patched.setattr(loader, "_form", cache(loader._form))
    patched.setattr(Catalogue, "load", load_once)


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
