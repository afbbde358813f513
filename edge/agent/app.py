"""The agent: starts all parts and connects them, in the order of the data.

    source ─▶ Dictation (hear ─▶ understand ─▶ agree ─▶ keep) ─▶ journal ─▶ Delivery (relay ─▶ broker ─▶ receipt)

Dictation and delivery share only the journal, so either can stop while the other works.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from dockvoice_protocol.errors import Unfinished
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.records import Operator, Receipt
from dockvoice_protocol.records.master import MasterData
from dockvoice_protocol.systemd import Notifier
from edge.agent import review_decisions, review_delivery
from edge.agent.clock import Clock
from edge.agent.conditions import Conditions
from edge.agent.delivery import (
    CrewChanged,
    DecisionStored,
    Delivery,
    DeliveryEvent,
    EntryRefused,
    LinkChanged,
    OrderReceived,
)
from edge.agent.dialogue_driver import (
    DialogueDriver,
    DialogueStatus,
    make_dialogue_settings,
    step_log,
    to_inventory_answer,
)
from edge.agent.dictation import Dictation
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.headset import AudibilityChanged, Headset, HeadsetEvent, HeadsetOrder, MicrophoneFault
from edge.agent.later_readings import LateReadings, SecondRecogniserQueue
from edge.agent.learning import UnknownPhraseCounter
from edge.agent.parts import (
    Parts,
    dictate_sources,
    load_budget,
    make_dictation,
    make_entry_renderer,
    run_panels,
    uses_dialogue,
)
from edge.agent.review_decisions import DecisionHandler
from edge.agent.site_publications import CatalogueActivation
from edge.agent.voice_output import AudibilityMonitor, VoiceOutput
from edge.agent.watchdog import LATE_S, Heartbeats, Supervisor
from edge.agent.workplaces import Workplaces
from edge.agree.dialogue.interface import (
    HeadsetFaultChanged,
    InventoryAnswered,
    InventoryLinkChanged,
    OfficeDecided,
    RosterChanged,
)
from edge.agree.dialogue.machine import Dialogue
from edge.config import ClipPolicy
from edge.deliver.device_events import make_shift_lookup
from edge.hear.input_keys import follow_scanner
from edge.hear.microphone import Microphone
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.ports import Source, StoppableSource
from edge.records import OutboxRow, Outcome, StoreFormOrLanguageChange
from edge.understand.local.factory import find_unknown_words

logger = logging.getLogger(__name__)

_BETWEEN_S = 0.1  # Poll interval until no utterance and no draft is open; too short to notice.

AgentEvent = DictationEvent | LinkChanged | HeadsetEvent | DialogueStatus  # What an agent publishes to its subscriber.


@contextmanager
def _frozen_gc() -> Iterator[None]:
    """Exclude all objects that exist on entry from garbage collection until exit.

    Scanning them takes a tenth of a second, usually while an utterance waits. On exit they are collected again:
    libraries report objects that remain at process end as leaked.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Announcements:
    """Unsolicited announcements to the operator: by the dialogue where there is one, else by the voice output."""

    def __init__(self, executor: JournalThread, dialogue: DialogueDriver | None, voice: VoiceOutput | None) -> None:
        self._executor = executor
        self._dialogue = dialogue
        self._voice = voice
        self.refusals: asyncio.Queue[Receipt] = asyncio.Queue()  # The receipts of entries that the inventory rejected.

    async def tell_refusals(self) -> None:
        """Announce rejected entries until cancelled."""
        while True:
            self.announce(await self._executor(partial(to_inventory_answer, receipt=await self.refusals.get())))

    def post_roster(self, operators: tuple[Operator, ...] | None) -> None:
        """Post the new roster to the dialogue, if there is one."""
        if self._dialogue is not None:
            self._dialogue.post(RosterChanged(operators))

    def announce(self, what: HeadsetFaultChanged | InventoryAnswered | OfficeDecided) -> None:
        """Queue an event for the dialogue, else announce it by voice; drop it where there is neither."""
        if self._dialogue is not None:
            self._dialogue.post(what)
        elif self._voice is not None:
            self._voice.announce(what)


