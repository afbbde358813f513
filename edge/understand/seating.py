"""Who sits on the panel, by the settings."""

from __future__ import annotations

from edge.config import InterpreterKind, Settings
from edge.errors import Misconfigured
from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.ports import Interpreter
from edge.understand.clients import Clients
from edge.understand.configured import Surroundings, interpreter
from edge.understand.membership import Member, Terms
from edge.understand.panel import Panel

MS = 1000


def panel(settings: Settings, form: Form, catalogue: Catalogue, clients: Clients, on_device: Interpreter) -> Panel:
    """The panel for a form. Raises Misconfigured where an interpreter lacks what it needs."""
    wanted = settings.understand
    surroundings = Surroundings(settings, form, catalogue, clients)

    def member(name: str) -> Member:
        reads = interpreter(name, surroundings)
        kind = wanted.interpreters[name]
        return Member(reads, kind, is_beyond=kind.kind is not InterpreterKind.MOONSHINE)

    second = None if wanted.second is None else member(wanted.second)
    first = [] if wanted.first is None else [member(name) for name in (wanted.first, *wanted.fallback)]
    if second is not None and second.interpreter.name in {on_device.name, *(one.interpreter.name for one in first)}:
        raise Misconfigured(
            f"understand.second = {wanted.second!r}: is {second.interpreter.name}, which reads already; name another "
            "model: two readings of one model are one opinion"
        )
    hedge_s = None if wanted.hedge_ms is None else wanted.hedge_ms / MS
    terms = Terms(wanted.mode, wanted.deadline_ms / MS, hedge_s, settings.agree.minimum_confidence)
    return Panel(on_device, first, second, terms, form)
