"""`dockvoice demo`: one trailer from its notice to its dossier."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr
from dockvoice_protocol.terminal.choices import choice_option
from dockvoice_protocol.terminal.tables import EscapingConsole, pluralize
from edge.agent.dialogue_driver import DialogueStatus
from edge.agent.parts import Parts, assemble_interpretation
from edge.config import Settings
from edge.keep.journal_thread import JournalThread
from edge.records.speech import Say
from edge.speak.wording import Phrasing
from edge.understand.local import pocketsphinx
from edge.understand.local.factory import find_recogniser_name, recogniser_language
from lab.demo.door import DemoDevice
from lab.demo.office import DemoConsole
from lab.demo.servers import BrokerKind, DemoBroker, DemoInventory, run_dockvoice
from lab.demo.story import AnsweringOperator, Sentence, StoryLanguage, gives, load_recorded_story, load_story
from lab.demo.voice import record_saying

_SETTLE_WITHIN_S = 60.0  # Receipts come within milliseconds; this covers a machine that is busy with something else.

_PATIENCE_S = 60.0  # The operator answers at once, and the device hears it late on a busy machine.

_MOST_TURNS = 8
"""Turns after which the operator no longer answers about a sentence: with six each of its values was asked twice."""

_TRAILER = "5501"

_NOTICE = """\
notice,trailer,door,pallet,item,quantity,uom,lot_needed
4550012,5501,,742,A100,24,CS,no
4550012,5501,,743,A200,30,CS,no
4550012,5501,,744,A100,20,CS,no
4550012,5501,,745,B714,16,CS,no
4550012,5501,,746,B714,60,EA,yes
4550012,5501,,747,C3050,12,CT,no
4550012,5501,,748,B715,14,CS,no
4550012,5501,,749,B715,24,CS,no
"""

_HALF_SURE = 0.5
"""Lowered confidence threshold for the fallback recogniser, which stays below 0.75 in the shorter story."""

commands = typer.Typer()


@dataclass(frozen=True, slots=True)
class LostAndDoubled:
    """The device's records counted against the rows of the inventory's table."""

    recorded: int
    lost: int
    doubled: int

    @property
    def is_complete(self) -> bool:
        """Whether every record is in the table exactly once, as recorded."""
        return not self.lost and not self.doubled

    def __str__(self) -> str:
        return f"recorded {self.recorded}, lost {self.lost}, doubled {self.doubled}"


@commands.command("demo", epilog=EXIT_CODES)
def demonstrate_receiving(
    using: Annotated[
        BrokerKind, choice_option(BrokerKind, "--with", help="The broker: auto takes mosquitto if it is installed.")
    ] = BrokerKind.AUTO,
    engine: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="vosk, whisper or pocketsphinx; unset: vosk where its weights are."),
    ] = None,
    language: Annotated[
        StoryLanguage,
        choice_option(
            StoryLanguage, "--language", help="The operator's; in others than English a synthetic voice speaks."
        ),
    ] = StoryLanguage.ENGLISH,
) -> None:
    """A trailer is received by voice, counted, and proved.

    Starts a broker and an inventory of its own, which announces a trailer. An operator, who is a recording, or in other
    languages a synthetic voice, receives it: the device asks, the broker fails and comes back. Then the trailer is
    closed, and its dossier made and checked. What was put aside waits on the console for a reviewer, whom the
    last line tells where, and how to sign in; on a terminal that stays so until Enter is pressed. Exit code 1 if
    anything was lost, doubled or cannot be proved, or is not what the synthetic voice said.
    """
    log_warnings_to_stderr()
    if find_spec("inventory") is None:
        raise Misconfigured("demo: the inventory is not installed; pip install 'dockvoice-lab[demo]'")
    from inventory.web.terminal import demand_extra  # noqa: PLC0415 - the inventory may not be there

    demand_extra()
    with tempfile.TemporaryDirectory(prefix="dockvoice-demo-") as directory:
        holds = _Demo(Path(directory), using, engine, language).run()
    if not holds:
        raise typer.Exit(1)


class _Demo:
    def __init__(self, scratch: Path, using: BrokerKind, engine: str | None, language: StoryLanguage) -> None:
        self._scratch = scratch
        self._language = language
        self._is_english = language is StoryLanguage.ENGLISH
        self._broker = DemoBroker(using, scratch)
        self._inventory = DemoInventory(scratch, self._broker)
        self._office = DemoConsole(scratch, self._inventory)
        self._state = scratch / "state"
        self._settings = load_settings(Settings, None, **self._device_settings(engine))
        self._stands_in = find_recogniser_name(self._settings) == pocketsphinx.NAME
        if self._stands_in:
            given = self._device_settings(engine)
            given["agree"] = {**given["agree"], "minimum_confidence": _HALF_SURE}
            self._settings = load_settings(Settings, None, **given)
        if (recognised_language := recogniser_language(self._settings).code) != language:
            raise Misconfigured(
                f"demo: the recogniser hears {recognised_language!r}, and --language is {language.value!r}; "
                "leave --engine out"
            )
        self._story = load_recorded_story(short=self._stands_in) if self._is_english else load_story(language)
        self._said = scratch / "said"  # Recordings of the synthetic voice.
        self._console = EscapingConsole(highlight=False)
        self._owed: dict[str, Mapping[str, Any]] = {}

    def _device_settings(self, engine: str | None) -> dict[str, Any]:
        """The settings of the demo's device, over the defaults, with temporary state."""
        mqtt = {"host": "127.0.0.1", "port": self._broker.port, "version": self._broker.version}
        return {
            "site": "demo",
            "device": "demo",
            "operator": "demo",
            "state_directory": self._state,
            "deliver": {"mqtt": mqtt, "decisions_key": self._inventory.public_key, "clips": "unclear"},
            "forms": {"active": "receive-notice"},
            "agree": {"conversation": True, **({} if self._is_english else {"patience_s": _PATIENCE_S})},
            **self._language_settings(engine),
        }

    def _language_settings(self, engine: str | None) -> dict[str, Any]:
        understand = {} if engine is None else {"engine": engine}
        if self._is_english:
            return {"understand": understand} if understand else {}
        return {
            "understand": {**understand, "model": f"small-{self._language}"},
            "speak": {"language": self._language.value},
        }

    def run(self) -> bool:
        """Play the demo; return whether nothing was lost or doubled and the proof holds."""
        show = self._console.print
        with ExitStack() as running:
            running.enter_context(self._broker)
            beside = running.enter_context(ThreadPoolExecutor(1))
            opening = beside.submit(self._start_inventory_and_console, running)
            parts = assemble_interpretation(
                self._settings, operator_present=True
            )  # the recogniser's weights take seconds
            show(f"Broker: {self._broker.name}\nRecogniser: {parts.interpreter.name}\n", style="dim")
            opening.result()
            if self._stands_in:
                show(_STANDS_IN, style="yellow", soft_wrap=True)
            show(f"A notice announces trailer {_TRAILER}: {_NOTICE.count('5501')} pallets.\n", style="dim")
            return asyncio.run(self._receive_trailer(parts))

    def _start_inventory_and_console(self, running: ExitStack) -> None:
        """Start the inventory, which announces the trailer, and then the console."""
        with ThreadPoolExecutor(1) as beside:
            enrolling = beside.submit(self._inventory.enrol, self._state)
            running.enter_context(self._inventory.running())
            enrolling.result()
        notice = self._scratch / "notice.csv"
        notice.write_text(_NOTICE, encoding="utf-8")
        self._inventory.publish_expected_list(notice)
        running.enter_context(self._office)

    async def _receive_trailer(self, parts: Parts) -> bool:
        with JournalThread(self._state, parts.settings.keep) as executor:
            door = DemoDevice(parts, executor, partial(self._print_step, Phrasing(parts.form, self._language)))
            async with door.open():
                await door.wait_until_announced()
                for sentence in self._story.sentences:
                    await self._play_event_before(sentence)
                    await self._say(door, sentence.text, sentence.audio, by_colleague=sentence.by_colleague)
                    if self._story.yes:
                        await self._answer_about(sentence, door)
                await door.wait_until_recorded()
                await door.count_pending_after(_SETTLE_WITHIN_S)
                holds = await asyncio.to_thread(self._make_and_verify_dossier)
                await self._show_reviews(await door.parked_ids())
        return holds

    async def _say(self, door: DemoDevice, text: str, audio: Path | None = None, *, by_colleague: bool = False) -> None:
        """Play a recording; without one, what the voice makes of the text."""
        who = "colleague" if by_colleague else "operator"
        self._console.print(f"{who:>9}  {text}", style="dim" if by_colleague else "bold")
        await door.play_until_handled(
            audio or record_saying(self._said, self._language, text, by_colleague=by_colleague)
        )

    async def _answer_about(self, sentence: Sentence, door: DemoDevice) -> None:
        """Answer what the device asks, until what the sentence means is held or recorded."""
        operator = AnsweringOperator(self._story, sentence)
        for _ in range(_MOST_TURNS):
            settled = [door.standing] if sentence.is_context else [*self._owed.values()]
            says = operator.react(door.question, door.held, settled)
            if says is None:
                return
            await self._say(door, says)

    async def _play_event_before(self, sentence: Sentence) -> None:
        match sentence.before:
            case "broker dies":
                await asyncio.to_thread(self._broker.stop)
            case "broker is back":
                await asyncio.to_thread(self._broker.start)
            case _:
                return
        self._console.print(f"           ({sentence.before})", style="yellow")

    def _print_step(self, phrasing: Phrasing, stands: DialogueStatus) -> None:
        for order in stands.voice_orders:
            if isinstance(order, Say):
                self._console.print(f"   device  {phrasing.text(order)}", style="cyan")
        if stands.row is not None:
            self._owed[stands.row.event_id] = json.loads(stands.row.body)["data"]["fields"]

    def _make_and_verify_dossier(self) -> bool:
        """Make the dossier with the recordings, verify it as a third party would, and print its result."""
        if not any(fields.get("trailer") == _TRAILER for fields in self._owed.values()):
            self._console.print(f"\nNothing of trailer {_TRAILER} was recorded: no dossier can be made.", style="red")
            return False
        bundle, dossier = self._scratch / "demo.zip", self._scratch / "5501.zip"
        with ThreadPoolExecutor(1) as beside:
            rows = beside.submit(self._inventory.rows)
            run_dockvoice("audit", "export", "--trailer", _TRAILER, str(bundle), "--state", str(self._state))
            figures = self._inventory.make_dossier(_TRAILER, dossier, bundle)
            checked = _verify_dossier(dossier, self._inventory.key.keyid)
        counted = compare_records(self._owed, rows.result())
        self._console.print(f"\nDossier: {checked[-1]}", style="green" if checked[-1] == _HOLDS else "red")
        self._console.print(f"Pallets: {_summarise_totals(figures)}", soft_wrap=True)
        self._console.print(str(counted), style="green" if counted.is_complete else "red")
        return counted.is_complete and checked[-1] == _HOLDS and self._has_recorded_what_was_meant()

    def _has_recorded_what_was_meant(self) -> bool:
        """Print how many of the sentences are recorded as they were meant; whether all are, and nothing else is."""
        if not self._story.yes:
            return True
        left, missing = list(self._owed.values()), []
        for sentence in self._story.entries:
            found = next((fields for fields in left if gives(sentence.truth, fields)), None)
            left.remove(found) if found is not None else missing.append(sentence.text)
        said = len(self._story.entries)
        holds = not left and not missing
        self._console.print(
            f"Said {said}, recorded as said {said - len(missing)}, otherwise {len(left)}",
            style="green" if holds else "red",
        )
        for text in missing:
            self._console.print(f"not recorded as it was said: {text}", style="red")
        return holds

    async def _show_reviews(self, cases: Sequence[str]) -> None:
        """Print where a reviewer finds the parked entries; on a terminal, wait until the review is finished."""
        if not cases:
            self._console.print("Nothing was put aside: no case waits for a reviewer.", style="yellow")
            return
        case = f"/reviews/demo/demo/{cases[0]}"
        await asyncio.to_thread(self._office.check_review_decidable, case)
        wait = "One case waits" if len(cases) == 1 else f"{pluralize(len(cases), 'case')} wait"
        self._console.print(
            f"{wait} for a reviewer: {self._office.address(case)}, "
            f"sign in as {self._office.reviewer} with {self._office.password}",
            style="bold",
            soft_wrap=True,
        )
        if sys.stdin.isatty() and sys.stdout.isatty():
            self._console.print("The device stays on the line, and does what is decided. Enter ends it.", style="dim")
            await _wait_for_enter()
            await asyncio.to_thread(self._remake_dossier_after_review)

    def _remake_dossier_after_review(self) -> None:
        """If a review changed the trailer's totals, make the dossier's next version and print them."""
        dossier = self._scratch / "5501.v2.zip"
        content = self._inventory.make_dossier(_TRAILER, dossier, self._scratch / "demo.zip")
        if content["issue"]["version"] == 1:
            return
        checked = _verify_dossier(dossier, self._inventory.key.keyid)
        self._console.print(f"\nDossier, version {content['issue']['version']}: {checked[-1]}")
        for line in checked:
            if line.startswith("changed: "):
                self._console.print(line, style="dim", soft_wrap=True)
        self._console.print(f"Pallets: {_summarise_totals(content)}", soft_wrap=True)


