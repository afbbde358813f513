"""Voice output: makes the speaker from the settings, turns events into earcons and readbacks, detects audibility.

A headset may be switched on long after the device: until then one utterance is one entry, and from then on entries are
agreed with the operator for good. A speaker that vanishes is reopened once it is back: questions asked meanwhile go to
review, unanswered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from dockvoice_protocol.errors import DockvoiceError, Unavailable
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Reading, ScanFault
from edge.agent.dialogue_driver import DialogueDriver
from edge.agent.dictation import Dictation
from edge.agent.events import CaptureResumed, CaptureStopped, DictationEvent, UtteranceDecided
from edge.agree.dialogue.interface import HeadsetFaultChanged, InventoryAnswered, OfficeDecided
from edge.agree.dialogue.questions import build_field_question, render_question
from edge.agree.dialogue.receipts import render_refusal
from edge.agree.dialogue.review import render_declined
from edge.audio.sound_server import snapshot_playback_devices
from edge.config import ReadbackPolicy, Speak, VoiceKind
from edge.hear.speech_detection import EchoDetector, EchoSuppressingDetector
from edge.ports import SpeechScorer
from edge.records import ConfirmationKind, Outcome, Verdict
from edge.records.speech import AdjustVoice, Earcon, PlayEarcon, Prompt, Say, StopSpeaking
from edge.speak.loudspeaker import Loudspeaker, ReopenSchedule
from edge.speak.synthesis import ClauseCache, Speaker, VoiceAtPace
from edge.speak.voices import EspeakVoice, azure_voice, elevenlabs_voice, openai_voice
from edge.speak.wording import Phrasing

logger = logging.getLogger(__name__)

_LOOKING_S = 5.0  # Timeout for finding a speaker: it takes a tenth of a second, or for ever.

SPEAKER_POLL_S = 1.0  # Poll interval for a new speaker; each poll takes 5 ms of a processor.

_AGAIN_S = 30.0
"""Shortest interval between prompts for the same recurring fault; its earcon plays each time. Also the retry interval
of a voice that failed."""

_SOUNDS = {
    Outcome.ACCEPT: Earcon.STORED,
    Outcome.ASK: Earcon.QUESTION,
    Outcome.REPEAT: Earcon.NOT_UNDERSTOOD,
    Outcome.DEFER: Earcon.HEARD,
}
"""The earcon for each outcome. Noise and talk are ignored silently."""


def reply_to_verdict(verdict: Verdict, *, always: bool) -> Iterator[PlayEarcon | Say]:
    """The reply to a verdict without a dialogue: an earcon and a prompt.

    `always`: certain entries are read back too.
    """
    if verdict.outcome in _SOUNDS:
        yield PlayEarcon(_SOUNDS[verdict.outcome])
    match verdict.outcome:
        case Outcome.ACCEPT if always or verdict.confirm is not ConfirmationKind.EARCON:
            yield Say(Prompt.READBACK, verdict.fields)
        case Outcome.ASK if verdict.ask is not None:
            yield render_question(build_field_question(verdict.ask, verdict.candidates, verdict.reasons[0].reason))
        case Outcome.REPEAT:
            yield Say(Prompt.REPEAT)
        case Outcome.DEFER:
            yield Say(Prompt.DEFERRED)
        case _:
            pass


async def _not_at_all() -> bool:
    return False


class VoiceOutput:
    """The voice of one agent. Use it in the event loop only, except `ignore_own_voice`."""

    def __init__(
        self,
        settings: Speak,
        form: Form,
        clients: Mapping[str, Any],
        blink: Callable[[], Awaitable[bool]] = _not_at_all,
        forms: Mapping[str, Form] = {},
    ) -> None:
        """`form` is the first form; prompts may also be about the other `forms`.

        `clients` are the connections in the settings, for a service's voice. `blink` interrupts the microphone, unless
        an utterance is in progress, so that new sound cards are detected; it returns whether it did.
        """
        language = settings.language.value
        self._settings = settings
        self._clients = clients
        self._forms = forms
        self._blink = blink
        self._fault_spoken_at: dict[tuple[Prompt, str], float] = {}
        self._own = EchoDetector()
        self._phrasing = Phrasing(form, language, self._forms)
        self._loudspeaker = Loudspeaker(settings.device, settings.volume_db, taken=self._own.note_played)
        self._phrases = make_clause_cache(settings, clients)
        self._phrases_in = {language: self._phrases}
        self._speaker = Speaker(self._loudspeaker, self._phrases, self._phrasing, settings.rate)
        self._looked = asyncio.Event()
        self.lack: str | None = None
        """Why there was no speaker at the start, with the remedy; None where there was one, and before the try."""
        self._cut_off = False
        self._mute_since = float("-inf")

    def ignore_own_voice(self, scorer: SpeechScorer) -> SpeechScorer:
        """Wrap the speech detector so that it ignores this voice; speech over the voice silences it."""
        return EchoSuppressingDetector(scorer, self._own, time.monotonic, self._on_spoken_over)

    def _on_spoken_over(self) -> None:
        """Silence the voice, and record that it was cut off. Also called in the ear's thread."""
        if self._loudspeaker.stop_speaking():
            self._cut_off = True

    async def run(self) -> None:
        """Speak until cancelled, whenever there is a speaker."""
        lookout = ReopenSchedule(await asyncio.to_thread(snapshot_playback_devices))  # before PortAudio lists devices
        try:
            await self._loudspeaker.open()
        except Unavailable as fault:
            self.lack = str(fault)
        finally:
            self._looked.set()
        await self._until_open(lookout)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._speaker.run())
            while True:
                await self._loudspeaker.keep_open()
                await self._until_open(lookout)

    async def _until_open(self, lookout: ReopenSchedule) -> None:
        """Try to open a speaker until one is open; where that fails and is due, rescan the sound cards before."""
        while not self._loudspeaker.is_open:
            await asyncio.sleep(SPEAKER_POLL_S)
            outputs = await asyncio.to_thread(snapshot_playback_devices)
            if not lookout.note_outputs_and_check_due(outputs, time.monotonic()) or await self._try_to_open():
                continue
            if lookout.is_rescan_due(time.monotonic()) and await self._blink():
                lookout.note_rescan(time.monotonic())
                await self._try_to_open()

    async def _try_to_open(self) -> bool:
        try:
            await self._loudspeaker.open()
        except Unavailable as fault:
            logger.debug("%s", fault)
        return self._loudspeaker.is_open

    @property
    def is_speaker_required(self) -> bool:
        """Whether the settings require a speaker."""
        return self._settings.enabled is True

    async def is_audible(self) -> bool:
        """Whether prompts are audible now: there is a speaker and a voice; False after _LOOKING_S seconds."""
        try:
            return await asyncio.wait_for(self._found(), _LOOKING_S)
        except TimeoutError:
            return False

    async def _found(self) -> bool:
        await self._looked.wait()
        return await self._loudspeaker.is_audible() and await self.has_voice()

    async def has_voice(self) -> bool:
        """Whether there is a voice, a service's or this machine's. A failure is cached for _AGAIN_S seconds."""
        if time.monotonic() - self._mute_since < _AGAIN_S:
            return False
        try:
            await self._phrases.synthesise(self._phrasing.constant_clauses()[0], self._settings.rate)
        except DockvoiceError:  # logged by the speaker, which prepares its prompts
            self._mute_since = time.monotonic()
            return False
        return True

    @property
    def is_silent(self) -> bool:
        """Whether the device says nothing now."""
        return self._loudspeaker.is_quiet

    def pop_cut_off(self) -> bool:
        """Whether speech cut the voice off since the last call; the call resets it."""
        cut, self._cut_off = self._cut_off, False
        return cut

    def queue_order(self, order: Say | PlayEarcon | StopSpeaking | AdjustVoice) -> None:
        """Queue an order of the dialogue, except repeated prompts for the same fault. Returns at once."""
        if isinstance(order, StopSpeaking):
            self._on_spoken_over()
        elif not (isinstance(order, Say) and self._was_spoken_lately(order)):
            self._speaker.carry_out(order)

    def _was_spoken_lately(self, say: Say) -> bool:
        """Whether the same prompt for a fault, or its end, was spoken less than _AGAIN_S seconds ago."""
        if say.prompt not in {Prompt.FAULT, Prompt.HEALED}:
            return False
        fault_prompt, now = (say.prompt, say.slots.get("fault", "")), time.monotonic()
        if now - self._fault_spoken_at.get(fault_prompt, -_AGAIN_S) < _AGAIN_S:
            return True
        self._fault_spoken_at[fault_prompt] = now
        return False

    def set_form_and_language(self, form: Form, language: str | None) -> None:
        """Switch prompts to this form and language; None: the language of the settings."""
        spoken = language or self._settings.language.value
        self._phrasing = Phrasing(form, spoken, self._forms)
        if spoken not in self._phrases_in:
            self._phrases_in[spoken] = make_clause_cache(self._settings, self._clients, spoken)
        self._phrases = self._phrases_in[spoken]
        self._speaker.set_voice(self._phrases, self._phrasing)

    def announce_dictation(self, event: DictationEvent, *, agreed: bool) -> None:
        """Announce an event of dictation; `agreed`: the dialogue replies to verdicts."""
        match event:
            case UtteranceDecided(reading=Reading(not_understood=ScanFault() as fault)) if not agreed:
                self._speaker.carry_out(PlayEarcon(Earcon.NOT_UNDERSTOOD))
                self._speaker.carry_out(Say(Prompt.SCAN_FAULT, slots={"scan": str(fault)}))
            case UtteranceDecided(verdict=verdict) if not agreed:
                for order in reply_to_verdict(verdict, always=self._settings.read_back is ReadbackPolicy.ALWAYS):
                    self._speaker.carry_out(order)
            case CaptureStopped():
                self.announce(HeadsetFaultChanged("not_recording"))
            case CaptureResumed():
                self.announce(HeadsetFaultChanged("not_recording", healed=True))
            case _:
                pass

    def announce_lock(self, begins: bool) -> None:
        """Announce that another program has locked or unlocked the journal, for which the dialogue waits."""
        self.announce(HeadsetFaultChanged("storage_locked", healed=not begins))

    def announce(self, what: HeadsetFaultChanged | InventoryAnswered | OfficeDecided) -> None:
        """Announce an event without a dialogue: a fault at once, a rejection or declined posting in a quiet moment."""
        match what:
            case InventoryAnswered():
                self._speaker.queue_news(render_refusal(what), PlayEarcon(Earcon.REFUSED))
            case OfficeDecided():
                self._speaker.queue_news(render_declined({}, what), PlayEarcon(Earcon.REFUSED))
            case HeadsetFaultChanged(code, healed=True):
                self.queue_order(Say(Prompt.HEALED, slots={"fault": code}))
            case HeadsetFaultChanged(code):
                self.queue_order(PlayEarcon(Earcon.FAULT))
                self.queue_order(Say(Prompt.FAULT, slots={"fault": code}, priority=True))


