"""Speech synthesis of replies: clauses made by a voice, cached, and spoken in the dialogue's order.

An earcon is ready before it is ordered. A phrase usually begins with a cached clause; the rest is made while that
plays. Without a speaker orders are dropped: dictation continues.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

import numpy as np

from dockvoice_protocol.errors import DockvoiceError, Unavailable
from dockvoice_protocol.records import Command
from edge.ports import Voice
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.records.speech import AdjustVoice, Earcon, PlayEarcon, Say, StopSpeaking
from edge.speak.loudspeaker import Loudspeaker
from edge.speak.mixer import MOST_WAITING, Phrase, PhrasePriority, Samples, earcon_samples
from edge.speak.wording import Clauses, Phrasing

_logger = logging.getLogger(__name__)

_REMEMBERED_BYTES = 16_000_000
"""Eight minutes of sound: every label, question and prompt in use, and the numbers and docks of a shift."""

_WITHIN_S = 3.0  # A voice that has not spoken by then is late for any conversation.

_LOUDNESS_DB = -20.0
"""Root mean square of the words, dB below full scale: speech as it is usually recorded, for voices of any vendor."""

_PEAK_DB = -3.0  # No sample is louder, whatever that does to the loudness.

_SILENCE_DB = -50.0
"""What lies below this, relative to the loudest sample, before the first word and after the last, is trimmed."""

_KEPT = SAMPLE_RATE * 5 // 1000  # Left before and behind the words, faded: 5 ms.

BREATHS_MS = {",": 120, ":": 120, ";": 150, ".": 220, "?": 220, "!": 220}
"""The silence after a clause, by the mark it ends with; next to none where the sentence goes on."""
NO_BREATH_MS = 30

VoiceAtPace = Callable[[float], Voice]  # The voice for a pace; a voice with a single pace returns itself.


class ClauseCache:
    """Synthesises clauses in one language, and caches their sound."""

    def __init__(
        self,
        voice: VoiceAtPace,
        language: str,
        stand_in: VoiceAtPace | None = None,
        most_bytes: int = _REMEMBERED_BYTES,
    ) -> None:
        """`stand_in` is the fallback voice while `voice` is unavailable."""
        self._voice = voice
        self._stand_in = stand_in
        self._language = language
        self._most_bytes = most_bytes
        self._bytes = 0
        self._remembered: OrderedDict[tuple[str, float], Samples] = OrderedDict()
        self._silent: str | None = None

    def cached(self, clause: str, pace: float) -> Samples | None:
        """The cached sound of a clause; None where it is not cached."""
        sound = self._remembered.get((clause, pace))
        if sound is not None:
            self._remembered.move_to_end((clause, pace))
        return sound

    async def synthesise(self, clause: str, pace: float) -> Samples:
        """The sound of a clause, which is cached. Raises Unavailable or Misconfigured without a voice."""
        if (ready := self.cached(clause, pace)) is not None:
            return ready
        try:
            said = await self._collect_pcm(self._voice(pace), clause)
        except Unavailable as fault:
            if self._stand_in is None:
                raise
            self._log_once(str(fault))
            return trim_level_and_append_pause(
                await self._collect_pcm(self._stand_in(pace), clause), clause
            )  # not kept: the voice may come back
        self._silent = None
        return self._cache_sound((clause, pace), trim_level_and_append_pause(said, clause))

    async def cache_in_advance(self, clauses: Iterable[str], pace: float) -> None:
        """Cache clauses in advance, up to the first that fails, which is logged: the rest are made when needed."""
        for clause in clauses:
            try:
                await self.synthesise(clause, pace)
            except DockvoiceError as fault:
                self._log_once(str(fault))
                return

    async def _collect_pcm(self, voice: Voice, clause: str) -> bytes:
        return b"".join([piece async for piece in voice.say(clause, self._language, _WITHIN_S)])

    def _log_once(self, fault: str) -> None:
        """Log the fault, once until a voice works again."""
        if self._silent is None:
            _logger.warning("speak: %s", fault)
        self._silent = fault

    def _cache_sound(self, key: tuple[str, float], sound: Samples) -> Samples:
        self._remembered[key] = sound
        self._bytes += sound.nbytes
        while self._bytes > self._most_bytes and len(self._remembered) > 1:
            _, oldest = self._remembered.popitem(last=False)
            self._bytes -= oldest.nbytes
        return sound


def trim_level_and_append_pause(pcm: bytes, clause: str) -> Samples:
    """Trim a voice's sound to the words, normalise its loudness, and append the clause's pause."""
    samples = np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], dtype="<i2").astype(np.float64)
    loudest = np.abs(samples).max(initial=0)
    if loudest == 0:
        return np.zeros(0, dtype=np.int16)
    audible = np.flatnonzero(np.abs(samples) > loudest * 10 ** (_SILENCE_DB / 20))
    words = samples[max(audible[0] - _KEPT, 0) : audible[-1] + 1 + _KEPT]
    full = np.iinfo(np.int16).max
    wanted = 10 ** (_LOUDNESS_DB / 20) * full / np.sqrt(np.mean(words**2))
    words = words * min(wanted, 10 ** (_PEAK_DB / 20) * full / loudest)
    edge = min(_KEPT, len(words) // 2)
    words[:edge] *= np.linspace(0, 1, edge)
    words[len(words) - edge :] *= np.linspace(1, 0, edge)
    breath = np.zeros(SAMPLE_RATE * BREATHS_MS.get(clause[-1:], NO_BREATH_MS) // 1000)
    sound: Samples = np.rint(np.concatenate([words, breath])).astype(np.int16)
    return sound


_PACE_STEP = 1.15  # Faster and slower: the least change of pace that is plainly heard.
_SLOWEST, _FASTEST = 0.6, 2.0
"""Times the usual pace. Practised operators follow twice the usual one; beyond that digits run together."""

_LOUDER = {Command.LOUDER: 1, Command.SOFTER: -1}
_FASTER = {Command.FASTER: 1, Command.SLOWER: -1}

_QUIET_LOOK_S = 0.2  # Poll interval for a quiet moment while news wait.


class Speaker:
    """Executes orders to speak: words them, synthesises the sound, and passes it to the loudspeaker."""

    def __init__(self, loudspeaker: Loudspeaker, phrases: ClauseCache, phrasing: Phrasing, pace: float = 1.0) -> None:
        self._loudspeaker = loudspeaker
        self._phrases = phrases
        self._phrasing = phrasing
        self._pace = min(max(pace, _SLOWEST), _FASTEST)
        self._orders: asyncio.Queue[tuple[ClauseCache, Phrase, Clauses]] = asyncio.Queue()
        self._news: deque[tuple[Say, PlayEarcon]] = deque(maxlen=MOST_WAITING)
        self._silence_logged = False
        self._unprepared = asyncio.Event()

    def carry_out(self, order: Say | PlayEarcon | StopSpeaking | AdjustVoice) -> None:
        """Play an earcon, queue a phrase, stop speaking, or change volume or pace. Returns at once."""
        match order:
            case PlayEarcon(which):
                self._loudspeaker.play_earcon(earcon_samples(which))
            case Say():
                self._queue_phrase(order, PhrasePriority.PRIORITY if order.priority else PhrasePriority.REPLY)
            case StopSpeaking():
                self._loudspeaker.stop_speaking()
            case AdjustVoice(what):
                self._adjust_voice(what)

    def set_voice(self, clauses: ClauseCache, wording: Phrasing) -> None:
        """Use another voice and wording for later orders."""
        self._phrases, self._phrasing = clauses, wording
        self._unprepared.set()

    def queue_news(self, say: Say, sound: PlayEarcon) -> None:
        """Queue an announcement, after its earcon, for the next quiet moment. The oldest of too many are dropped."""
        self._news.append((say, sound))

    async def run(self) -> None:
        """Synthesise queued phrases, and speak news in quiet moments, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._cache_earcons_and_constant_clauses())
            group.create_task(self._speak_news_when_quiet())
            while True:
                await self._synthesise(*await self._orders.get())

    def _queue_phrase(self, say: Say, rank: PhrasePriority) -> None:
        if (phrase := self._loudspeaker.queue_phrase(rank)) is None:
            return
        clauses = self._phrasing.clauses(say)
        while clauses and (ready := self._phrases.cached(clauses[0], self._pace)) is not None:
            self._loudspeaker.append_sound(phrase, ready)
            clauses = clauses[1:]
        if clauses:
            self._orders.put_nowait((self._phrases, phrase, clauses))
        else:
            self._loudspeaker.end_phrase(phrase)

    async def _synthesise(self, phrases: ClauseCache, phrase: Phrase, clauses: Clauses) -> None:
        try:
            for clause in clauses:
                if not self._loudspeaker.append_sound(phrase, await phrases.synthesise(clause, self._pace)):
                    break
            self._silence_logged = False
        except DockvoiceError as fault:
            self._log_silence_once(fault)
        finally:
            self._loudspeaker.end_phrase(phrase)

    def _log_silence_once(self, fault: DockvoiceError) -> None:
        if not self._silence_logged:
            _logger.error("speak: nothing is read back, earcons alone are heard: %s", fault)
        self._silence_logged = True

    def _adjust_voice(self, what: Command) -> None:
        if what in _LOUDER:
            self._loudspeaker.adjust_volume(_LOUDER[what])
        elif what in _FASTER:
            self._pace = min(max(self._pace * _PACE_STEP ** _FASTER[what], _SLOWEST), _FASTEST)

    async def _cache_earcons_and_constant_clauses(self) -> None:
        for which in Earcon:
            earcon_samples(which)
        while True:
            self._unprepared.clear()
            await self._phrases.cache_in_advance(self._phrasing.constant_clauses(), self._pace)
            await self._unprepared.wait()

    async def _speak_news_when_quiet(self) -> None:
        while True:
            await asyncio.sleep(_QUIET_LOOK_S)
            if self._news and self._loudspeaker.is_open and self._loudspeaker.is_quiet:
                say, sound = self._news.popleft()
                self.carry_out(sound)
                self._queue_phrase(say, PhrasePriority.NEWS)
