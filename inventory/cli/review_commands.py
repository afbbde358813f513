"""`dockvoice inventory reviews` and `flags`: list pending decisions and decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.terminal.tables import pluralize
from inventory.audit import audit
from inventory.cli.options import Given, Json, echo, print_json_lines, print_table, subcommand, user_name

review_commands = typer.Typer(help="What waits for a person on the devices.", no_args_is_help=True)


@subcommand(review_commands, "list", short_help="What waits for a person on the devices.")
def _review_list(
    given: Given,
    json_lines: Json = False,
    every: Annotated[bool, typer.Option("--all", help="Also what was decided, and how.")] = False,
) -> None:
    """Show what the devices have put aside for a person, with what is known of it, the oldest first.

    A device tells it again at each connection. `dockvoice queue accept` and `discard` on the device decide about it,
    also while its agent runs; so does its operator, who asks "what is open?". With --json one object a line.
    """
    from inventory.reviews.reviews import review_to_json  # noqa: PLC0415 - `--help` must not import SQLAlchemy

    with given.open_store() as store:
        found = store.reviews(every=every)
    if json_lines:
        print_json_lines(map(review_to_json, found))
        return
    rows = (
        (
            f"{one.site}/{one.device}",
            f"{one.told_at:%Y-%m-%d %H:%M:%S}",
            one.state if one.decided_by is None else f"{one.state} by {one.decided_by}",
            f"{one.form} " + " ".join(f"{name}={value}" for name, value in one.fields.items()),
            " ".join(f"{name}:{why}" for name, why in one.doubtful.items()) or one.reason or "",
            one.utterance_id,
        )
        for one in found
    )
    headings = ("device", "told, UTC", "state", "known", "doubtful", "utterance")
    print_table(pluralize(len(found), "review"), headings, rows)


_Utterance = Annotated[str, typer.Argument(metavar="UTTERANCE", help="Its id, as `review list` shows it.")]
_Sign = Annotated[Path, typer.Option("--sign", metavar="FILE", readable=False, help="Your private key: Ed25519, PEM.")]
_Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept with your name.")]


def _add_decision_command(decision: str, short_help: str, help_text: str) -> None:
    """Add a command that decides without values: accept and discard differ only in texts."""

    @subcommand(review_commands, decision, short_help=short_help, help=help_text, broker=True)
    def decide(given: Given, utterance: _Utterance, sign: _Sign, reason: _Why) -> None:
        _send_decision(given, decision, utterance, (), sign, reason)


_add_decision_command(
    "accept",
    "It is as it was understood.",
    """Let the device record it as it was understood. The device must name the public key in deliver.decisions_key.

    The device takes a decision once, while it is still open there as it is shown here, and tells the operator; `review
    list --all` shows what became of it. `openssl genpkey -algorithm ed25519` makes a key.
    """,
)


@subcommand(review_commands, "correct", short_help="It is with these values.", broker=True)
def _review_correct(
    given: Given,
    utterance: _Utterance,
    field: Annotated[list[str], typer.Option(metavar="NAME=VALUE", help="What was said; repeatable.")],
    sign: _Sign,
    reason: _Why,
) -> None:
    """Let the device record it with these values over what was understood; else as `accept`."""
    _send_decision(given, "correct", utterance, field, sign, reason)


_add_decision_command("discard", "It is given up.", "Let the device give it up; else as `accept`.")


def _send_decision(given: Given, decision: str, utterance: str, fields: Sequence[str], sign: Path, reason: str) -> None:
    from inventory.reviews.reviews import build_decision_message  # noqa: PLC0415 - `--help` must not import SQLAlchemy
    from inventory.site.sending import publish_rows  # noqa: PLC0415 - nor MQTT
    from inventory.store import outbox  # noqa: PLC0415 - as above

    signer = audit.load_signer(sign)
    values = dict(one.partition("=")[::2] for one in fields)
    if wrong := [one for one in fields if "=" not in one or not one.partition("=")[2]]:
        raise typer.BadParameter(f"found {wrong[0]!r}, allowed is NAME=VALUE", param_hint="--field")
    settings, now = given.settings, datetime.now(UTC)
    with given.open_store() as store:
        found = [one for one in store.reviews() if one.utterance_id == utterance]
        if not found:
            raise UnreadableInput(f"{utterance}: waits on no device; `dockvoice inventory review list` shows what does")
        (review,) = found
        decided = build_decision_message(review, decision, values, user_name(), reason, signer, settings.prefix, now)
        with store.transaction() as transaction:
            entered = outbox.insert_messages(transaction, [decided], now, held=outbox.HELD_BACK_FOR)
        publish_rows(settings, "review", store.transaction, entered)
    echo(f"{utterance}: sent to {review.site}/{review.device}; `review list --all` shows what became of it")


flag_commands = typer.Typer(help="Entries that a rule of the site's speaks against.", no_args_is_help=True)

_Event = Annotated[str, typer.Argument(metavar="EVENT", help="Its id, as `flags list` shows it.")]


@subcommand(flag_commands, "list", short_help="What nobody has decided about yet.")
def _flags_list(
    given: Given,
    json_lines: Json = False,
    every: Annotated[bool, typer.Option("--all", help="Also what was decided, and how.")] = False,
) -> None:
    """Show the entries that a rule speaks against, the oldest first. They are recorded, and count until struck."""
    with given.open_store() as store:
        found = store.flags.all(every=every)
    if json_lines:
        for one in found:
            moments = {"flagged_at": rfc3339(one.flagged_at), "decided_at": one.decided_at and rfc3339(one.decided_at)}
            print_json_lines([{**asdict(one), **moments}])
        return
    rows = []
    for one in found:
        flagged, state = one.flagged_at, one.state if one.who is None else f"{one.state}, {one.who}: {one.why}"
        rows.append((f"{one.site}/{one.device}", f"{flagged:%Y-%m-%d %H:%M:%S}", one.reason, state, one.event_id))
    print_table(pluralize(len(found), "flag"), ("device", "flagged, UTC", "reason", "state", "event"), rows)


@subcommand(flag_commands, "keep", short_help="The entry stands.")
def _flags_keep(given: Given, event: _Event, reason: _Why) -> None:
    """Say that the entry is right."""
    _decide_flag(given, event, "stands", reason)


@subcommand(flag_commands, "strike", short_help="The entry does not count.")
def _flags_strike(given: Given, event: _Event, reason: _Why) -> None:
    """Say that the entry is not to be counted. It stays where it is, with your word beside it."""
    _decide_flag(given, event, "struck", reason)


def _decide_flag(given: Given, event: str, state: str, reason: str) -> None:
    from inventory.reviews.flags import FlagState  # noqa: PLC0415 - `--help` must not import SQLAlchemy

    with given.open_store() as store:
        for one in store.flags.decide(event, FlagState(state), user_name(), reason):
            echo(f"{one.event_id}: {one.reason}: {one.state}")