def make_clause_cache(settings: Speak, clients: Mapping[str, Any], language: str | None = None) -> ClauseCache:
    """Make the settings' voice, in another `language` where given; espeak is the fallback of a service's."""
    language = language or settings.language.value
    if settings.voice is VoiceKind.ESPEAK:
        return ClauseCache(EspeakVoice, language)
    return ClauseCache(_make_service_voice(settings, clients), language, stand_in=EspeakVoice)


def _make_service_voice(settings: Speak, clients: Mapping[str, Any]) -> VoiceAtPace:
    client, model, speaker = clients[str(settings.client)], str(settings.model), str(settings.speaker)
    match settings.voice:
        case VoiceKind.OPENAI:
            voice = openai_voice(client, model, speaker, client.openai_path("audio/speech", model))
        case VoiceKind.ELEVENLABS:
            voice = elevenlabs_voice(client, model, speaker)
        case _:
            voice = azure_voice(client, speaker)
    return lambda _pace: voice


AUDIBILITY_POLL_S = 1.5  # Poll interval for a speaker. Two equal results in a row count, to debounce a plug.

_LONGEST_S = 60.0  # Longest wait for a quiet moment to begin the dialogue, where speech or noise never ends.

_INAUDIBLE = (
    "nothing is read back, the operator cannot hear the device: %s%s. A speaker that appears is used from then on"
)
_LACK = "it lacks a speaker or a voice; where there shall be none, set speak.enabled = false"
_ALONE = "; each utterance is recorded, or not, by itself"
_AUDIBLE = "speaker: there is one now, the operator hears the device"
_LOST = "speaker: there is none any more; what is asked is not heard, and goes to a person unanswered"


