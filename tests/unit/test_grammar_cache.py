from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import sample_sentences, sentences_with_further_words
from dockvoice_protocol.forms.spoken.sentences import sample_replies
from dockvoice_protocol.plain_file import shipped_directory
from edge.understand.local import factory
from edge.understand.local.factory import load_sentences

NAMES = ("maria", "ben")

once = cache(partial(sample_sentences, count=200))
"""As many as show it; a device samples for most of a second. The same each time."""


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The forms for which sentences were sampled, not found."""
    forms: list[str] = []

    def counted(form: Form, catalogue: Catalogue) -> tuple[str, ...]:
        forms.append(form.name)
        return once(form, catalogue)

    monkeypatch.setattr(factory, "sample_sentences", counted)
    return forms


def test_what_was_kept_is_what_is_sampled(form: Form, catalogue: Catalogue, tmp_path: Path, sampled: list[str]) -> None:
    for names, made in (
        (None, once(form, catalogue)),
        (NAMES, (*once(form, catalogue), *sample_replies(form, catalogue, NAMES))),
    ):
        assert load_sentences(tmp_path, form, catalogue, names) == made
        assert load_sentences(tmp_path, form, catalogue, names) == made
    assert len(sampled) == len(list(tmp_path.iterdir())) == 2


def test_the_same_form_loaded_again_is_the_same(catalogue: Catalogue, tmp_path: Path, sampled: list[str]) -> None:
    (again := tmp_path / "forms").mkdir()
    shutil.copy(shipped_directory("schemas") / "forms" / "pallet-move.schema.json", again)
    for form in (load_forms(directory)["pallet-move"] for directory in (shipped_directory("schemas") / "forms", again)):
        _ = form.standing_form  # what is made of it later does not count
        load_sentences(tmp_path / "kept", form, catalogue, None)
    assert len(sampled) == 1


def changed(form: Form) -> Form:
    first, *others = form.fields
    return replace(form, fields=(replace(first, labels=(*first.labels, "skid")), *others))


@pytest.mark.parametrize(
    "other",
    [
        lambda form, catalogue: (changed(form), catalogue, NAMES),
        lambda form, catalogue: (replace(form, terminator="over"), catalogue, NAMES),
        lambda form, catalogue: (form, replace(catalogue, entries={**catalogue.entries, "more": {}}), NAMES),
        lambda form, catalogue: (form, catalogue, NAMES[:1]),
        lambda form, catalogue: (form, catalogue, None),
    ],
)
def test_what_is_made_of_something_else_has_another_name(
    form: Form,
    catalogue: Catalogue,
    tmp_path: Path,
    sampled: list[str],
    other: Callable[[Form, Catalogue], tuple[Form, Catalogue, tuple[str, ...] | None]],
) -> None:
    load_sentences(tmp_path, form, catalogue, NAMES)
    load_sentences(tmp_path, *other(form, catalogue))
    assert len(sampled) == 2


def test_a_damaged_file_is_made_anew(
    form: Form, catalogue: Catalogue, tmp_path: Path, sampled: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    made = load_sentences(tmp_path, form, catalogue, None)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    caplog.set_level(logging.INFO)
    for damaged in (b"", whole[:-1], whole.replace(b"dock", b"rock"), b"\xff" * 100):
        kept.write_bytes(damaged)
        assert load_sentences(tmp_path, form, catalogue, None) == made
        assert kept.read_bytes() == whole
    assert len(sampled) == 5
    assert caplog.text.count("is damaged; its sentences are sampled anew") == 4


@pytest.mark.usefixtures("sampled")
def test_a_directory_that_cannot_be_written_or_read_is_harmless(
    form: Form, catalogue: Catalogue, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    caplog.set_level(logging.INFO)
    assert load_sentences(in_the_way / "grammars", form, catalogue, None) == once(form, catalogue)
    assert "cannot be kept (Not a directory); its sentences are sampled at each start" in caplog.text


@pytest.mark.usefixtures("sampled")
def test_sentences_are_for_their_owner_only(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    load_sentences(tmp_path, form, catalogue, NAMES)
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("sampled")
def test_those_unused_for_longest_are_removed(form: Form, catalogue: Catalogue, tmp_path: Path) -> None:
    load_sentences(tmp_path, form, catalogue, None)
    (used,) = tmp_path.iterdir()
    for number in range(35):
        (tmp_path / f"old{number}").touch()
        os.utime(tmp_path / f"old{number}", (number, number))
    os.utime(used, (0, 0))
    load_sentences(tmp_path, form, catalogue, None)  # found, and so the last to go
    load_sentences(tmp_path, form, catalogue, NAMES)
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 32
    assert used.name in left
    assert left - {f"old{number}" for number in range(5, 35)} - {used.name}


def test_words_that_a_form_has_besides_its_own_are_expected_apart(catalogue: Catalogue) -> None:
    counting = load_forms(shipped_directory("schemas") / "forms")["cycle-count"]
    said = sentences_with_further_words(counting, catalogue)
    assert all(any(word in f" {one} " for one in said) for word in (" rack ", " nothing there ", " good ", " pcs "))
    assert not any("rack" in one.split() for one in sample_sentences(counting, catalogue, count=200))
