"""The voice of an agent: settings become a speaker, and what happens becomes what is heard.

Whatever is wrong with it is told once, and dictation goes on: a device that cannot speak still records.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from edge.agree.loudspeaker import Loudspeaker
from edge.agree.orders import Adjust, Earcon, Hush, Say, Sound
from edge.agree.phrases import PaceOf, Phrases
from edge.agree.phrasing import Phrasing
from edge.agree.prompts import Prompt
from edge.agree.replies import replies
from edge.agree.speak import Speaker
from edge.agree.voices.azure_voice import AzureVoice
from edge.agree.voices.elevenlabs_voice import ElevenLabsVoice
from edge.agree.voices.espeak import WORDS_PER_MINUTE, EspeakVoice
from edge.agree.voices.openai_voice import OpenAiVoice
from edge.config import ReadBack, Speak, VoiceKind
from edge.errors import Unavailable
from edge.forms.form import Form
from edge.hear.own_voice import NotOneself, OwnVoice
from edge.ports import SpeechScorer, Voice
from edge.records import FieldValue, Verdict

logger = logging.getLogger(__name__)

AGAIN_S = 30.0
"""A fault that comes and goes is put into words once in so long; each time its sound is heard."""


class Speaking:
    """The voice of one agent. Everything but `deaf_to_itself` belongs to the loop."""

    def __init__(self, settings: Speak, form: Form, clients: Mapping[str, Any]) -> None:
        """`clients` are the connections that the settings name, for a voice of a service."""
        language = settings.language.value
        self._settings = settings
        self._told: dict[tuple[Prompt, str], float] = {}
        self._own = OwnVoice()
        self._phrasing = Phrasing(form, language)
        self._loudspeaker = Loudspeaker(settings.device, settings.volume_db, taken=self._own.played)
        self._speaker = Speaker(self._loudspeaker, phrases(settings, clients), self._phrasing, settings.rate)

    def deaf_to_itself(self, scorer: SpeechScorer) -> SpeechScorer:
        """The detector of speech that does not hear this voice; who speaks over it silences it."""
        return NotOneself(scorer, self._own, time.monotonic, self._loudspeaker.hush)

    async def run(self) -> None:
        """Speak until cancelled. Returns at once where there is no speaker and none is wanted."""
        try:
            await self._loudspeaker.open()
        except Unavailable as fault:
            logger.warning("nothing is read back: %s", fault)
            if self._settings.enabled == "auto":
                return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loudspeaker.keep_open())
            group.create_task(self._speaker.run())

    @property
    def quiet(self) -> bool:
        """Whether nothing is being said."""
        return self._loudspeaker.quiet

    def order(self, order: Say | Sound | Hush | Adjust) -> None:
        """Do what a dialogue wants heard, but for a fault that comes and goes. Returns at once."""
        if not (isinstance(order, Say) and self._was_told(order)):
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
        for order in replies(verdict, self._phrasing.readback, always=always):
            self._speaker.order(order)

    def fault(self, code: str) -> None:
        """Something keeps the device from hearing or recording: told over everything else."""
        self.order(Sound(Earcon.FAULT))
        self.order(Say(Prompt.FAULT, slots={"fault": code}, priority=True))

    def healed(self, code: str) -> None:
        """It is over."""
        self.order(Say(Prompt.HEALED, slots={"fault": code}))

    def refused(self, fields: Mapping[str, FieldValue], reason: str) -> None:
        """The inventory refused an entry: told at the next quiet moment."""
        self._speaker.news(Say(Prompt.REFUSED, fields, {"reason": reason}), Sound(Earcon.REFUSED))


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
