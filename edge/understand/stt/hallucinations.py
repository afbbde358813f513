"""Hallucinations: texts that transcribers are known to write for silence and noise.

Models trained on captioned videos answer silence and noise with the captions' stock phrases, repeat a phrase without
end, or hand back the prompt they were given. Such a text is set aside as a whole: nothing of it may become a record.
The phrases are those reported again and again for Whisper and its kin; each was seen as the whole text of a clip
without speech, so they count only where nothing else was written.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from dockvoice_protocol.languages import LANGUAGES, load_table
from dockvoice_protocol.records import Hallucination

_CAPTIONS = [load_table(code, "grammar")["captions"] for code in LANGUAGES]
_STOCK_PHRASES = frozenset(phrase for captions in _CAPTIONS for phrase in captions["phrases"])
"""Each is small letters and spaces, as `_words` leaves them."""
_CREDITS = tuple(phrase for captions in _CAPTIONS for phrase in captions["credits"])
"""How the credits of subtitles begin: names and years follow, and differ."""

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


def hallucination(text: str, prompt: str = "") -> Hallucination | None:
    """Why a text is not to be believed; None where nothing speaks against it. `prompt` is what the model was given."""
    said = _words(text)
    if not said:
        return None
    phrase = " ".join(said)
    if _halved(phrase) in _STOCK_PHRASES or phrase.startswith(_CREDITS):
        return Hallucination.STOCK_PHRASE
    if _loops(said):
        return Hallucination.LOOP
    if _echoes(said, _words(prompt)):
        return Hallucination.PROMPT_RETURNED
    return None


def _words(text: str) -> list[str]:
    """Small letters and figures; signs such as ♪ and the marks of brackets are no words."""
    apart = re.sub(r"[-_]", " ", unicodedata.normalize("NFC", text).casefold())
    return re.sub(r"[^\w\s]", "", apart).split()


def _halved(phrase: str) -> str:
    """A phrase that is only repeated, once: "thank you thank you" becomes "thank you"."""
    words = phrase.split()
    for size in range(1, len(words) // 2 + 1):
        times, rest = divmod(len(words), size)
        if not rest and words == words[:size] * times:
            return " ".join(words[:size])
    return phrase


def _loops(said: Sequence[str]) -> bool:
    sizes = (1, *range(_LEAST_LOOP, len(said) // _LOOP_TIMES + 1))
    return any(_repeats(said, size, max(_LOOP_TIMES, math.ceil(_LOOP_WORDS / size))) for size in sizes)


def _repeats(said: Sequence[str], size: int, times: int) -> bool:
    """Does some run of `size` words stand `times` times in a row?"""
    whole = size * times
    starts = range(len(said) - whole + 1)
    return any(list(said[at : at + whole]) == list(said[at : at + size]) * times for at in starts)


def _echoes(said: Sequence[str], prompt: Sequence[str]) -> bool:
    given = {tuple(prompt[at : at + _ECHO_WORDS]) for at in range(len(prompt) - _ECHO_WORDS + 1)}
    return any(tuple(said[at : at + _ECHO_WORDS]) in given for at in range(len(said) - _ECHO_WORDS + 1))
