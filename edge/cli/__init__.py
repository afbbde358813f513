"""The agent's commands: each module has one, or a group of them. Here: what several share, options, settings, user."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dockvoice_protocol.config import load_settings, parse_broker_address
from edge.config import PolicyName, Settings

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="DOCKVOICE_CONFIG",
        readable=False,
        help="Settings file; none: the defaults.",
    ),
]
Broker = Annotated[str | None, typer.Option(metavar="HOST[:PORT]", help="MQTT broker, over the settings file's.")]


def _directory(text: str) -> Path:
    if not text:
        raise typer.BadParameter("found nothing; allowed is the name of a directory")
    return Path(text)


State = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", parser=_directory, help="Directory of the journal and recordings, over the settings file's."
    ),
]
FormName = Annotated[
    str | None, typer.Option("--form", metavar="NAME", help="The form to fill, over the settings file's.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs instead of text for people.")]
Trace = Annotated[
    bool, typer.Option("--trace", help="Each step of the dialogue: what happened, its state, and what it ordered.")
]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="A name from `dockvoice models list`.")]
Models = Annotated[
    Path | None, typer.Option("--directory", metavar="DIR", help="Where weights are kept, over the settings file's.")
]
Wait = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to wait at the end for the inventory's receipts.")
]


def login_name() -> str:
    """The user's name; under sudo that of the calling user."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def load_settings_with_options(
    config: Path | None,
    broker: str | None = None,
    state: Path | None = None,
    form: str | None = None,
    understand: Mapping[str, Any] | None = None,
    policy: PolicyName | None = None,
) -> Settings:
    """Load the settings of the file `config`, overlaid by the command line. Raises Misconfigured."""
    given: dict[str, Any] = {}
    if broker is not None:
        given["deliver"] = {"mqtt": parse_broker_address(broker)}
    if state is not None:
        given["state_directory"] = state
    if form is not None:
        given["forms"] = {"active": form}
    if policy is not None:
        given["agree"] = {"policy": policy}
    if understand:
        given["understand"] = dict(understand)
    return load_settings(Settings, config, **given)