class _CatalogueSwitch:
    """Switches all parts to newly published master data at once, between two entries."""

    def __init__(self, parts: Parts, workplaces: Workplaces) -> None:
        self._workplaces = workplaces
        self._settings = parts.settings
        self._active_versions = parts.catalogue.versions
        self._unknown_words = self._find_unknown_words(parts.catalogue)
        self._prepared: asyncio.Queue[Workplaces] = asyncio.Queue()
        self.renewal = (
            None if parts.renew is None else self._make_renewal(parts.renew, asks_models=parts.panel is not None)
        )

    def _make_renewal(
        self, renew: Callable[[tuple[MasterData, ...]], Parts], *, asks_models: bool
    ) -> CatalogueActivation[Workplaces]:
        return CatalogueActivation(
            lambda published: self._workplaces.prepare_same_workplaces(renew(published).workplaces()),
            # Models keep the catalogue that they were created with: with a panel, a new one needs a restart.
            (lambda _: None) if asks_models else self._prepared.put_nowait,
            lambda: self._active_versions,
            lambda: self._unknown_words,
        )

    def _find_unknown_words(self, catalogue: Catalogue) -> tuple[str, ...]:
        """The published words that are not in the recogniser's vocabulary, which is logged; typed, they work."""
        found = find_unknown_words(
            self._settings, [one for one in catalogue.words if one["form"] in self._workplaces.forms]
        )
        if found:
            logger.warning("words: the recogniser of this device does not hear %s", ", ".join(map(repr, found)))
        return found

    async def switch_to_new_catalogues_when_idle(
        self, dictation: Dictation, dialogue_driver: DialogueDriver | None, changed: Callable[[], None]
    ) -> None:
        """Switch to each prepared catalogue, once no utterance and no draft is open, until cancelled.

        `changed` is called after each switch.
        """
        while True:
            prepared = await self._prepared.get()
            catalogue, forms = prepared.current.rules.catalogue, tuple(prepared.forms.values())
            while dictation.is_busy or not (  # noqa: ASYNC110 - as a deadline is looked at
                dialogue_driver is None or dialogue_driver.try_switch_catalogue(catalogue, forms)
            ):
                await asyncio.sleep(_BETWEEN_S)
            self._workplaces.replace_with(prepared)
            self._active_versions, self._unknown_words = catalogue.versions, self._find_unknown_words(catalogue)
            changed()


