"""Who sits on the panel, by the settings."""

from __future__ import annotations

from edge.config import InterpreterKind
from edge.errors import Misconfigured
from edge.ports import Interpreter
from edge.understand.configured import Surroundings, interpreter
from edge.understand.panel.membership import Member, Terms
from edge.understand.panel.panel import Panel

MS = 1000


def panel(surroundings: Surroundings, on_device: Interpreter, sure_from: float) -> Panel:
    """The panel for a form. Raises Misconfigured where an interpreter lacks what it needs.

    `sure_from` (0 to 1) is the confidence from which a dissenting opinion counts against two that agree.
    """
    wanted = surroundings.settings.understand

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
    terms = Terms(wanted.mode, wanted.deadline_ms / MS, hedge_s, sure_from)
    return Panel(on_device, first, second, terms, surroundings.form)
