"""Measures the duration of readbacks: `python -m lab.scribe.readbacks [--entries N] [--seed S] [--pace P]`.

Pallets as the scribe dictates them, the same with an SSCC each, shelf counts, and random entries of each shipped form
are worded in each language and spoken by espeak-ng, clause by clause as an agent does. The seconds up to the last word
count.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from statistics import median, quantiles

import typer

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form, Gs1
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.sentences import sample_value
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.records import FieldValue
from edge.records import SAMPLE_RATE
from edge.records.speech import Prompt, Say, Terms
from edge.speak.synthesis import BREATHS_MS, ClauseCache
from edge.speak.voices import EspeakVoice
from edge.speak.wording import ABBREVIATED, Phrasing
from lab.scribe.shift import generate_loads

_NORMAL_S = 3.5  # Limit of the median: at 40 pallets a trailer, half a second more is a minute.

_Entries = Sequence[Mapping[str, FieldValue]]


async def _readback_seconds(form: Form, language: str, entries: _Entries, pace: float, random: Random) -> list[float]:
    """The duration of each entry's readback in seconds."""
    phrasing, phrases = Phrasing(form, language), ClauseCache(EspeakVoice, language)
    breath = BREATHS_MS["."] / 1000  # the pause after the last word delays no one
    terms = [_terms(form, entry, language, random) for entry in entries]
    spoken = [
        phrasing.clauses(Say(Prompt.READBACK, one, terms=entry_terms))
        for one, entry_terms in zip(entries, terms, strict=True)
    ]
    return [
        sum([len(await phrases.synthesise(one, pace)) for one in clauses]) / SAMPLE_RATE - breath for clauses in spoken
    ]


def _terms(form: Form, entry: Mapping[str, FieldValue], language: str, random: Random) -> Terms:
    """The words of an entry's readback: each count with one of its spoken units, and the last digits of an SSCC."""
    keys = frozenset(name for name, one in entry.items() if isinstance(one, str) and Gs1.SSCC.is_valid(one))
    words = {name: [one for one in form[name].wording(language).units if len(one) > ABBREVIATED] for name in entry}
    return Terms({name: {entry[name]: fold(random.choice(units))} for name, units in words.items() if units}, keys)


def _random_entries(form: Form, catalogue: Catalogue, entries: int, random: Random) -> _Entries:
    return [
        {one.name: sample_value(one, catalogue, random) for one in form.fields if one.required} for _ in range(entries)
    ]


async def main() -> None:
    """Print the table for the docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100, help="of each form in each language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float, default=1.0, help="times the usual one")
    options = parser.parse_args()
    catalogue = Catalogue.load(shipped_directory("config") / "catalogue")
    forms, random = load_forms(shipped_directory("schemas") / "forms"), Random(options.seed)  # noqa: S311 - chance, not secrecy
    move, count = forms["pallet-move"], forms["stock-count"]
    pallets = [one.fields() for one in generate_loads(options.entries, random)]
    shelves = _random_entries(count, catalogue, options.entries, random)
    read: list[tuple[str, Form, _Entries]] = [
        ("a trailer's pallets", move, pallets),
        ("the same, an SSCC each", move, [{**one, "pallet_id": Gs1.SSCC.sample(random)} for one in pallets]),
        (
            "counts of as many at a shelf",
            count,
            [{**at, "quantity": one["quantity"]} for at, one in zip(shelves, pallets, strict=True)],
        ),
    ]
    read += [
        (f"any `{name}`", form, _random_entries(form, catalogue, options.entries, random))
        for name, form in forms.items()
    ]
    typer.echo("| seconds to the last word | language | median | 95 % |\n|---|---|---|---|")
    for name, form, entries in read:
        for language in LANGUAGES:
            taken = await _readback_seconds(form, language, entries, options.pace, random)
            late = "" if median(taken) <= _NORMAL_S else " (over)"
            typer.echo(f"| {name} | {language} | {median(taken):.2f}{late} | {quantiles(taken, n=20)[-1]:.2f} |")


if __name__ == "__main__":
    asyncio.run(main())
