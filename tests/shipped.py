"""Forms and catalogues, each read once: both are frozen, and what is made of one for reading serves every test of it.

A form is compared by identity, so that one loaded anew has its phrases and its model made anew, too.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import inventory.forms
from dockvoice_protocol.forms import loader
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import SUFFIX, load_form
from dockvoice_protocol.forms.model import Form

ROOT = Path(__file__).parent.parent
FORMS = [path.name.removesuffix(SUFFIX) for path in sorted((ROOT / "schemas" / "forms").glob(f"*{SUFFIX}"))]
"""The names of those that come with the program, in the order of their files."""


def read_once(patched: pytest.MonkeyPatch) -> None:
    """A form's file gives the same form whoever loads it, as long as it holds the same; so do catalogues.

    Commands and settings are tried by the hundred, and each would have the words of all forms made anew.
    """
    load, load_inventory_form = Catalogue.load, inventory.forms._load_form

    @cache
    def catalogue_holding(directory: Path, _: tuple[tuple[Path, bytes | None], ...]) -> Catalogue:
        return load(directory)

    @cache
    def inventory_form_holding(path: Path, _: bytes | None) -> inventory.forms.Form:
        return load_inventory_form(path)

    def catalogue_once(directory: Path) -> Catalogue:
        return catalogue_holding(directory, tuple((path, _held(path)) for path in sorted(directory.glob("*.csv"))))

    patched.setattr(loader, "_parse_form", cache(loader._parse_form))
    patched.setattr(Catalogue, "load", catalogue_once)
    patched.setattr(inventory.forms, "_load_form", lambda path: inventory_form_holding(path, _held(path)))


def _held(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:  # which whoever loads it tells
        return None


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
