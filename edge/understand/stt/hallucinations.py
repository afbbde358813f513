"""Hallucinations: detects texts that transcribers write for silence and noise.

Models trained on captioned videos then write stock phrases of captions, repeat a phrase without end, or return their
prompt. Such a text is discarded as a whole. The phrases are known of Whisper and its kin, each as the whole text of a
clip without speech, so they count only as a whole text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from dockvoice_protocol.languages import LANGUAGES, load_table
from dockvoice_protocol.records import HallucinationKind

_LOOP_TIMES = 4
"""A phrase so many times in a row is a loop: in speech a pause ends the utterance before that, and models that loop
go on until they are cut off."""
_LOOP_WORDS = (
    20  # … if that makes so many words: an identifier has 18 digits at most, and they may repeat as they like.
)
_LEAST_LOOP = 4
"""Words of the shortest phrase that is looked for. Shorter ones repeat within it; one word alone is looked for too."""

_ECHO_WORDS = 4
"""So many words in a row that stand so in the prompt are the prompt. Prompts here hold no value that could be said, so
that "pallet … units … dock" of an operator never runs so far along with one."""


def detect_hallucination(text: str, prompt: str = "") -> HallucinationKind | None:
    """The kind of hallucination that a text is; None where it is none. `prompt` is the model's prompt."""
    said = _words(text)
    if not said:
        return None
    phrase = " ".join(said)
    stock_phrases, beginnings = _captions()
    if _collapse_repetition(phrase) in stock_phrases or phrase.startswith(beginnings):
        return HallucinationKind.STOCK_PHRASE
    if _is_looping(said):
        return HallucinationKind.LOOP
    if _echoes_prompt(said, _words(prompt)):
        return HallucinationKind.PROMPT_RETURNED
    return None


@cache
def _captions() -> tuple[frozenset[str], tuple[str, ...]]:
    """In small letters and spaces, as `_words` leaves them: stock phrases, and how the credits of subtitles begin.

    Names and years follow upon a beginning, and differ.
    """
    captions = [load_table(code, "captions") for code in LANGUAGES]
    stock_phrases = frozenset(phrase for one in captions for phrase in one["phrases"])
    return stock_phrases, tuple(phrase for one in captions for phrase in one["credits"])


def _words(text: str) -> list[str]:
    """Small letters and figures; signs such as ♪ and the marks of brackets are no words."""
    apart = re.sub(r"[-_]", " ", unicodedata.normalize("NFC", text).casefold())
    return re.sub(r"[^\w\s]", "", apart).split()


def _collapse_repetition(phrase: str) -> str:
    """A phrase that is said twice, once: "thank you thank you" becomes "thank you"."""
    words = phrase.split()
    for size in range(1, len(words) // 2 + 1):
        times, rest = divmod(len(words), size)
        if not rest and words == words[:size] * times:
            return " ".join(words[:size])
    return phrase


def _is_looping(said: Sequence[str]) -> bool:
    sizes = (1, *range(_LEAST_LOOP, len(said) // _LOOP_TIMES + 1))
    return any(_repeats(said, size, max(_LOOP_TIMES, math.ceil(_LOOP_WORDS / size))) for size in sizes)


def _repeats(said: Sequence[str], size: int, times: int) -> bool:
    """Whether a run of `size` words is repeated `times` times without a gap."""
    whole = size * times
    starts = range(len(said) - whole + 1)
    return any(list(said[at : at + whole]) == list(said[at : at + size]) * times for at in starts)


def _echoes_prompt(said: Sequence[str], prompt: Sequence[str]) -> bool:
    given = {tuple(prompt[at : at + _ECHO_WORDS]) for at in range(len(prompt) - _ECHO_WORDS + 1)}
    return any(tuple(said[at : at + _ECHO_WORDS]) in given for at in range(len(said) - _ECHO_WORDS + 1))
