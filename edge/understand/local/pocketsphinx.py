"""Pocketsphinx, the fallback recogniser, whose weights are in its wheel.

It maps any sound to a sentence of the form's grammar, in a dialogue also to commands and answers, or to nothing.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import jsgf_grammar
from dockvoice_protocol.records import Reading, Word
from edge.understand.local.incremental import Awaited, OnDeviceInterpreter, await_no_fields
from edge.understand.reading_builder import read_recognised_words, refuse_unknown_words

NAME = "pocketsphinx/en-us"

_GRAMMAR = "form"  # What decoders call the grammar.
_FRAMES = 100  # Frames per second of pocketsphinx's times.

_STEEPNESS = 109.0
"""How fast confidence falls with the misfit of a word, chosen on development recordings: see `_confidence`."""

_NO_WORD = ("<", "[", "(")  # How the names of silences, noises and empty transitions begin.
_VARIANT = re.compile(r"\(\d+\)$")  # The mark of a second way to pronounce a word.

_NOT_WORDS = re.compile(r"^#JSGF.*$|^grammar .*$|<[^>]*>|/[^/]*/|\bpublic\b", re.MULTILINE)
"""What of a grammar's text is not a word to be heard: header, names of rules, weights."""


class PocketsphinxInterpreter(OnDeviceInterpreter):
    """Reads utterances for one form. To begin to listen takes 0.1 s, so do it before the operator speaks."""

    def __init__(
        self, form: Form, catalogue: Catalogue, commands: Sequence[str] = (), *, awaited: Awaited = await_no_fields
    ) -> None:
        """Load the weights; with `commands`, those are heard too, and answers without a label.

        Raises Misconfigured where the package is not here, or the weights do not know a word of the form or of a
        command.
        """
        if not is_installed():
            raise Misconfigured(
                "understand.engine: pocketsphinx is not installed, and has no wheel for this Python; run "
                "`dockvoice models get small-en-us`, for vosk hears better anyway"
            )
        super().__init__(NAME, form, catalogue, converses=bool(commands), awaited=awaited)
        self._compiler = _make_decoder()  # kept: the compiled grammar uses its tables

        def knows(said: str) -> bool:
            return all(self._compiler.lookup_word(word) is not None for word in said.split())

        grammar = jsgf_grammar(form, catalogue.with_known_ways(knows), commands)
        refuse_unknown_words(NAME, form, re.findall(r"[a-z'-]+", _NOT_WORDS.sub(" ", grammar)), knows)
        self._compiler.add_jsgf_string(_GRAMMAR, grammar)

    def _begin(self) -> _Recogniser:
        return _Recogniser(self._compiler.get_fsg(_GRAMMAR), self._propose)

    def _propose(self, words: tuple[Word, ...]) -> Reading:
        return read_recognised_words(NAME, words, self._form, self._catalogue)


class _Recogniser:
    """Recogniser of one utterance, with a new decoder.

    A used decoder has adapted to other sound, which no reset undoes: readings of a recording would differ.
    """

    def __init__(self, grammar: Any, propose: Callable[[tuple[Word, ...]], Reading]) -> None:
        self._propose = propose
        self._decoder = _make_decoder()
        self._decoder.add_fsg(_GRAMMAR, grammar)
        self._decoder.activate_search(_GRAMMAR)
        self._decoder.start_utt()

    def accept(self, pcm: bytes) -> None:
        self._decoder.process_raw(pcm)

    def is_unfinished_entry(self) -> bool:
        return False  # Not measured: how often its partial result is a prefix of the final one.

    def reading(self) -> Reading:
        self._decoder.end_utt()
        return self._propose(tuple(_to_words(self._decoder.seg() or ())))  # None where no sentence of the grammar fits


def make_vocabulary_test() -> Callable[[str], bool]:
    """A predicate for the words in the weights' vocabulary; false for all where the package is not installed."""
    if not is_installed():
        return lambda _: False
    decoder = _make_decoder()
    return lambda word: decoder.lookup_word(word) is not None


def is_installed() -> bool:
    """Whether the package `pocketsphinx` is installed: it has no wheel for Python 3.14."""
    return importlib.util.find_spec("pocketsphinx") is not None


def _make_decoder() -> Any:
    import pocketsphinx  # noqa: PLC0415 - see `is_installed`

    # Without the search for the best path, which took 38 s for one sentence, and was for its posteriors alone.
    return pocketsphinx.Decoder(lm=None, bestpath=False, loglevel="FATAL")


def _to_words(segments: Any) -> Iterator[Word]:
    for segment in segments:
        if not segment.word.startswith(_NO_WORD):
            end = segment.end_frame + 1
            confidence = _confidence(segment.ascore, end - segment.start_frame)
            yield Word(_VARIANT.sub("", segment.word), segment.start_frame / _FRAMES, end / _FRAMES, confidence)


def _confidence(fit: float, frames: int) -> float:
    """The confidence of a word, 0 to 1, from the fit of its sounds.

    `fit` is the product over all frames of the likelihood of the word's sound relative to the best one; its geometric
    mean is used, since Pocketsphinx has no posteriors here. `_STEEPNESS` puts 0.75 where wrong sentences begin: of 103
    clean ones, 25 pass it right and 1 wrong; without it, 81 and 14.
    """
    if fit <= 0:
        return 0.0
    return min(1.0, math.exp(_STEEPNESS * math.log(fit) / frames))