class Agent:
    """Runs dictation and delivery over one journal, until the sources end or `stop` is called."""

    def __init__(
        self, parts: Parts, executor: JournalThread, publish: Callable[[AgentEvent], None], *, live: bool
    ) -> None:
        """`live`: sound comes from a microphone, which is faulty when it delivers no frames."""
        self._executor = executor
        executor.run(lambda journal: journal.successor.demand_none())
        self._publish = publish
        self._settings = parts.settings
        self._live = live
        self._hearing = False
        beating = ("loop", "journal", "relay", *(["ear"] if live else []))
        self._heartbeats = Heartbeats(dict.fromkeys(beating, LATE_S))
        self._clock = Clock()
        self._notifier = Notifier.from_environment()
        self._decision_stored, self._begun = asyncio.Event(), asyncio.Event()
        speaks = live and parts.settings.speak.enabled is not False
        self._workplaces = parts.workplaces()
        self._catalogue_switch = _CatalogueSwitch(parts, self._workplaces)
        self.speaking = (
            VoiceOutput(parts.settings.speak, parts.form, parts.clients, self._rescan_sound_cards, parts.forms)
            if speaks
            else None
        )
        """The voice output; None for recordings and where it is disabled."""
        self._dialogue_driver = (
            self._make_dialogue_driver(parts, executor)
            if live and uses_dialogue(parts.settings, operator_present=live)
            else None
        )
        self._announcements = _Announcements(executor, self._dialogue_driver, self.speaking)
        self._conditions = Conditions()
        self._delivery = Delivery(
            parts.settings,
            executor,
            self._distribute_delivery_event,
            partial(self._heartbeats.beat, "relay"),
            renewal=self._catalogue_switch.renewal,
            conditions=self._conditions,
            review=review_delivery.make_review_renderer(
                self._workplaces.find_rules, parts.settings.site, parts.settings.device
            ),
        )
        if live:
            spoken = parts.settings.speak.language.value
            self._delivery.publish_state("work", {"form": parts.form.name, "language": spoken, "chosen": True})
        self.headset = Headset(
            parts.settings,
            self._notifier,
            partial(self._delivery.publish_state, "microphone"),
            self._publish_and_announce_headset_change,
        )
        """Microphone, mute and speaker; without effect on recordings."""
        gate = self.headset.gate if live else None
        self._decisions = DecisionHandler(
            parts.settings,
            executor,
            self._dialogue_driver,
            self._delivery.notify_pending,
            beside=self._announcements.announce,
        )
        self._voice = parts.voice
        self._second_recogniser_queue = (
            None
            if parts.second_recogniser is None or self._dialogue_driver is None
            else SecondRecogniserQueue(
                parts.second_recogniser, self._workplaces.rules_for_second_recogniser, self._dialogue_driver.post
            )
        )
        self._dictation = make_dictation(
            parts,
            executor,
            self._distribute_dictation_event,
            heartbeat=self._report_ready_and_beat,
            clock=self._clock,
            gate=gate,
            speaking=self.speaking,
            dialogue_driver=self._dialogue_driver,
            expected=self._delivery.expected.current,
            workplaces=self._workplaces,
        )
        begins_when_audible = self._dialogue_driver if parts.settings.agree.conversation == "auto" else None
        self._audibility_monitor = (
            None
            if self.speaking is None
            else AudibilityMonitor(self.speaking, self._dictation, begins_when_audible, self.headset.publish_audibility)
        )
        self._supervisor = Supervisor(
            parts.settings,
            executor,
            self._heartbeats,
            self._notifier,
            self._clock,
            self._dictation,
            has_free=self._conditions.set_free_space,
        )
        self._parts = parts
        per_minute = parts.settings.understand.deferred_per_minute
        self._late_readings = None if parts.panel is None else LateReadings(self._workplaces, executor, per_minute)

    def _make_dialogue_driver(self, parts: Parts, executor: JournalThread) -> DialogueDriver:
        speaking = self.speaking

        def switch_form_or_language(work: StoreFormOrLanguageChange) -> None:
            """Switch voice output and status to another form or language."""
            form = self._workplaces.make_current(work).rules.form
            if speaking is not None:
                speaking.set_form_and_language(form, work.language)
            spoken = work.language or parts.settings.speak.language.value
            self._delivery.publish_state(
                "work", {"form": form.name, "language": spoken, "chosen": work.form is not None}
            )

        return DialogueDriver(
            Dialogue(
                parts.rules,
                make_dialogue_settings(parts.settings, parts.closing),
                partial(step_log.info, "%s"),
                parts.at_hand,
            ),
            executor,
            make_entry_renderer(parts, self._clock, self._workplaces),
            order=(lambda _: None) if speaking is None else speaking.queue_order,
            is_silent=(lambda: True) if speaking is None else lambda: speaking.is_silent,
            on_entry=self._on_agreed_entry,
            publish=self._on_step,
            attentive=lambda: self._dictation.is_busy,
            cut_off=(lambda: False) if speaking is None else speaking.pop_cut_off,
            shift=make_shift_lookup(parts.settings),
            switch_form_or_language=switch_form_or_language,
        )

    def microphone(self) -> Microphone:
        """The microphone that the settings name, watched by this agent."""
        return self.headset.microphone(partial(self._heartbeats.beat, "ear"))

    @property
    def is_utterance_open(self) -> bool:
        """Whether an utterance is open."""
        return self._dictation.is_utterance_open

    @property
    def uses_dialogue(self) -> bool:
        """Whether entries are agreed with the operator; can become true after the start, once a speaker is there."""
        return self._dictation.uses_dialogue

    @property
    def dialogue_timeout_left_s(self) -> float | None:
        """Seconds until the dialogue's timeout; None where none is running."""
        return None if self._dialogue_driver is None else self._dialogue_driver.timeout_left_s

    @property
    def connection_error(self) -> str | None:
        """Why there is no connection to the broker; None while connected, and before the first attempt."""
        return self._delivery.connection_error

    async def process_text(self, text: str) -> None:
        """Process typed text like an utterance: stored when this returns, read after all earlier utterances."""
        await self._dictation.queue_text(text)

    async def process_scan(self, scan: str, device: str) -> None:
        """Process a scan of the named scanner: stored when this returns, read after all earlier utterances."""
        await self._dictation.queue_scan(scan, device)

    def stop(self) -> None:
        """Stop listening; `run` concludes what was heard and delivers once more before it returns."""
        self._dictation.stop()
        if self._dialogue_driver is not None:
            self._dialogue_driver.stop_disk_retries()

    async def run(self, sources: Iterable[Source], *, settle_within_s: float) -> int:
        """Work until the sources have ended, then wait up to `settle_within_s` for pending events to be settled.

        Returns how many events are still pending: they are in the journal and go out at the next start.
        """
        async with asyncio.TaskGroup() as group:
            delivering = group.create_task(self._delivery.run())
            watching = [group.create_task(work) for work in self._background_tasks()]
            if self._late_readings is None:
                await self._dictate(sources)
            else:
                await self._dictate_with_models(sources, self._late_readings)
            self._hearing = False
            self._notifier.notify_stopping()
            await self._delivery.drain(settle_within_s)
            delivering.cancel()
            for watch in watching:
                watch.cancel()
        await self._executor(lambda journal: journal.successor.demand_none())
        return await self._executor(lambda journal: journal.outbox.count_unsettled())

    def _background_tasks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield the background tasks, besides dictation and delivery, that these settings need."""
        locked = (lambda _: None) if self.speaking is None else self.speaking.announce_lock
        yield self._supervisor.run_watchdog(lambda: self._live and not self._hearing, locked)
        yield self._supervisor.watch_state_directory()
        yield self._supervisor.manage_disk_space()
        yield self._supervisor.check_journal()
        if self._live:
            yield self.headset.follow_microphone_and_talk_key()
        if self.speaking is not None:
            yield self.speaking.run()
        if self.speaking is not None or self._dialogue_driver is not None:
            yield self._announcements.tell_refusals()
        if self._late_readings is not None:
            yield self._late_readings.store_answers()
        if self._live and self._settings.scan.device is not None:
            yield follow_scanner(self._settings.scan.device, self._settings.scan.separator, self.process_scan)
        yield review_decisions.serve_decision_socket(self._settings.state, self._decisions.decide)
        yield self._take_signed_decisions()
        yield self._catalogue_switch.switch_to_new_catalogues_when_idle(
            self._dictation, self._dialogue_driver, self._delivery.publish_roster_and_catalogue_versions
        )
        if self._live and self._settings.deliver.clips is not ClipPolicy.NEVER:
            counts = UnknownPhraseCounter(
                self._settings.state,
                self._workplaces.find_rules,
                lambda: self._dictation.is_busy,
                partial(self._delivery.publish_state, "unknown_words"),
            )
            yield counts.run()

    async def _take_signed_decisions(self) -> None:
        await self._begun.wait()  # from here on the dialogue can announce them
        read, carry_out = self._delivery.decisions.verify_and_parse, self._decisions.decide_signed
        await review_decisions.carry_out_signed_decisions(self._executor, self._decision_stored, read, carry_out)

    async def _dictate(self, sources: Iterable[Source]) -> None:
        if self._audibility_monitor is not None:
            await self._audibility_monitor.determine_audibility_at_start()
        await self._dictation.decide_unread()
        # Also without an audible operator: an open question is asked again, and goes to review when it times out.
        if self._dialogue_driver is not None:
            self._dialogue_driver.set_operators(self._delivery.roster.operators())
            await self._dialogue_driver.start()
            self._parts.past.set_state_source(self._dialogue_driver.model_prompt_state)
        self._begun.set()
        with _frozen_gc():
            async with asyncio.TaskGroup() as group:
                working = (self._dialogue_driver, self._audibility_monitor, self._second_recogniser_queue)
                beside = [group.create_task(one.run()) for one in working if one is not None]
                beside.append(group.create_task(self._workplaces.prepare_recognisers()))
                await dictate_sources(self._dictation, sources)
                for task in beside:
                    task.cancel()

    async def _dictate_with_models(self, sources: Iterable[Source], afterwards: LateReadings) -> None:
        """`_dictate` with a panel; all requests to models end before their connections are closed."""
        async with (
            run_panels(
                self._parts,
                afterwards.queue_answer,
                await load_budget(self._settings, self._executor),
                self._workplaces,
            ),
            asyncio.TaskGroup() as group,
        ):
            beside = [group.create_task(work) for work in (self._parts.clients.warm(), afterwards.read_deferred())]
            await self._dictate(sources)
            for task in beside:
                task.cancel()
        await afterwards.wait_until_stored()

    async def run_until_stopped(self, microphone: StoppableSource, *, settle_within_s: float) -> int:
        """Listen until SIGTERM, SIGINT or SIGHUP, then end `run` in order. Returns the number of pending events.

        Events that are still pending are no failure. A SIGHUP that was ignored at the start stays ignored, as nohup(1)
        requires.
        """

        def stop() -> None:
            self.stop()
            microphone.close()

        hangs_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        signals = (signal.SIGTERM, signal.SIGINT, *hangs_up)
        loop = asyncio.get_running_loop()

        def stop_on_first_signal(_number: int, _frame: object) -> None:
            for number in signals:  # A second signal must not cut the shutdown off.
                signal.signal(number, signal.SIG_IGN)
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop)

        for number in signals:
            signal.signal(number, stop_on_first_signal)  # Not the loop's own handlers, which end with the loop.
        try:
            return await self.run([microphone], settle_within_s=settle_within_s)
        finally:
            # After an error (the journal is gone), do not wait for a headset that may never be connected.
            microphone.close()

    def unfinished_error(self, pending: int, waited_s: float) -> Unfinished:
        """Make the error, with its cause, for `pending` events that were not settled within `waited_s` seconds."""
        unanswered = f"no receipt within {waited_s:g} s (is `dockvoice inventory` running?)"
        trouble = self._delivery.connection_error or self._delivery.broker_refusal or unanswered
        return Unfinished(
            f"{pending} recorded but not yet confirmed by the inventory: {trouble}. "
            "Nothing is lost: they are kept and go out at the next start; `dockvoice queue list` shows them"
        )

    def _distribute_dictation_event(self, event: DictationEvent) -> None:
        """Pass an event of dictation to delivery, models, second recogniser, voice and the subscriber."""
        if isinstance(event, UtteranceDecided):
            if event.row is not None:
                self._delivery.notify_pending()
            self._parts.past.add_turn(event.reading, event.verdict)
            if self._live and event.sound is not None:
                dictated = event.verdict.outcome is not Outcome.IGNORE
                self._conditions.add_sound(event.sound, asyncio.get_running_loop().time(), dictated=dictated)
            if self._second_recogniser_queue is not None and self._dialogue_driver is not None:
                self._second_recogniser_queue.queue_if_held(
                    event.utterance, event.reading, *self._dialogue_driver.state_and_draft
                )
            if self._late_readings is not None:
                self._late_readings.queue_decided_utterance(event.utterance.utterance_id, event.verdict.outcome)
        if self.speaking is not None and self._hearing:  # not for what an earlier run heard and left unread
            self.speaking.announce_dictation(event, agreed=self._dictation.uses_dialogue)
        self._publish(event)

    def _on_step(self, stands: DialogueStatus) -> None:
        """Publish a step of the dialogue; forget who signed off; cancel a second reading whose entry is not held."""
        if self._voice is not None:
            self._voice.sign_on(stands.operator)
        if self._second_recogniser_queue is not None:
            self._second_recogniser_queue.cancel_if_not_held(stands.state, stands.draft)
        self._publish(stands)

    def _on_agreed_entry(self, row: OutboxRow) -> None:
        """Notify delivery and late readings of an entry that the dialogue committed."""
        self._delivery.notify_pending()
        if self._late_readings is not None:
            self._late_readings.queue_committed_entry(row)

    def _publish_and_announce_headset_change(self, event: HeadsetEvent) -> None:
        """Publish a change of the headset; announce it, unless it is about the speaker."""
        if isinstance(event, AudibilityChanged):
            self._delivery.publish_state("speaker", {"heard": event.is_audible})
            self._publish(event)
            return
        code = event.fault if isinstance(event, MicrophoneFault) else "muted"
        begins = event.what is not None if isinstance(event, MicrophoneFault) else event.muted
        if begins and not self._hearing:  # waiting for an absent headset is ready: a restart would not connect it
            self._notifier.notify_ready(self.headset.status_line)
        self._announcements.announce(HeadsetFaultChanged(code, healed=not begins))
        self._publish(event)

    async def _rescan_sound_cards(self) -> bool:
        """Reopen the sound system to detect new cards; False, without doing so, while an utterance is in progress."""
        busy = not self._hearing or self._dictation.is_busy or self.headset.gate.talking
        return not busy and await self.headset.close_for_rescan()

    def _distribute_delivery_event(self, event: DeliveryEvent) -> None:
        """Pass an event of delivery to the dialogue, the headset, the announcements or the subscriber."""
        match event:
            case LinkChanged(up):
                if self._dialogue_driver is not None:
                    self._dialogue_driver.post(InventoryLinkChanged(up))
                self._publish(event)
            case OrderReceived(order):
                if self._live:
                    self.headset.carry_out(HeadsetOrder(order))
            case EntryRefused(receipt):
                self._announcements.refusals.put_nowait(receipt)
            case DecisionStored():
                self._decision_stored.set()
            case CrewChanged(operators):
                self._announcements.post_roster(operators)

    def _report_ready_and_beat(self) -> None:
        """Report READY to systemd at the first frame, and beat at every frame. Called in the ear's thread."""
        if not self._hearing:
            self._hearing = True
            self._notifier.notify_ready(self.headset.status_line)
        if self._live:
            self._heartbeats.beat("ear")


async def replay(
    parts: Parts, recordings: Sequence[RecordedSource], publish: Callable[[AgentEvent], None], *, settle_within_s: float
) -> None:
    """Process the recordings in order, deliver the accepted entries, and wait for the inventory's receipts.

    Restartable after a kill: utterances without a verdict are decided, committed entries are not committed again,
    pending events are sent. Raises Unfinished when events are still pending after `settle_within_s`.
    """
    with JournalThread(parts.settings.state, parts.settings.keep) as executor:
        agent = Agent(parts, executor, publish, live=False)
        pending = await agent.run(recordings, settle_within_s=settle_within_s)
    if pending:
        raise agent.unfinished_error(pending, settle_within_s)