class AudibilityMonitor:
    """Tracks whether the operator can hear the device, and then begins the dialogue. Use it in the event loop only."""

    def __init__(
        self,
        speaking: VoiceOutput,
        dictation: Dictation,
        dialogue_driver: DialogueDriver | None,
        publish: Callable[[bool], None],
    ) -> None:
        """`publish` is called at the start and at each change with whether the device is audible.

        `dialogue_driver` is the dialogue to begin once the device is audible; None where it does not depend on that.
        """
        self._speaking = speaking
        self._dictation = dictation
        self._dialogue_driver = dialogue_driver
        self._publish = publish
        self._is_audible = False
        self._since = 0.0

    async def determine_audibility_at_start(self) -> None:
        """Determine audibility at the start; without it, suspend a dialogue that depends on it.

        The dialogue stays where the settings require a speaker and there is a voice.
        """
        self._is_audible = await self._speaking.is_audible()
        self._publish(self._is_audible)
        if self._is_audible:
            return
        waited_for = self._speaking.is_speaker_required and await self._speaking.has_voice()
        if self._dialogue_driver is not None and not waited_for:
            self._dictation.suspend_dialogue()
        logger.warning(_INAUDIBLE, self._speaking.lack or _LACK, "" if self._dictation.uses_dialogue else _ALONE)

    async def run(self) -> None:
        """Poll audibility, publish its changes, and begin the dialogue once audible, until cancelled."""
        seen, begun = self._is_audible, self._dictation.uses_dialogue
        while True:
            await asyncio.sleep(AUDIBILITY_POLL_S)
            before, seen = seen, await self._speaking.is_audible()
            if seen is not before:
                continue
            if seen is not self._is_audible:
                self._changed(audible=seen)
            if seen and not begun and self._dialogue_driver is not None and self._is_quiet(self._dialogue_driver):
                self._dictation.begin_dialogue(self._resume_dialogue)
                begun = True

    def _changed(self, *, audible: bool) -> None:
        self._is_audible, self._since = audible, time.monotonic()
        logger.warning(_AUDIBLE if audible else _LOST)
        self._publish(audible)

    def _is_quiet(self, dialogue_driver: DialogueDriver) -> bool:
        """Whether no speech is in progress (for at most _LONGEST_S) and no question of an earlier run is open."""
        if dialogue_driver.awaits_answer:
            return False
        return not self._dictation.is_busy or time.monotonic() - self._since > _LONGEST_S

    async def _resume_dialogue(self) -> None:
        """Resume the dialogue from the journal's current state, and announce that the device listens."""
        if self._dialogue_driver is not None:
            await self._dialogue_driver.start()
        self._speaking.queue_order(PlayEarcon(Earcon.HEARD))
        self._speaking.queue_order(Say(Prompt.LISTENING))
        logger.warning("entries are agreed with the operator from now on")
