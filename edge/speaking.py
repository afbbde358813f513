"""The voice of an agent: settings become a speaker, and what happens becomes what is heard.

Dictation goes on whatever is wrong with it: a device that cannot speak still records.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from edge.agree.happenings import Answered
from edge.agree.lookout import Lookout
from edge.agree.loudspeaker import Loudspeaker
from edge.agree.orders import Adjust, Earcon, Hush, Say, Sound
from edge.agree.outlet import outlets
from edge.agree.phrases import PaceOf, Phrases
from edge.agree.phrasing import Phrasing
from edge.agree.prompts import Prompt
from edge.agree.replies import replies, turned_down
from edge.agree.speak import Speaker
from edge.agree.voices.azure_voice import AzureVoice
from edge.agree.voices.elevenlabs_voice import ElevenLabsVoice
from edge.agree.voices.espeak import WORDS_PER_MINUTE, EspeakVoice
from edge.agree.voices.openai_voice import OpenAiVoice
from edge.config import ReadBack, Speak, VoiceKind
from edge.errors import DockvoiceError, Unavailable
from edge.forms.form import Form
from edge.hear.own_voice import NotOneself, OwnVoice
from edge.ports import SpeechScorer, Voice
from edge.records import Verdict

logger = logging.getLogger(__name__)

LOOKING_S = 5.0
"""Who is to be heard waits no longer to know whether there is a speaker: it takes a tenth of a second, or for ever."""

LOOK_EVERY_S = 1.0
"""How often it is looked whether a speaker has appeared: 5 ms of a processor each time."""

AGAIN_S = 30.0
"""A fault that comes and goes is put into words once in so long; each time its sound is heard. A voice that failed is
asked again after the same while."""


async def _not_at_all() -> bool:
    return False


class Speaking:
    """The voice of one agent. Everything but `deaf_to_itself` belongs to the loop."""

    def __init__(
        self,
        settings: Speak,
        form: Form,
        clients: Mapping[str, Any],
        blink: Callable[[], Awaitable[bool]] = _not_at_all,
    ) -> None:
        """`clients` are the connections that the settings name, for a voice of a service.

        `blink` lets sound cards be seen that are new, as soon as nobody speaks; whether it did.
        """
        language = settings.language.value
        self._settings = settings
        self._blink = blink
        self._told: dict[tuple[Prompt, str], float] = {}
        self._own = OwnVoice()
        self._phrasing = Phrasing(form, language)
        self._loudspeaker = Loudspeaker(settings.device, settings.volume_db, taken=self._own.played)
        self._phrases = phrases(settings, clients)
        self._speaker = Speaker(self._loudspeaker, self._phrases, self._phrasing, settings.rate)
        self._looked = asyncio.Event()
        self._lack: str | None = None
        self._cut_off = False
        self._mute_since = float("-inf")

    def deaf_to_itself(self, scorer: SpeechScorer) -> SpeechScorer:
        """The detector of speech that does not hear this voice; who speaks over it silences it."""
        return NotOneself(scorer, self._own, time.monotonic, self._spoken_over)

    def _spoken_over(self) -> None:
        """Called in the ear's thread, too."""
        if self._loudspeaker.hush():
            self._cut_off = True

    async def run(self) -> None:
        """Speak until cancelled, whenever there is a speaker."""
        lookout = Lookout(await asyncio.to_thread(outlets))  # before PortAudio is loaded, and looks for itself
        try:
            await self._loudspeaker.open()
        except Unavailable as fault:
            self._lack = str(fault)
        finally:
            self._looked.set()
        await self._until_open(lookout)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._speaker.run())
            while True:
                await self._loudspeaker.keep_open()
                await self._until_open(lookout)

    async def _until_open(self, lookout: Lookout) -> None:
        """Return when there is a speaker, and it takes sound."""
        while not self._loudspeaker.is_open:
            await asyncio.sleep(LOOK_EVERY_S)
            if lookout.is_worth_trying(await asyncio.to_thread(outlets), time.monotonic()):
                await self._try(lookout)

    async def _try(self, lookout: Lookout) -> None:
        if not await self._opens() and lookout.is_worth_a_blink(time.monotonic()) and await self._blink():
            lookout.blinked(time.monotonic())
            await self._opens()

    async def _opens(self) -> bool:
        try:
            await self._loudspeaker.open()
        except Unavailable as fault:
            logger.debug("%s", fault)
        return self._loudspeaker.is_open

    @property
    def is_waited_for(self) -> bool:
        """Whether the settings take for granted that a speaker will be there."""
        return self._settings.enabled is True

    @property
    def lack(self) -> str | None:
        """What the speaker lacked at the start, and what to do; None where there was one, or nothing is known yet."""
        return self._lack

    async def is_heard(self) -> bool:
        """Whether words can be heard now: there is a speaker, and a voice."""
        try:
            return await asyncio.wait_for(self._found(), LOOKING_S)
        except TimeoutError:
            return False

    async def _found(self) -> bool:
        await self._looked.wait()
        return await self._loudspeaker.is_heard() and await self.has_voice()

    async def has_voice(self) -> bool:
        """Whether there is a voice: of a service, or of this machine. One that failed is asked again after a while."""
        if time.monotonic() - self._mute_since < AGAIN_S:
            return False
        try:
            await self._phrases.sound(self._phrasing.constant()[0], self._settings.rate)
        except DockvoiceError:  # told by the speaker, which prepares what it will say
            self._mute_since = time.monotonic()
            return False
        return True

    @property
    def quiet(self) -> bool:
        """Whether nothing is being said."""
        return self._loudspeaker.quiet

    def was_cut_off(self) -> bool:
        """Whether somebody spoke over what was being said, since this was asked last."""
        cut, self._cut_off = self._cut_off, False
        return cut

    def order(self, order: Say | Sound | Hush | Adjust) -> None:
        """Do what a dialogue wants heard, but for a fault that comes and goes. Returns at once."""
        if isinstance(order, Hush):
            self._spoken_over()
        elif not (isinstance(order, Say) and self._was_told(order)):
            self._speaker.order(order)

    def _was_told(self, say: Say) -> bool:
        """Whether the same fault, or the end of it, was told a short while ago."""
        if say.prompt not in {Prompt.FAULT, Prompt.HEALED}:
            return False
        told, now = (say.prompt, say.slots.get("fault", "")), time.monotonic()
        if now - self._told.get(told, -AGAIN_S) < AGAIN_S:
            return True
        self._told[told] = now
        return False

    def decided(self, verdict: Verdict) -> None:
        """Answer what was said."""
        always = self._settings.read_back is ReadBack.ALWAYS
        for order in replies(verdict, always=always):
            self._speaker.order(order)

    def fault(self, code: str) -> None:
        """Something keeps the device from hearing or recording: told over everything else."""
        self.order(Sound(Earcon.FAULT))
        self.order(Say(Prompt.FAULT, slots={"fault": code}, priority=True))

    def healed(self, code: str) -> None:
        """It is over."""
        self.order(Say(Prompt.HEALED, slots={"fault": code}))

    def turned_down(self, answer: Answered) -> None:
        """The inventory does not take an entry: told at the next quiet moment."""
        self._speaker.news(turned_down(answer), Sound(Earcon.REFUSED))


def phrases(settings: Speak, clients: Mapping[str, Any]) -> Phrases:
    """The voice that the settings ask for; behind one of a service, espeak stands in."""
    language = settings.language.value
    if settings.voice is VoiceKind.ESPEAK:
        return Phrases(_espeak, language)
    return Phrases(_of_service(settings, clients), language, stand_in=_espeak)


def _espeak(pace: float) -> Voice:
    return EspeakVoice(round(WORDS_PER_MINUTE * pace))


def _of_service(settings: Speak, clients: Mapping[str, Any]) -> PaceOf:
    client, model, speaker = clients[str(settings.client)], str(settings.model), str(settings.speaker)
    voice: Voice
    match settings.voice:
        case VoiceKind.OPENAI:
            voice = OpenAiVoice(client, model, speaker, client.openai_path("audio/speech", model))
        case VoiceKind.ELEVENLABS:
            voice = ElevenLabsVoice(client, model, speaker)
        case _:
            voice = AzureVoice(client, speaker)
    return lambda _pace: voice
