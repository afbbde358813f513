"""`dockvoice inventory clips`: request recordings, list them, and list the requests."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import StorageFailed, UnreadableInput, describe_os_error
from dockvoice_protocol.instants import rfc3339
from dockvoice_protocol.terminal.tables import pluralize
from inventory.cli.options import Given, Json, echo, print_json_lines, print_table, subcommand, user_name

if TYPE_CHECKING:
    from inventory.clips.clips import Clip, SignedSound
    from inventory.repository import Store

clip_commands = typer.Typer(help="Listen to what was said at the devices.", no_args_is_help=True)

_Which = Annotated[str, typer.Argument(metavar="ID", help="Of an entry's event, or of an utterance.")]
_Sign = Annotated[Path, typer.Option("--sign", metavar="FILE", readable=False, help="Your private key: Ed25519, PEM.")]
_Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; the operator may hear it.")]


@subcommand(clip_commands, "ask", short_help="Ask a device for the sound of what was said.", broker=True)
def _clips_ask(given: Given, which: _Which, sign: _Sign, reason: _Why) -> None:
    """Let the device send what was said for an entry, or one utterance, to the inventory that runs.

    The device must name your public key in deliver.decisions_key. It keeps your name and your reason in its journal,
    and tells the operator who asks "who listened to me?". Say it again each time you listen, also to what is here.
    """
    from inventory.audit.audit import load_signer  # noqa: PLC0415 - `--help` must not import SQLAlchemy
    from inventory.clips.listening import request_clip  # noqa: PLC0415 - likewise
    from inventory.site.sending import publish_rows  # noqa: PLC0415 - likewise

    settings, signer = given.settings, load_signer(sign)
    who = user_name()
    with given.open_store() as store:
        for sound in _find_recordings(store, which):
            publish = partial(publish_rows, settings, "clips", store.transaction)
            clip = request_clip(store.clips, publish, signer, settings.prefix, sound, who, reason)
            echo(f"{sound.utterance_id}: {clip.state}; `clips list` shows how far it has come")


@subcommand(clip_commands, "list", short_help="Which recordings came, or are to come.")
def _clips_list(given: Given, json_lines: Json = False) -> None:
    """Show the recordings that were asked for, or came by themselves, the newest first, and how far each has come.

    asked, arriving, here; gone: the device has none, or sends none, and says why; rejected: what came is not what it
    had signed; removed: it was here. With --json one object a line.
    """
    with given.open_store() as store:
        found = store.clips.load_clips()
    if json_lines:
        print_json_lines({**asdict(one), "changed_at": rfc3339(one.changed_at)} for one in found)
        return
    headings = ("device", "since, UTC", "state", "chunks", "utterance")
    print_table(pluralize(len(found), "recording"), headings, map(_clip_cells, found))


def _clip_cells(one: Clip) -> tuple[str, ...]:
    state = one.state if one.why is None else f"{one.state}: {one.why}"
    chunks = f"{one.have}/{one.chunks}" if one.chunks else ""
    return f"{one.site}/{one.device}", f"{one.changed_at:%Y-%m-%d %H:%M:%S}", state, chunks, one.utterance_id


@subcommand(clip_commands, "save", short_help="Put the sound of what was said into a file.")
def clips_save(
    given: Given,
    which: _Which,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is to be made: a FLAC file.")],
) -> None:
    """Put the sound of an utterance that is here into a file, if it still is what its device signed."""
    from inventory.clips.clips import ClipFolder  # noqa: PLC0415 - as above
    from inventory.clips.listening import load_sound  # noqa: PLC0415 - as above

    settings = given.settings
    with given.open_store() as store:
        sound = load_sound(store.clips, ClipFolder(settings.clips_folder), _find_recordings(store, which)[0])
    try:
        with plain_file.open_owner_only(file, "w") as made:
            made.write(sound)
    except OSError as fault:
        raise StorageFailed(f"{file}: {describe_os_error(fault)}; name a file that can be written") from None


@subcommand(clip_commands, "who", short_help="Who asked to hear it, when and why.")
def _clips_who(given: Given, which: _Which, json_lines: Json = False) -> None:
    """Show who asked to hear what was said, the newest first, and since when the device's journal knows of it."""
    with given.open_store() as store:
        found = [(sound, one) for sound in _find_recordings(store, which) for one in store.clips.load_requests(sound)]
    if json_lines:
        for sound, one in found:
            noted = None if one.noted_at is None else rfc3339(one.noted_at)
            shown = {"who": one.who, "reason": one.reason, "asked_at": rfc3339(one.asked_at), "noted_at": noted}
            print_json_lines([{"utterance_id": sound.utterance_id, "request": one.request, **shown}])
        return
    rows = []
    for _, one in found:
        noted = "not yet" if one.noted_at is None else f"since {one.noted_at:%H:%M:%S}"
        rows.append((one.who, f"{one.asked_at:%Y-%m-%d %H:%M:%S}", noted, one.reason))
    print_table(pluralize(len(found), "time"), ("who", "asked, UTC", "the device knows", "reason"), rows)


def _find_recordings(store: Store, which: str) -> list[SignedSound]:
    found = store.clips.find_sounds(which)
    if not found:
        raise UnreadableInput(f"{which}: is no event and no utterance here; `rows --json` and `review list` tell ids")
    return found
