"""`dockvoice forms`: what can be dictated."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table

from edge.agent.parts import form_named, rules
from edge.agree.decide import Rules
from edge.cli.options import AsJson, Config, FormName, settings
from edge.cli.output import EXIT_CODES, line
from edge.cli.present.parse import as_json as parse_json
from edge.cli.present.parse import drawn, parsed
from edge.cli.sayings import answers
from edge.cli.words import add_word, unknown
from edge.errors import ManyFaults, Misconfigured, UnreadableInput
from edge.forms.catalogue import Catalogue
from edge.forms.loader import forms_in, load_form
from edge.forms.model import Form
from edge.forms.spoken import LANGUAGES, read, sentences
from edge.forms.spoken import check as check_sayable
from edge.forms.spoken.language import language_named
from edge.forms.spoken.transcript import transcribed
from edge.records import FieldReading, written
from edge.terminal.tables import show
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


commands.command("unknown", short_help="Words that operators use and no form knows.", epilog=EXIT_CODES)(unknown)
commands.command("add-word", short_help="A form with one more word, tried on all of the journal.", epilog=EXIT_CODES)(
    add_word
)


@commands.command("check", epilog=EXIT_CODES)
def forms_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="A form, a *.schema.json file.")],
    config: Config = None,
) -> None:
    """Check a form file: every keyword, label and spoken form.

    Its catalogues are taken from the settings' forms.catalogue: every value of theirs must be sayable and valid. All
    that is wrong is told at once, a line each: file, place in it, what was found, what is allowed.
    """
    if not file.is_file():
        raise UnreadableInput(f"{file}: no such file; a form is a file named NAME.schema.json")
    try:
        form = load_form(file)
        check_sayable(form, Catalogue.load(settings(config).catalogue_directory))
    except ManyFaults as found:
        if len(found.faults) == 1:
            raise
        for fault in found.faults:
            line(f"{file}: {fault}")
        raise Misconfigured(f"{file}: {len(found.faults)} faults; how to write a form: schemas/README.md") from None
    line(f"{file}: form {form.name!r} can be dictated, with {', '.join(field.name for field in form.fields)}")


@commands.command("tool", epilog=EXIT_CODES)
def forms_tool(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `dockvoice forms list`.")],
    config: Config = None,
) -> None:
    """The form as the tool definition that a language model is given."""
    line(json.dumps(tool_definition(form_named(settings(config), name)), indent=2))


@commands.command("schema", short_help="The form as plain JSON Schema, for every validator.", epilog=EXIT_CODES)
def forms_schema(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `dockvoice forms list`.")],
    config: Config = None,
) -> None:
    """The form as plain JSON Schema 2020-12, without how it is spoken: what every validator takes, strict ones too."""
    line(json.dumps(plain_schema(form_named(settings(config), name).schema), indent=2))


def plain_schema(schema: Any) -> Any:
    """The schema without the keywords of our own, which begin with x-; no field can be called so."""
    if isinstance(schema, Mapping):
        return {name: plain_schema(value) for name, value in schema.items() if not name.startswith("x-")}
    return [plain_schema(one) for one in schema] if isinstance(schema, list) else schema


@commands.command("read", short_help="What a sentence says about each field of a form.", epilog=EXIT_CODES)
def forms_read(
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="What was said, in words or figures, as a model would write it."),
    ] = None,
    form: FormName = None,
    language: Annotated[str, typer.Option(metavar="TAG", help=f"Its language: {', '.join(LANGUAGES)}.")] = "en",
    explain: Annotated[
        bool, typer.Option("--explain", help="What each word stands for, and in what other ways it may be understood.")
    ] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Sayings from stdin, and what would be decided about each: JSON lines.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what a sentence says about each field of a form, and which words say it.

    A field with several values, or with none, is asked for. Nothing is recorded.

    \b
    $ dockvoice forms read --explain "pallet 742, about twelve units, dock B"

    shows each word with what it stands for: a label, a value, a unit, a link, a remark, a correction, or nothing that
    is known; below it the cost of that explanation, and its rivals with the values in which they differ.

    \b
    $ echo '{"text": "pallet 742, twelve units, dock B"}' | dockvoice forms read --lines
    {"outcome": "accept", "fields": {"pallet_id": "742", "quantity": 12, "dock": "B"}, "ask": null, ...}

    tries a site's own sayings, one in each line. Besides its "text" a line may have "form" and "language", which are
    otherwise those of the options; "asked", the field that it answers the question for; and "held", the fields of an
    entry that was read back before: {"text": "no, fifteen", "held": {"pallet_id": "742", "quantity": 12, "dock": "B"}}.
    The outcome is accept, ask, repeat, ignore or command; "why" says it in words, with what was not understood. What is
    wrong with a line is told as its "error"; then the exit code is 1.
    """  # noqa: D301 - "\\b" tells click to leave the lines below it as they are
    if lines == (text is not None):
        found = "both TEXT and --lines" if lines else "neither TEXT nor --lines"
        raise typer.BadParameter(f"found {found}; allowed is one of them", param_hint="TEXT")
    if lines and explain:
        raise typer.BadParameter("found with --lines; allowed with TEXT alone", param_hint="--explain")
    chosen = settings(config, form=form)
    forms = forms_in(chosen.forms_directory)
    filled = form_named(chosen, chosen.forms.active)
    catalogue = Catalogue.load(chosen.catalogue_directory)
    try:
        spoken = language_named(language)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--language") from None
    if lines:
        _answer_lines(replace(rules(chosen, filled, catalogue), language=spoken), forms)
        return
    words = transcribed(text or "", filled, catalogue, spoken)
    readings = read(words, filled, catalogue, spoken)
    told: dict[str, Any] = {
        name: {"value": reading.value, "rivals": reading.rivals, "words": reading.words}
        for name, reading in readings.items()
    }
    if explain:
        ways = parsed(words, filled, catalogue, spoken)
        told = {"fields": told, **parse_json(ways)}
        drawing: RenderableType = Group(drawn(ways), _table(filled, readings))
    else:
        drawing = _table(filled, readings)
    if as_json:
        line(json.dumps(told, ensure_ascii=False))
    else:
        show(drawing)


def _answer_lines(usual: Rules, forms: Mapping[str, Form]) -> None:
    """Answer what comes from stdin line by line, so that another program may ask and wait."""
    wrong = False
    for told in answers(sys.stdin.buffer, usual, forms):
        wrong |= "error" in told
        line(json.dumps(told))
        sys.stdout.flush()
    if wrong:
        raise typer.Exit(1)


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
    return " or ".join(written(value) for value in (reading.value, *reading.rivals))


def _question(form: Form, name: str, reading: FieldReading) -> str:
    if reading.value is None:
        return "the words make no one value"
    if reading.rivals:
        return "which of them"
    return "" if form[name].allows(reading.value) else "breaks a rule of the form"
