"""Typed and scanned input in the place of speech: its reading, and an utterance that says that nobody spoke.

The source of such an utterance is the keyboard, and so is the interpreter of its reading, which every event names.
In the place of a recording it has a tenth of a second of digital silence, and beside it, in the same file, what was
typed: so it is on disk before anything reads it, and can be read again after a crash. What was scanned is kept
likewise, key by key as it came, with the name of the scanner; source and interpreter are the scanner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import uuid_utils

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.forms.scanned import AS_DELIVERED, Sending, read_scan
from dockvoice_protocol.forms.spoken import corrects, murmurs, takes_back
from dockvoice_protocol.forms.spoken.commands import Asked, wording
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.reader import transcribed
from dockvoice_protocol.instants import in_zone
from dockvoice_protocol.records import SCANNER, Act, Command, NotUnderstood, Reading
from edge.agree.decide import Rules
from edge.config import Scan
from edge.ports import Attention, Interpreter, WholeUtterance
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, Closing, Segment, Utterance
from edge.understand.proposal import proposal

KEYBOARD = "keyboard"  # The source of what was typed, as it goes on record.

UNSPOKEN = frozenset({KEYBOARD, SCANNER})  # The sources of what nobody said: their sound tells nothing.

SILENCE = bytes(SAMPLE_RATE // 10 * SAMPLE_BYTES)

LONGEST_LINE_BYTES = 64 * 1024
"""A line that is longer is nothing that anybody would say, and from 16 MiB on no FLAC file has room for it."""


@dataclass(frozen=True, slots=True)
class Readers:
    """The readers of stored utterances, by their source."""

    rules: Rules
    interpreter: Interpreter  # Of what was said.
    typed_in: Language | None = None
    sending: Sending = AS_DELIVERED
    recogniser: Interpreter | None = None  # The device's own, where the interpreter asks others besides.

    def attend(self, utterance: Utterance) -> Attention:
        """A fresh `Attention` that reads this utterance: the interpreter for speech, a parser for typed or scanned."""
        is_said = utterance.source not in UNSPOKEN
        return self.interpreter.attend() if is_said else WholeUtterance(self._unspoken)

    async def _unspoken(self, utterance: Utterance) -> Reading:
        """What was typed or scanned, read."""
        if utterance.source == SCANNER:
            return scanned(utterance, self.rules, self.sending)
        return typed(utterance.typed or "", self.rules, self.typed_in)


def scanned(utterance: Utterance, rules: Rules, sending: Sending) -> Reading:
    """What the scanner sent, read. The two digits of a year are counted from the day of the scan."""
    today = in_zone(utterance.heard_at, None).date()
    return read_scan(utterance.typed or "", rules.form, rules.catalogue, today, sending)


def sending(scan: Scan) -> Sending:
    """What the settings say that the scanner sends."""
    return Sending(scan.prefix, scan.suffix, scan.symbology, scan.sends_separators)


def typed(text: str, rules: Rules, besides: Language | None = None) -> Reading:
    """What a typed line says, in words or figures.

    `besides` is another language than the one that is spoken in which it may be typed: that of the device's own words.
    What says more in it is read in it; what takes something back in either is no entry in any.
    """
    readings = [_read(text, rules, rules.language)]
    if besides is None or besides is rules.language:
        return readings[0]
    readings.append(_read(text, rules, besides))
    words = readings[0].words
    if any(takes_back(words, language) for language in (rules.language, besides)):
        readings = [reading for reading in readings if not reading.fields] or readings
    best = max(readings, key=_says)
    # The dialogue knows the cues of the spoken language alone: it would take a whole correction for the next entry.
    unknown = best is readings[-1] and best.act is Act.RECORD and corrects(words, besides)
    return _unclear(best) if unknown else best


def _read(text: str, rules: Rules, language: Language) -> Reading:
    form, catalogue = rules.form, rules.catalogue
    words = transcribed(text, form, catalogue, language)
    reading = proposal(KEYBOARD, words, form, catalogue, language, noise_s=0.0)
    # Whoever types means the device: nothing of it is talk, but for what says nothing at all.
    talk = reading.not_understood is NotUnderstood.TALK and not murmurs(words, language)
    return _unclear(reading) if talk else reading


def _unclear(reading: Reading) -> Reading:
    return replace(reading, fields={}, not_understood=NotUnderstood.NOT_DICTATION)


def _says(reading: Reading) -> int:
    """How much of it is understood: the fields that have a value, or a command."""
    if reading.not_understood is not None:
        return 0
    return 1 + sum(said.value is not None for said in reading.fields.values())


def pressed(asked: Act | Command, language: Language) -> str:
    """What a key types that stands for a command, or for yes, no or cancel: the words for it."""
    return wording(Asked(Act.COMMAND, asked) if isinstance(asked, Command) else Asked(asked), language)


def typed_utterance(
    form: str, text: str | None = None, closing: Closing = Closing.PAUSE, language: str | None = None
) -> Utterance:
    """The utterance that typing `text` takes the place of; None where what is read of it comes from elsewhere.

    What is to be read is its `typed`. Raises UnreadableInput for a line that is too long.
    """
    samples = len(SILENCE) // SAMPLE_BYTES
    segment = Segment(0, 0, samples, samples, closing, SILENCE)
    kept = None if text is None else _line(text)
    return Utterance(str(uuid_utils.uuid7()), form, KEYBOARD, datetime.now(UTC), segment, kept, language=language)


def scanned_utterance(form: str, scan: str, device: str, language: str | None = None) -> Utterance:
    """The utterance of one scan, by the scanner of this name."""
    return replace(typed_utterance(form, scan, language=language), source=SCANNER, device=device)


def _line(text: str) -> str:
    """The line as text that can be kept: half a character, or a byte that was none, shows as U+FFFD."""
    line = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if (found := len(line.encode())) > LONGEST_LINE_BYTES:
        raise UnreadableInput(
            f"typed: found a line of {found} bytes, allowed are {LONGEST_LINE_BYTES}; nothing of it is kept: type it "
            "as sentences"
        )
    return line
