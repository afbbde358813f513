"""`dockvoice speak`: hear the device's voice and its sounds, or write them to a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import StorageFailed, Unavailable
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr
from dockvoice_protocol.terminal.choices import choice_option
from edge.agent.voice_output import make_clause_cache
from edge.cli import Config, load_settings_with_options
from edge.config import Settings, Speak, SpokenLanguage
from edge.records import SAMPLE_RATE
from edge.records.speech import Earcon
from edge.speak.loudspeaker import Loudspeaker
from edge.speak.mixer import PhrasePriority, Samples, earcon_samples
from edge.understand.remote.client import Clients

_LAST_S = 0.2  # What the sound card still holds when the last sample was handed to it.

_GAP = np.zeros(SAMPLE_RATE * 3 // 10, dtype=np.int16)
"""Between an earcon and the text: 0.3 s, so that each is heard by itself."""

commands = typer.Typer()


@commands.command(short_help="Say a text as the device would, or play its sounds.", epilog=EXIT_CODES)
def speak(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="What is to be said.")] = None,
    earcons: Annotated[
        list[Earcon] | None,
        choice_option(
            Earcon,
            "--earcon",
            metavar="NAME",
            help=f"A sound with a meaning, before the text; repeatable: {', '.join(Earcon)}.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a WAV file (16 kHz, mono) instead.")] = None,
    language: Annotated[
        SpokenLanguage | None, choice_option(SpokenLanguage, "--language", help="Over the settings file's.")
    ] = None,
    config: Config = None,
) -> None:
    """Say a text as the device would, or play its sounds: to try the headset, the voice and the volume."""
    log_warnings_to_stderr()
    if text is None and not earcons:
        raise typer.BadParameter("give a text, --earcon, or both")
    settings = load_settings_with_options(config)
    chosen = settings.speak if language is None else settings.speak.model_copy(update={"language": language})
    sound = asyncio.run(_make_sound(text, earcons or [], chosen, settings))
    if out is None:
        asyncio.run(play(sound, chosen))
    else:
        _write_wav(sound, out)


async def _make_sound(text: str | None, earcons: list[Earcon], chosen: Speak, settings: Settings) -> Samples:
    pieces = [piece for which in earcons for piece in (earcon_samples(which), _GAP)]
    if text is not None:
        clients = Clients(settings.understand.clients)
        try:
            pieces.append(await make_clause_cache(chosen, clients).synthesise(text, chosen.rate))
        finally:
            await clients.aclose()
    return np.concatenate(pieces)


async def play(sound: Samples, chosen: Speak) -> None:
    """Play a sound to its end. Raises Unavailable where there is no speaker, or it took no more sound."""
    loudspeaker = Loudspeaker(chosen.device, chosen.volume_db)
    await loudspeaker.open()
    phrase = loudspeaker.queue_phrase(PhrasePriority.REPLY)
    if phrase is not None:
        loudspeaker.append_sound(phrase, sound)
        loudspeaker.end_phrase(phrase)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(loudspeaker.keep_open())
        await loudspeaker.wait_until_quiet()
        await asyncio.sleep(_LAST_S)
        keeping.cancel()
    if phrase is None or phrase.waiting:
        raise Unavailable(
            "speaker: it took no more sound before all was said; "
            "see that it is plugged in and that the sound server runs, or set speak.device, and try again"
        )


def _write_wav(sound: Samples, out: Path) -> None:
    try:
        with plain_file.open_owner_only(out, "w") as file:
            soundfile.write(file, sound, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    except OSError as fault:
        raise StorageFailed(f"{out}: cannot be written ({fault.strerror}); name another file") from None
