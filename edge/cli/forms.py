"""`dockvoice forms`: what can be dictated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from edge.app import form_named
from edge.cli.options import AsJson, Config, settings
from edge.cli.output import line, show
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form, forms_in
from edge.forms.spoken import check as check_sayable
from edge.understand.tool import tool_definition

commands = typer.Typer(help="The forms that can be dictated.", no_args_is_help=True)


@commands.command("list")
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


@commands.command("check")
def forms_check(file: Annotated[Path, typer.Argument(help="A *.schema.json file.")], config: Config = None) -> None:
    """Check a form file: every keyword, label and spoken form.

    Its catalogues are taken from the settings' forms.catalogue: every value of theirs must be sayable and valid.
    """
    form = Form.load(file)
    check_sayable(form, Catalogue.load(settings(config).catalogue_directory))
    line(f"{file}: form {form.name!r} can be dictated, with {', '.join(field.name for field in form.fields)}")


@commands.command("tool")
def forms_tool(
    name: Annotated[str, typer.Argument(help="A name from `dockvoice forms list`.")], config: Config = None
) -> None:
    """The form as the tool definition that a language model is given."""
    line(json.dumps(tool_definition(form_named(settings(config), name)), indent=2))
