"""Vosk: recognisers with a grammar of the form's sentences, and the detector of the wake phrase.

The sentences sampled from the form become a bigram language model; other words are recognised as `[unk]`. Weights are
tuned when they are unpacked (`config/models.toml`): as published, repeated readings of a recording differ, and close
alternatives are lost. Each utterance is recognised at two speeds, on two threads, as it is and a little slower, and the
first time without its noise, where a network is here that suppresses it: right words are the same in both, many errors
are not, whatever vosk's confidence.

Confidences of weights that were not measured here are not calibrated, so the operator confirms every value ("pallet 7 4
2, right?").
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from time import thread_time
from typing import Any, TypeVar

import numpy as np
import soxr
import vosk

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import parse_meaning, read_transcript
from dockvoice_protocol.forms.spoken.confusable import RivalKind, classify_rival, find_unlisted_rival
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, ENGLISH, Language
from dockvoice_protocol.forms.spoken.reader import cached_lexicon
from dockvoice_protocol.forms.spoken.rough import rough_sentences
from dockvoice_protocol.records import FieldReading, Reading, Transcript, TurnExpectation, Word
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.understand.local.confidence import VOSK, Alternative, Calibration, likeliest_meaning
from edge.understand.local.incremental import Awaited, OnDeviceInterpreter, SpeculativeListener, await_no_fields
from edge.understand.local.noise_suppression import Network, NoiseSuppressor
from edge.understand.reading_builder import (
    NOISE_S,
    UNKNOWN,
    build_reading,
    parse_without_initial_noise,
    refuse_unknown_words,
    resolve_homophones,
)
from edge.understand.stt.transcript_reader import TranscriptParser
from edge.understand.unclear_digits import doubt_digits
from edge.understand.wearer_loudness import Loudness, WearerLoudness

vosk.SetLogLevel(-1)  # else a page for every recogniser, on the standard error of whichever command is running

_SLOWER = 0.93
"""The speed of the second hearing: enough to fall differently on the recogniser's frames, little enough to stay a voice
of the kind that it knows."""

_SPEEDS = (1.0, _SLOWER)  # Of the hearings of each utterance.

_TIMES = 3
"""So often each sentence counts, and what may be said beside it once: a word of a remark is else heard for a digit ("oh
need" for "oh eight"). A decoder is made in 90 ms instead of 40; four times did hardly more."""

_RETIRED = 600 * SAMPLE_RATE
"""Samples after which a decoder is used no more: vosk counts seconds in 32 bits, which are ever coarser."""

_HUNDREDTHS = 2  # Decimals: vosk's frames last 0.03 s.

_SAID_IN_S = 0.3  # A word's place where only the order of words is known, with no pause between two.

_MOST_ALTERNATIVES = 20  # More never mattered: most of them say "uh" in other places.

_UNSURE = 0.0  # Confidence of a value that rests on no word, with unmeasured weights.


class VoskInterpreter(OnDeviceInterpreter):
    """Reads utterances with the weights in one directory, for one form. Any number of listeners may be open."""

    def __init__(
        self,
        weights: Path,
        form: Form,
        catalogue: Catalogue,
        sentences: tuple[str, ...],
        beside: Sequence[str] = (),
        *,
        converses: bool = False,
        awaited: Awaited = await_no_fields,
        curves: Mapping[RivalKind, Calibration] = VOSK,
    ) -> None:
        """Load the weights, half a second, to recognise `sentences`; with `converses`, those of a dialogue too.

        `beside`: words and phrases that may surround them. Without the words, vosk writes a word of the form for each
        ("cheers" as "six"); with single words only, "dock d, c later" for "see you later". Those outside the vocabulary
        are dropped. Raises Misconfigured where the weights cannot be loaded or lack a word of the form.
        """
        super().__init__(f"vosk/{weights.name}", form, catalogue, converses=converses, awaited=awaited)
        self._labels = frozenset(label.split()[0] for field in form.fields for label in field.labels)
        self._parts_of_values = cached_lexicon(form, catalogue, ENGLISH).parts_of_values
        self._curves = curves
        knows = make_vocabulary_test(weights)
        refuse_unknown_words(self.name, form, sentences, knows)
        grammar = json.dumps([*sentences * _TIMES, *filter(knows, beside), UNKNOWN])
        self._decoders = _Decoders(partial(_make_decoder, load_model(weights), grammar, _MOST_ALTERNATIVES))
        self._thread = _SlowerThread()
        self.noise_network: Network | None = None
        """Suppresses noise ahead of the first hearing, where it is here. Set once, before the first utterance."""

    def listen(self) -> SpeculativeListener:
        """Begin to listen to one utterance, which is decoded while it is spoken."""
        return self._listen(partial(self._begin, self.noise_network and NoiseSuppressor(self.noise_network)))

    def _begin(self, noise: NoiseSuppressor | None = None) -> _Recogniser:
        first, slower = (_AlternativesHearing(self._decoders, speed, self._labels) for speed in _SPEEDS)
        return _Recogniser(first, slower, noise, self._thread, self._understand, self._is_unfinished_entry)

    def _cpu_seconds(self) -> float:
        return super()._cpu_seconds() + self._thread.cpu_s

    def _is_unfinished_entry(self, words: Sequence[str]) -> bool:
        """Whether these words, perhaps without the last, surely lack a part of an entry."""
        said = [Word(text, at * _SAID_IN_S, (at + 1) * _SAID_IN_S, 1.0) for at, text in enumerate(words)]
        fields = self._read(said)
        return self._lacks_several(fields) and self._expected(said, fields) is TurnExpectation.MORE

    def _understand(self, hearings: Sequence[Sequence[Alternative]], loudness: Loudness) -> Reading:
        """The reading of the wearer's words, without those of other voices."""
        likeliest = hearings[0][0].words
        wearer = WearerLoudness(likeliest, loudness)
        words = wearer.drop_or_mask_other_voices(likeliest)
        span = wearer.find_entry_between_other_voices(words, self._read, self._needed)

        def own(words: Sequence[Word]) -> tuple[Word, ...]:
            near = wearer.drop_or_mask_other_voices(words)
            return near if span is None else wearer.cut_and_mask_faint_numbers(near, span)

        alone = [[replace(one, words=own(one.words)) for one in hearing] for hearing in hearings]
        return self._propose(alone)

    def _propose(self, hearings: Sequence[Sequence[Alternative]]) -> Reading:
        words, fields = likeliest_meaning(hearings, self._read, self._allows, self._parts_of_values)
        meant = parse_meaning(words, self._form, self._catalogue)
        before = meant.preface_words(longer_than_s=NOISE_S)
        sure = {
            name: self._with_unlisted_rival(
                name, doubt_digits(self._calibrated(field), words, partial(self._allows, name)), words
            )
            for name, field in fields.items()
        }
        return build_reading(self.name, self._form, self._catalogue, words, sure, preface=before, meant=meant)

    def _calibrated(self, field: FieldReading) -> FieldReading:
        curve = self._curves[classify_rival(field.value, field.runner_up)]
        return replace(field, confidence=curve.probability(field.confidence), calibrated=True)

    def _with_unlisted_rival(self, name: str, field: FieldReading, words: Sequence[Word]) -> FieldReading:
        """The field; beside a letter that was said without its code word stands the one that it may have been."""
        letter, rival = str(field.value).casefold(), find_unlisted_rival(field.value)
        coded = letter in {CODE_WORDS.get((word.text,)) for word in words}
        if rival is None or coded or letter not in field.words or not self._allows(name, rival):
            return field
        return replace(field, runner_up=rival)

    def _read(self, words: Sequence[Word]) -> Mapping[str, FieldReading]:
        return parse_without_initial_noise(words, self._form, self._catalogue)[1]


class UnmeasuredVosk(OnDeviceInterpreter):
    """Reads utterances of one form in a language whose error rates were not measured, as `VoskInterpreter` does."""

    def __init__(
        self,
        weights: Path,
        form: Form,
        catalogue: Catalogue,
        language: Language,
        *,
        names: Sequence[str] = (),
        works: Sequence[str] = (),
        converses: bool = False,
        awaited: Awaited = await_no_fields,
    ) -> None:
        """Load the weights. `names`: what operators sign on with; `works`: ways to name the forms at hand.

        Words outside the vocabulary are dropped; `dockvoice doctor` lists them. Raises Misconfigured where the weights
        cannot be loaded.
        """
        super().__init__(f"vosk/{weights.name}", form, catalogue, language, converses=converses, awaited=awaited)
        self._reader = TranscriptParser(form, catalogue, language.code)
        sentences = rough_sentences(form, catalogue, language, make_vocabulary_test(weights), names, works)
        self._decoders = _Decoders(partial(_make_decoder, load_model(weights), json.dumps([*sentences, UNKNOWN])))

    def _begin(self) -> _WordsHearing:
        return _WordsHearing(self._decoders, self._understand, self._is_unfinished_entry)

    def _is_unfinished_entry(self, text: str) -> bool:
        return self._lacks_several(read_transcript(text, self._form, self._catalogue, self._language.code))

    def _understand(self, words: tuple[Word, ...], seconds: float) -> Reading:
        text = " ".join(word.text for word in words)
        read = self._reader.read(Transcript(self.name, text, None, words), _UNSURE, seconds)
        fields = {name: replace(field, confirmed=False) for name, field in read.fields.items()}
        return replace(read, fields=fields)


_Result = TypeVar("_Result")


class _SlowerThread:
    """A thread on which the slower hearing decodes beside the first: vosk holds no interpreter lock meanwhile."""

    def __init__(self) -> None:
        self.cpu_s = 0.0  # Spent on it so far.
        self._pool = ThreadPoolExecutor(1, "slower-hearing")

    def run_both(self, here: Callable[[], _Result], there: Callable[[], _Result]) -> tuple[_Result, _Result]:
        """Run one here and the other on the thread; return both results once both have ended."""
        second = self._pool.submit(self._timed, there)
        try:
            first = here()
        finally:
            second.exception()  # waits: no decoder is used on two threads
        return first, second.result()

    def _timed(self, work: Callable[[], _Result]) -> _Result:
        began = thread_time()
        try:
            return work()
        finally:
            self.cpu_s += thread_time() - began


class _Recogniser:
    """Recogniser of one utterance at each speed, the first time without its noise."""

    def __init__(
        self,
        first: _AlternativesHearing,
        slower: _AlternativesHearing,
        noise: NoiseSuppressor | None,
        thread: _SlowerThread,
        understand: Callable[[Sequence[Sequence[Alternative]], Loudness], Reading],
        is_unfinished_entry: Callable[[Sequence[str]], bool],
    ) -> None:
        self._first, self._slower = first, slower
        self._noise = noise
        self._pcm = b""
        self._suppressed = 0  # Bytes of it that the first hearing has had, where noise is suppressed.
        self._thread = thread
        self._understand = understand
        self._is_unfinished_entry = is_unfinished_entry
        self._loudness = Loudness()

    def accept(self, pcm: bytes) -> None:
        self._loudness.accept(pcm)
        self._pcm += pcm
        self._thread.run_both(partial(self._accept_first, pcm), partial(self._slower.accept, pcm))

    def is_unfinished_entry(self) -> bool:
        return self._is_unfinished_entry(self._first.so_far().split())

    def reading(self) -> Reading:
        hearings = self._thread.run_both(self._first_alternatives, self._slower.alternatives)
        return self._understand(hearings, self._loudness)

    def _accept_first(self, pcm: bytes) -> None:
        self._first.accept(pcm if self._noise is None else self._new_of(self._noise.suppress_begun(self._pcm)))

    def _first_alternatives(self) -> tuple[Alternative, ...]:
        if self._noise is not None:
            self._first.accept(self._new_of(self._noise.suppress(self._pcm)))
        return self._first.alternatives()

    def _new_of(self, sound: bytes) -> bytes:
        new = sound[self._suppressed :]
        self._suppressed = len(sound)
        return new


class _Decoders:
    """A pool of vosk decoders for one grammar, reused from utterance to utterance. Thread-safe.

    A decoder resets itself after a result, and then decodes as a new one does; making a new one, with all sentences of
    a form, takes 90 ms.
    """

    def __init__(self, made: Callable[[], Any]) -> None:
        self._made = made
        self._idle = deque(self._new() for _ in _SPEEDS)

    def acquire(self) -> tuple[Any, int]:
        """Take an idle decoder, or make one; also how many samples it has decoded."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._new()

    def release(self, decoder: Any, samples: int) -> None:
        """Return a decoder after its result; after too many samples it is dropped."""
        if samples < _RETIRED:
            self._idle.append((decoder, samples))

    def _new(self) -> tuple[Any, int]:
        return self._made(), 0


def _make_decoder(model: Any, grammar: str, alternatives: int = 0) -> Any:
    """Make a decoder: words with times and confidences, or an n-best list of `alternatives`."""
    made = vosk.KaldiRecognizer(model, SAMPLE_RATE, grammar)
    made.SetWords(True)
    made.SetMaxAlternatives(alternatives)
    return made


class _Hearing:
    """The recognition of one utterance, with times from its first sample.

    Vosk ends a phrase at each pause; until the result is fetched, it continues the same sentence.
    """

    def __init__(self, decoders: _Decoders) -> None:
        self._decoders = decoders
        self._kaldi: Any = None
        self._before = self._samples = 0

    def accept(self, pcm: bytes) -> None:
        self._begin()
        self._kaldi.AcceptWaveform(pcm)
        self._samples += len(pcm) // SAMPLE_BYTES

    def so_far(self) -> str:
        """The likeliest words so far; the last ones may still be missing."""
        return "" if self._kaldi is None else str(json.loads(self._kaldi.PartialResult())["partial"])

    def _result(self) -> Mapping[str, Any]:
        self._begin()  # for there may have been no sound at all
        found: Mapping[str, Any] = json.loads(self._kaldi.FinalResult())
        self._decoders.release(self._kaldi, self._before + self._samples)
        self._kaldi = None
        return found

    def _begin(self) -> None:
        if self._kaldi is None:
            self._kaldi, self._before = self._decoders.acquire()

    def _at(self, decoder_s: float) -> float:
        """Convert a decoder's time to seconds from the utterance's first sample."""
        return round(decoder_s - self._before / SAMPLE_RATE, _HUNDREDTHS)


class _WordsHearing(_Hearing):
    """Recognition that gives the likeliest words with the decoder's confidences."""

    def __init__(
        self,
        decoders: _Decoders,
        understand: Callable[[tuple[Word, ...], float], Reading],
        is_unfinished_entry: Callable[[str], bool],
    ) -> None:
        super().__init__(decoders)
        self._understand = understand
        self._is_unfinished_entry = is_unfinished_entry

    def is_unfinished_entry(self) -> bool:
        return self._is_unfinished_entry(self.so_far())

    def reading(self) -> Reading:
        said = self._result().get("result", ())
        words = tuple(
            Word(one["word"], max(0.0, self._at(one["start"])), max(0.0, self._at(one["end"])), min(1.0, one["conf"]))
            for one in said
        )
        return self._understand(words, self._samples / SAMPLE_RATE)


class _AlternativesHearing(_Hearing):
    """Recognition that gives an n-best list, at one speed of the voice."""

    def __init__(self, decoders: _Decoders, speed: float, labels: Collection[str]) -> None:
        """`speed` is the voice's: 0.5 is half as fast, an octave lower. `labels`: as for `resolve_homophones`."""
        super().__init__(decoders)
        self._speed = speed
        self._labels = labels
        self._resampler = soxr.ResampleStream(SAMPLE_RATE * speed, SAMPLE_RATE, 1, dtype="int16")

    def accept(self, pcm: bytes) -> None:
        super().accept(pcm if self._speed == 1 else self._resample(pcm))

    def alternatives(self) -> tuple[Alternative, ...]:
        if self._speed != 1:
            super().accept(self._resample(b"", last=True))
        found = self._result()["alternatives"]
        return tuple(Alternative(one["confidence"], words) for one in found for words in self._parse_alternative(one))

    def _parse_alternative(self, alternative: Mapping[str, Any]) -> tuple[tuple[Word, ...], ...]:
        said = alternative.get("result", ())
        return resolve_homophones(
            [Word(one["word"], self._at(one["start"]), self._at(one["end"]), 1.0) for one in said], self._labels
        )

    def _at(self, decoder_s: float) -> float:
        return super()._at(decoder_s) * self._speed

    def _resample(self, pcm: bytes, *, last: bool = False) -> bytes:
        return bytes(self._resampler.resample_chunk(np.frombuffer(pcm, np.int16), last=last).tobytes())


def make_vocabulary_test(weights: Path) -> Callable[[str], bool]:
    """A predicate for phrases whose words are all in the vocabulary. Raises Misconfigured where loading fails."""
    model = load_model(weights)
    return lambda said: all(int(model.vosk_model_find_word(word)) >= 0 for word in said.split())


@lru_cache
def load_model(weights: Path) -> Any:
    """The model of these weights, cached for all forms. Raises Misconfigured."""
    try:
        return vosk.Model(str(weights))
    except Exception as fault:  # noqa: BLE001 - vosk raises nothing more special, and only for weights it cannot load
        raise Misconfigured(f"{weights}: {fault}; remove the directory and fetch the weights again") from None


_LONGEST_S = 3.0  # Whatever is spoken first in an utterance is over by then, pre-roll included.
_SURE = 0.9  # Vosk's confidence in each word of the phrase, 0 to 1.

_DECOYS = ("[unk]", "the", "and", "a", "to", "one", "two", "no", "yes", "pallet", "dock")
"""What else an utterance may begin with."""


class WakeWord:
    """Detects one phrase at the beginning of utterances."""

    def __init__(self, weights: Path, phrase: str) -> None:
        """Load the weights, half a second. Raises Misconfigured for words outside their vocabulary."""
        self._model = load_model(weights)
        self._phrase = phrase.split()
        if unknown := [word for word in self._phrase if self._model.vosk_model_find_word(word) < 0]:
            raise Misconfigured(
                f"hear.wake_phrase = {phrase!r}: {weights.name} does not know {', '.join(unknown)}; choose other words"
            )
        self._grammar = json.dumps([phrase, *self._phrase, *_DECOYS])

    def find_phrase_end(self, pcm: bytes) -> int | None:
        """The sample index where the wake phrase at the beginning of `pcm` ends; None without the phrase."""
        kaldi = _make_decoder(self._model, self._grammar)
        kaldi.AcceptWaveform(pcm[: round(_LONGEST_S * SAMPLE_RATE) * SAMPLE_BYTES])
        words: list[dict[str, Any]] = json.loads(kaldi.FinalResult()).get("result", [])
        first = words[: len(self._phrase)]
        if [word["word"] for word in first] != self._phrase or min(word["conf"] for word in first) < _SURE:
            return None
        return round(float(first[-1]["end"]) * SAMPLE_RATE)
