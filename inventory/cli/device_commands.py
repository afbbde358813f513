"""`dockvoice inventory devices`: retire devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol.errors import Misconfigured, Unavailable, Unfinished, UnreadableInput
from dockvoice_protocol.events import Topics
from dockvoice_protocol.terminal.tables import pluralize
from inventory.cli.options import Given, echo, parse_device_argument, subcommand
from inventory.store.keys import KeyDirectory

if TYPE_CHECKING:
    from inventory.repository import Store
    from inventory.settings import InventorySettings
    from inventory.site.retiring import At

device_commands = typer.Typer(help="Devices that are gone.", no_args_is_help=True)

_Which = Annotated[
    list[str] | None, typer.Argument(metavar="SITE/DEVICE", help="For example north/dock-3; several too.")
]


@subcommand(device_commands, "retire", short_help="Forget how a device is: it is gone for good.", broker=True)
def _devices_retire(
    given: Given,
    device: _Which = None,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="All that have no key and sent no event: who has no key is none of ours.")
    ] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where something of it has not come.")] = False,
) -> None:
    """Take a device out of the console and the API, revoke its keys, and take its status from the broker.

    What it recorded stays, and so do its keys, with which `audit verify` checks it. Where events, entries or utterances
    that wait for a person are known to be on it still, nothing is done without --anyway. Enrolled again, it is back.
    """
    if bool(device) == unknown:
        raise typer.BadParameter("give SITE/DEVICE or --unknown")
    settings = given.settings
    keys = KeyDirectory(settings.keys)
    with given.open_store() as store:
        named = None if unknown else [parse_device_argument(one) for one in device or ()]
        found = _find_retirable(store, keys, named, anyway=anyway)
        for at in found:
            _retire_and_revoke_keys(store, keys, at)
    echo(
        f"retired: {', '.join('/'.join(at) for at in found[:_SHOWN])}"
        if len(found) <= _SHOWN
        else f"retired: {pluralize(len(found), 'device')}"
    )
    _clear_retained(settings, found)


_SHOWN = 20  # Most devices named in a message.


def _find_retirable(store: Store, keys: KeyDirectory, named: list[At] | None, *, anyway: bool) -> list[At]:
    """These devices, or without `named` those that have no key and sent no event.

    Raises UnreadableInput for an unknown one and, unless `anyway`, Unfinished for one that has not sent everything.
    """
    from inventory.site import retiring  # noqa: PLC0415 - `--help` must not import SQLAlchemy

    with store.transaction() as transaction:
        if named is None:
            named = [at for at in retiring.find_devices_without_events(transaction) if not keys.keys_of(*at)]
        lacking = ["/".join(at) for at in named if not (keys.keys_of(*at) or retiring.is_known_device(transaction, at))]
        owing = () if anyway else named
        lost = [("/".join(at), owed) for at in owing if (owed := retiring.count_data_lost_with(transaction, at))]
    if lacking:
        message = f"{', '.join(lacking[:_SHOWN])}: nothing is known of it"
        raise UnreadableInput(
            f"{message}, and nobody is retired; `keys list` and `gaps` of `dockvoice inventory` list them"
        )
    if lost:
        message = "; ".join(f"{name}: {owed.summary}" for name, owed in lost[:_SHOWN])
        raise Unfinished(
            f"{message}: let it send them first, or say --anyway, and they are lost here; nobody is retired"
        )
    return named


def _retire_and_revoke_keys(store: Store, keys: KeyDirectory, at: At) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from inventory.site import retiring  # noqa: PLC0415 - see above

    enrolled = bool(keys.keys_of(*at))
    with store.transaction() as transaction:
        retiring.delete_and_mark_retired(transaction, at, datetime.now(UTC), enrolled=enrolled)
    if enrolled:  # after the transaction: a status that arrives in between is not stored once the keys are revoked
        keys.revoke(*at, None)


def _clear_retained(settings: InventorySettings, found: list[At]) -> None:
    """Remove the device's retained messages from the broker."""
    from inventory.site.sending import publish_messages  # noqa: PLC0415 - `--help` must not import MQTT

    topics = {Topics(settings.prefix, *at).status: b"" for at in found}
    try:
        publish_messages(settings, "retire", topics, retain=True)
    except (Unavailable, Misconfigured) as fault:
        echo(f"its status stays at the broker, and nobody here believes it: {fault}" if found else str(fault))