_STANDS_IN = (
    f"It stands in for vosk, and hears less surely: the shorter story, where half sure is enough "
    f"(agree.minimum_confidence = {_HALF_SURE}). The whole one: `dockvoice models get small-en-us`.\n"
)
"""Printed when the fallback recogniser, whose weights are always installed, is in use."""

_HOLDS = "it holds"  # The check's last words for a valid dossier.


async def _wait_for_enter() -> None:
    """Wait for Enter on the terminal, or Ctrl-C."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, done.set)
    loop.add_signal_handler(signal.SIGINT, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(sys.stdin)
        loop.remove_signal_handler(signal.SIGINT)


def _verify_dossier(dossier: Path, key_id: str) -> list[str]:
    """Run the standalone verifier on the dossier; return its output lines."""
    from inventory.dossier.verifier import build_verifier  # noqa: PLC0415 - the inventory may not be there

    with tempfile.TemporaryDirectory() as folder:
        verifier = Path(folder) / "verify_dossier.pyz"
        verifier.write_bytes(build_verifier())
        command = [sys.executable, str(verifier), str(dossier), key_id, "--trailer", f"demo/{_TRAILER}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()  # noqa: S603 - ours


def _summarise_totals(figures: Mapping[str, Any]) -> str:
    """Word a dossier's totals, in pallets."""
    lines = figures["lines"]
    statuses = Counter(line["status"] for line in lines)
    counts = {
        "expected": sum(bool(line["expected"]) for line in lines),
        "received": sum(bool(line["entries"]) for line in lines),
        "damaged": sum(any(line["damaged"].values()) for line in lines),
        **{name.replace("_", " "): statuses[name] for name in ("over", "short", "missing", "not_announced")},
    }
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def compare_records(owed: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> LostAndDoubled:
    """Compare the recorded fields, by event id, with the rows; one with other fields counts as lost and as doubled."""
    found = {row["event_id"] for row in rows if owed.get(row["event_id"]) == row["fields"]}
    return LostAndDoubled(len(owed), len(owed) - len(found), len(rows) - len(found))
