"""The way of one accepted utterance through the modules of the device, measured while it is concluded.

    python -m tests.stays [--depth N] [--list]

The utterance is typed for the shipped form, into a real journal in a temporary directory.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.spoken import parse_meaning
from edge.agent.dialogue_driver import DialogueDriver
from edge.agent.dictation import Dictation
from edge.agent.ear import Ear
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agree.decide import Rules
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.session import DialogueSettings
from edge.config import Endpoint
from edge.deliver.device_events import entry_event
from edge.keep.journal_thread import JournalThread
from edge.records import Reason
from tests.fakes import LoudnessScorer, ScriptedInterpreter, alone

HERE = Path(__file__).resolve().parent.parent
SAID = "pallet 742, twelve units, dock B"
PACKAGES = ("edge",)
DEPTH = 2

HOW = """\
How it is counted:
  The profiler is on in the thread of the event loop while Dictation._read_decide_and_store runs: what the journal
  does in its own thread is one stay, in journal_thread. It lists the modules of the functions of edge in the order of
  the calls; that a call goes back to its caller is no stay. Left out are properties, generated and special methods,
  lambdas and comprehensions, and the coroutines that only go on. --depth is how many changes of module may lie
  between that function and a call that counts: what a module leaves to others further down is its own matter.
  stays            the stretches of calls of one module, one behind the other
  returns          those of them that are in a module that had one before
  decisions        calls of edge.agree.decide.decide
  parses           times that the grammar parsed words"""


@dataclass
class Way:
    """What was called while the utterance was concluded."""

    calls: list[tuple[int, str, str]] = field(default_factory=list)
    """Changes of module above it, the module, and the function, in the order of the calls."""
    parses: int = 0  # How often the grammar parsed words.

    def modules(self, depth: int) -> list[str]:
        """The modules that were stayed in."""
        return [name for name, _ in groupby(module for at, module, _ in self.calls if at <= depth)]

    def returns(self, depth: int) -> int:
        """How many stays are in a module that was left before."""
        modules = self.modules(depth)
        return len(modules) - len(set(modules))

    def times(self, module: str, function: str) -> int:
        """How often a function was called."""
        return sum(one[1:] == (module, function) for one in self.calls)


@contextmanager
def _followed(way: Way, begin: CodeType) -> Iterator[None]:
    seen: set[FrameType] = set()  # A coroutine that goes on is no call; frames are held, so that none comes again.

    def profile(frame: FrameType, event: str, _: Any) -> None:
        way.parses += event == "call" and frame.f_code is parse_meaning.__code__
        if event != "call" or frame in seen or not _module(frame).startswith(PACKAGES):
            return
        seen.add(frame)
        changes = _changes(frame, begin)
        if changes is not None and _is_call(frame):
            way.calls.append((changes, _module(frame), frame.f_code.co_name))

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_call(frame: FrameType) -> bool:
    """Whether it is more than a generated method, a comprehension or a property."""
    if frame.f_code.co_name.startswith(("<", "__")):
        return False
    found: Any = sys.modules[_module(frame)]
    for part in frame.f_code.co_qualname.split("."):
        found = getattr(found, part, None)
    return not isinstance(found, property)


def _changes(frame: FrameType, begin: CodeType) -> int | None:
    """How often the module changes from _process down to this call; None for a call that is not below it."""
    chain: list[str] = []
    above: FrameType | None = frame
    while above is not None:
        if _module(above).startswith(PACKAGES):
            chain.append(_module(above))
        if above.f_code is begin:
            break
        above = above.f_back
    else:
        return None
    return sum(one != other for one, other in pairwise(chain))


async def _concluded(executor: JournalThread, rules: Rules, way: Way) -> list[UtteranceDecided]:
    told: list[DictationEvent] = []
    render = partial(entry_event, site="north", device="dock-3")
    works = alone(rules, ScriptedInterpreter())
    driver = DialogueDriver(
        Dialogue(rules, DialogueSettings()),
        executor,
        render,
        order=lambda _: None,
        is_silent=lambda: True,
        on_entry=lambda _: None,
        publish=lambda _: None,
        attentive=lambda: False,
        cut_off=lambda: False,
    )
    listening = Ear(present=lambda: works.current, endpoint=Endpoint(), scorer=LoudnessScorer(), executor=executor)
    dictation = Dictation(
        listening,
        workplaces=works,
        executor=executor,
        operator=None,
        render=render,
        publish=told.append,
        converse=driver.decide,
    )
    await driver.start()
    for _ in range(2):  # the first one loads what is loaded once
        way.calls.clear()
        way.parses = 0
        await dictation.queue_text(SAID)
        await dictation.hear([])
        with _followed(way, Dictation._read_decide_and_store.__code__):
            await dictation.process_queue()
    return [one for one in told if isinstance(one, UtteranceDecided)]


def followed() -> Way:
    """The way of one accepted utterance. Raises RuntimeError where it is not accepted."""
    form = load_form(HERE / "schemas" / "forms" / "pallet-move.schema.json")
    rules = Rules(form, Catalogue.load(HERE / "config" / "catalogue"))
    way = Way()
    with tempfile.TemporaryDirectory() as state, JournalThread(Path(state)) as executor:
        decided = asyncio.run(_concluded(executor, rules, way))
    if decided[-1].verdict.reasons[0].reason is not Reason.COMPLETE:
        raise RuntimeError(f"{SAID!r} is no entry: {decided[-1].verdict}")
    return way


def main(arguments: list[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.stays",
        description="The way of one accepted utterance through the modules of the device.",
        epilog=HOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--depth", type=int, default=DEPTH, help=f"changes of module that count (default: {DEPTH})")
    parser.add_argument("--list", action="store_true", help="print the calls in their order, too")
    options = parser.parse_args(arguments)
    way = followed()
    for depth, module, name in way.calls if options.list else ():
        if depth <= options.depth:
            print(f"{'  ' * depth}{module}.{name}")
    print(f"{'stays':12}{len(way.modules(options.depth)):4}")
    print(f"{'returns':12}{way.returns(options.depth):4}")
    print(f"{'decisions':12}{way.times('edge.agree.decide', 'decide'):4}")
    print(f"{'parses':12}{way.parses:4}")


if __name__ == "__main__":
    main()
