"""Words: as a recogniser heard them, and as a transcriber wrote them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from edge.records.usage import Usage


@dataclass(frozen=True, slots=True)
class Word:
    """One word as a recogniser heard it."""

    text: str = field(repr=False)
    start: float
    """Seconds from the first sample of the utterance."""
    end: float
    confidence: float
    """0 to 1, the recogniser's own view. A grammar recogniser is sure of anything: no proof by itself."""


class Hallucination(StrEnum):
    """Why a transcriber's text was set aside: such texts are known to come where nothing of the kind was said."""

    STOCK_PHRASE = "stock_phrase"
    """What captions say when nobody speaks: "Thanks for watching"."""
    LOOP = "loop"
    """The same words over and over."""
    PROMPT_RETURNED = "prompt_returned"
    """The prompt that the model was given."""
    NO_SPEECH = "no_speech"
    """Words, and the model's own doubt that anybody spoke."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of an utterance as a transcriber wrote them, before anything is made of them."""

    transcriber: str
    """The transcriber's name, as it goes on record."""
    text: str = field(repr=False)
    """As written, with the punctuation and figures the service chose. Empty where it heard nothing."""
    confidence: float | None
    """0 to 1, the service's own view of the whole; None where it gives none."""
    words: tuple[Word, ...] = ()
    """With times and confidence, where the service gives them."""
    usage: Usage | None = None
    hallucination: Hallucination | None = None
    """Why the text that came was set aside; `text` is empty then."""
