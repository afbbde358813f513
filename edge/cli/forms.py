"""`dockvoice forms`: what can be dictated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from edge.agent.parts import form_named
from edge.cli.options import AsJson, Config, FormName, settings
from edge.cli.output import EXIT_CODES, line
from edge.console import show
from edge.forms.catalogue import Catalogue
from edge.forms.loader import forms_in, load_form
from edge.forms.model import Form
from edge.forms.spoken import LANGUAGES, read_transcript, sentences
from edge.forms.spoken import check as check_sayable
from edge.records import FieldReading
from edge.understand.llm.tool import tool_definition

NO_VALUE = "no value"

commands = typer.Typer(help="The forms that can be dictated.", no_args_is_help=True)


@commands.command("list", epilog=EXIT_CODES)
def forms_list(config: Config = None, as_json: AsJson = False) -> None:
    """The forms that can be dictated, and their fields."""
    found = forms_in(settings(config).forms_directory)
    table = Table("form", "title", "fields", box=SIMPLE_HEAD)
    for form in found.values():
        fields = [field.name for field in form.fields]
        if as_json:
            line(json.dumps({"name": form.name, "title": form.title, "fields": fields}))
        table.add_row(form.name, form.title, ", ".join(fields))
    if not as_json:
        show(table)


@commands.command("check", epilog=EXIT_CODES)
def forms_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="A form, a *.schema.json file.")],
    config: Config = None,
) -> None:
    """Check a form file: every keyword, label and spoken form.

    Its catalogues are taken from the settings' forms.catalogue: every value of theirs must be sayable and valid.
    """
    form = load_form(file)
    check_sayable(form, Catalogue.load(settings(config).catalogue_directory))
    line(f"{file}: form {form.name!r} can be dictated, with {', '.join(field.name for field in form.fields)}")


@commands.command("tool", epilog=EXIT_CODES)
def forms_tool(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `dockvoice forms list`.")],
    config: Config = None,
) -> None:
    """The form as the tool definition that a language model is given."""
    line(json.dumps(tool_definition(form_named(settings(config), name)), indent=2))


@commands.command("read", short_help="What a sentence says about each field of a form.", epilog=EXIT_CODES)
def forms_read(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="What was said, in words or figures, as a model would write it.")
    ],
    form: FormName = None,
    language: Annotated[str, typer.Option(metavar="TAG", help=f"Its language: {', '.join(LANGUAGES)}.")] = "en",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what a sentence says about each field of a form, and which words say it.

    A field with several values, or with none, is asked for.
    """
    chosen = settings(config, form=form)
    filled = form_named(chosen, chosen.forms.active)
    catalogue = Catalogue.load(chosen.catalogue_directory)
    try:
        readings = read_transcript(text, filled, catalogue, language)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--language") from None
    if as_json:
        line(json.dumps({name: _as_json(reading) for name, reading in readings.items()}, ensure_ascii=False))
    else:
        show(_table(filled, readings))


@commands.command("examples", epilog=EXIT_CODES)
def forms_examples(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `dockvoice forms list`.")],
    count: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many.")] = 10,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number, other sentences.")] = 1,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Sentences that operators may say for a form, and what each says."""
    chosen = settings(config)
    form, catalogue = form_named(chosen, name), Catalogue.load(chosen.catalogue_directory)
    check_sayable(form, catalogue)
    for sentence in islice(sentences(form, catalogue, Random(seed)), count):  # noqa: S311 - sampling, not secrecy
        fields = dict(sentence.fields)
        if as_json:
            line(json.dumps({"text": sentence.text, "fields": fields}))
        else:
            line(f"{sentence.text}  ->  {form.readback(fields)}")


def _table(form: Form, readings: Mapping[str, FieldReading]) -> Table:
    table = Table("field", "value", "words", "to be asked", box=SIMPLE_HEAD)
    for field in form.fields:
        reading = readings.get(field.name)
        if reading is None:
            table.add_row(field.name, "", "", "not said" if field.required else "")
        else:
            table.add_row(field.name, _told(reading), " ".join(reading.words), _question(form, field.name, reading))
    return table


def _told(reading: FieldReading) -> str:
    if reading.value is None:
        return NO_VALUE
    return " or ".join(str(value) for value in (reading.value, *reading.rivals))


def _question(form: Form, name: str, reading: FieldReading) -> str:
    if reading.value is None:
        return "the words make no one value"
    if reading.rivals:
        return "which of them"
    return "" if form[name].allows(reading.value) else "breaks a rule of the form"


def _as_json(reading: FieldReading) -> Mapping[str, Any]:
    return {"value": reading.value, "rivals": reading.rivals, "words": reading.words}
