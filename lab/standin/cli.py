"""`dockvoice standin`: start the stand-in server. Importing this module needs no optional package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from edge.config import Settings
from lab.standin.behaviour import Behaviour, WrongAnswerKind

_EXTRA = {"starlette", "uvicorn", "moonshine_voice"}  # Packages of the optional extra that the command needs.

commands = typer.Typer(subcommand_metavar="")  # it has none


@commands.callback(invoke_without_command=True, short_help="Answer as the cloud models do: no key, no bill.")
def standin(
    host: Annotated[
        str, typer.Option(help="Address to listen on. It has no TLS: keep it on this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any that is free.")] = 8400,
    key: Annotated[str, typer.Option(help="The one key that is taken.")] = "standin-key",
    latency: Annotated[
        str | None,
        typer.Option(
            metavar="MS|published", help="Answer no sooner than after so many ms, or as the published figures spread."
        ),
    ] = None,
    fabricate: Annotated[
        float, typer.Option(min=0, max=100, metavar="PERCENT", help="Answers with invented identifiers; published: 8.")
    ] = 0,
    serve: Annotated[list[str] | None, typer.Option(metavar="MODEL", help="Serve this model too; repeatable.")] = None,
    seed: Annotated[
        int, typer.Option(help="Of all chance: the same requests in the same order go the same way.")
    ] = 2026,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", envvar="DOCKVOICE_CONFIG", help="Settings with your own forms.")
    ] = None,
) -> None:
    """Serve the cloud models' wire formats with a real recogniser, without key or bill.

    It recognises sound with Moonshine, a recogniser of another kind than the agent's own, and answers as the vendors
    do: OpenAI, Azure OpenAI, Gemini, whisper.cpp, Google Speech, Azure Speech and ElevenLabs, on one port. What it
    prints first goes into your settings file; then `dockvoice run` and `evaluate` talk to it.

    It misbehaves on command: `--latency published --fabricate 8` is what was published of the real ones. Single faults
    (429, half a stream, prose) are ordered by POST /standin/behave while it runs: docs/standin.md. Needs the extra: pip
    install 'dockvoice-lab[standin]'.
    """
    settings, behaviours = load_settings(Settings, config), _standing_behaviours(latency, fabricate, seed)
    try:
        from lab.standin.application import StandinArguments, serve_forever  # noqa: PLC0415 - `dockvoice --help` works without the extra

        serve_forever(settings, StandinArguments(host, port, key, behaviours, tuple(serve or ())))
    except ModuleNotFoundError as fault:
        if fault.name is None or fault.name.partition(".")[0] not in _EXTRA:
            raise
        raise Misconfigured(
            f"the stand-in needs {fault.name}, which is not installed; pip install 'dockvoice-lab[standin]'"
        ) from None


def _standing_behaviours(latency: str | None, fabricate: float, seed: int) -> tuple[Behaviour, ...]:
    orders = []
    if latency == "published":
        orders.append(Behaviour(latency="published", seed=seed))
    elif latency is not None:
        orders.append(Behaviour(delay_ms=_parse_milliseconds(latency)))
    if fabricate:
        orders.append(Behaviour(answer=WrongAnswerKind.FABRICATE, share=fabricate, seed=seed))
    return tuple(orders)


def _parse_milliseconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        raise typer.BadParameter(f"found {text!r}, allowed is a number of ms, or 'published'") from None
