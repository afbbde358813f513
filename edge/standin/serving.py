"""The stand-in as a process: a socket, uvicorn, and the lines that point Dockvoice at it."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass, field

import uvicorn

from edge.config import Settings
from edge.errors import Unavailable
from edge.forms.catalogue import Catalogue
from edge.forms.form import forms_in
from edge.standin.accounts import Accounts
from edge.standin.application import application
from edge.standin.behaviour import Behaviour, Orders
from edge.standin.house import House
from edge.standin.mind import Mind
from edge.standin.wires import Wire

BACKLOG = 128
"""Connections that may wait to be taken; more than any test opens."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line says."""

    host: str
    port: int
    key: str = field(repr=False)
    behaviours: tuple[Behaviour, ...]
    serve: tuple[str, ...]


def serve_forever(settings: Settings, told: Told) -> None:
    """Listen until Ctrl-C or SIGTERM. Raises Unavailable where the port is taken."""
    listener = _listening(told.host, told.port)
    accounts = Accounts(told.key)
    for name in told.serve:
        accounts.serve(name)
    mind = Mind(forms_in(settings.forms_directory), Catalogue.load(settings.catalogue_directory))
    house = House(mind, accounts, Orders(told.behaviours))
    # httptools, where it is installed, would not use our connection; uvicorn's own log would repeat what is printed.
    config = uvicorn.Config(application(house), http=Wire, ws="none", lifespan="off", log_config=None, access_log=False)
    sys.stdout.write(_greeting(f"http://{told.host}:{listener.getsockname()[1]}", told.key))
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise Unavailable(f"--port {port}: cannot listen on {host} ({fault.strerror}); choose another port") from None
    listener.listen(BACKLOG)
    return listener


def _greeting(url: str, key: str) -> str:
    """What to write into a settings file, and the address in a comment: the whole of it is such a file."""
    return f"""\
# Put this into your settings file:

[understand]
mode = "panel"
first = "standin"

[understand.clients.standin]
kind = "openai"
url = {json.dumps(url + "/v1")}
key = {json.dumps(key)}

[understand.interpreters.standin]
kind = "chat-audio"
client = "standin"
model = "gpt-audio-mini"
# What the vendor takes for it, USD per million tokens; here nothing is paid, but `dockvoice costs` has what to count.
text_in_usd = 0.60
audio_in_usd = 10
out_usd = 2.40

# Standing in at {url} until Ctrl-C.
"""
