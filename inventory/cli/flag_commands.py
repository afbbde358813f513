"""`dockvoice inventory flags`: entries that a rule of the site's speaks against, shown, and decided about."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from dockvoice_protocol.instants import timestamp
from dockvoice_protocol.terminal.tables import many, render
from inventory.cli.options import Config, Database, Json, looking, narrow, say, whoever

flag_commands = typer.Typer(help="Entries that a rule of the site's speaks against.", no_args_is_help=True)

Event = Annotated[str, typer.Argument(metavar="EVENT", help="Its id, as `flags list` shows it.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept with your name.")]


@flag_commands.command("list", short_help="What nobody has decided about yet.")
def flags_list(
    context: typer.Context,
    config: Config = None,
    database: Database = None,
    json_lines: Json = False,
    every: Annotated[bool, typer.Option("--all", help="Also what was decided, and how.")] = False,
) -> None:
    """Show the entries that a rule speaks against, the oldest first. They are recorded, and count until struck."""
    with looking(context, config, database) as store:
        found = store.flags.all(every=every)
    if json_lines:
        for one in found:
            told: dict[str, Any] = {name: getattr(one, name) for name in type(one).__dataclass_fields__}
            moments = {name: told[name] and timestamp(told[name]) for name in ("flagged_at", "decided_at")}
            say(json.dumps({**told, **moments}, ensure_ascii=False))
        return
    table = narrow(many(len(found), "flag"))
    for heading in ("device", "flagged, UTC", "reason", "state", "event"):
        table.add_column(heading)
    for one in found:
        state = one.state if one.who is None else f"{one.state}, {one.who}: {one.why}"
        table.add_row(
            f"{one.site}/{one.device}", f"{one.flagged_at:%Y-%m-%d %H:%M:%S}", one.reason, state, one.event_id
        )
    render(table)


@flag_commands.command("keep", short_help="The entry stands.")
def flags_keep(
    context: typer.Context, event: Event, reason: Why, config: Config = None, database: Database = None
) -> None:
    """Say that the entry is right."""
    _decide(context, event, "stands", reason, config, database)


@flag_commands.command("strike", short_help="The entry does not count.")
def flags_strike(
    context: typer.Context, event: Event, reason: Why, config: Config = None, database: Database = None
) -> None:
    """Say that the entry is not to be counted. It stays where it is, with your word beside it."""
    _decide(context, event, "struck", reason, config, database)


def _decide(context: typer.Context, event: str, state: str, reason: str, config: Any, database: str | None) -> None:
    from inventory.reviews.flags import FlagState  # noqa: PLC0415 - `dockvoice --help` waits for no SQLAlchemy

    with looking(context, config, database) as store:
        for one in store.flags.decide(event, FlagState(state), whoever(), reason):
            say(f"{one.event_id}: {one.reason}: {one.state}")
