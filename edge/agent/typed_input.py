"""Typed and scanned input: its reading, and its utterance, which has no speech.

The source of a typed utterance and the interpreter of its reading, which every event names, are both the keyboard. Its
recording is a tenth of a second of digital silence, with the typed text in the same file: so it is stored before it is
read, and can be read again after a crash. A scan is stored likewise, key by key as received, with the scanner's name;
its source and interpreter are the scanner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import uuid_utils

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.forms.scanned import AS_DELIVERED, ScannerFormat, read_scan
from dockvoice_protocol.forms.spoken import begins_with_cancellation, is_correction, is_murmur
from dockvoice_protocol.forms.spoken.commands import ParsedCommand, wording
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.forms.spoken.reader import make_timed_words
from dockvoice_protocol.instants import to_zone
from dockvoice_protocol.records import SCANNER, Act, Command, NotUnderstoodReason, Reading
from edge.agree.decide import Rules
from edge.config import Scan
from edge.ports import Interpreter, UtteranceListener, WholeUtteranceListener
from edge.records import SAMPLE_BYTES, SAMPLE_RATE, ClosedBy, Segment, Utterance
from edge.understand.reading_builder import read_recognised_words

KEYBOARD = "keyboard"  # The source of typed utterances in the journal.

SILENT_SOURCES = frozenset({KEYBOARD, SCANNER})  # Sources without speech: their sound has no meaning.

_SILENCE = bytes(SAMPLE_RATE // 10 * SAMPLE_BYTES)

LONGEST_LINE_BYTES = 64 * 1024
"""Limit of a typed line: far beyond any entry, and below 16 MiB, the limit of a FLAC metadata block."""


@dataclass(frozen=True, slots=True)
class ReaderBySource:
    """The readers of stored utterances, by their source."""

    rules: Rules
    interpreter: Interpreter  # For speech.
    typed_in: Language | None = None  # A second language for typed text.
    sending: ScannerFormat = AS_DELIVERED
    recogniser: Interpreter | None = None  # The device's own one for this form and language.

    def listen(self, utterance: Utterance) -> UtteranceListener:
        """A fresh listener that reads this utterance: the interpreter for speech, a parser for typed or scanned."""
        is_said = utterance.source not in SILENT_SOURCES
        return self.interpreter.listen() if is_said else WholeUtteranceListener(self._unspoken)

    async def _unspoken(self, utterance: Utterance) -> Reading:
        """Parse typed text or a scan."""
        if utterance.source == SCANNER:
            return parse_scan(utterance, self.rules, self.sending)
        return parse_typed(utterance.typed or "", self.rules, self.typed_in)


def parse_scan(utterance: Utterance, rules: Rules, sending: ScannerFormat) -> Reading:
    """Parse a scan. Two-digit years are relative to the day of the scan."""
    today = to_zone(utterance.heard_at, None).date()
    return read_scan(utterance.typed or "", rules.form, rules.catalogue, today, sending)


def scanner_format(scan: Scan) -> ScannerFormat:
    """The scanner's format in the settings."""
    return ScannerFormat(scan.prefix, scan.suffix, scan.symbology, scan.sends_separators)


def parse_typed(text: str, rules: Rules, second_language: Language | None = None) -> Reading:
    """Read a typed line, in words or figures.

    `second_language` is one for typed text: the device's own. The language that explains more of the line wins; a
    line that takes something back in either is no entry in any.
    """
    readings = [_read_in_language(text, rules, rules.language)]
    if second_language is None or second_language is rules.language:
        return readings[0]
    readings.append(_read_in_language(text, rules, second_language))
    words = readings[0].words
    if any(begins_with_cancellation(words, language) for language in (rules.language, second_language)):
        readings = [reading for reading in readings if not reading.fields] or readings
    best = max(readings, key=_count_understood)
    # The dialogue knows only the spoken language's cues: it would take a complete correction for the next entry.
    unknown = best is readings[-1] and best.act is Act.RECORD and is_correction(words, second_language)
    return _as_not_dictation(best) if unknown else best


def _read_in_language(text: str, rules: Rules, language: Language) -> Reading:
    form, catalogue = rules.form, rules.catalogue
    words = make_timed_words(text, form, catalogue, language)
    reading = read_recognised_words(KEYBOARD, words, form, catalogue, language, longest_noise_s=0.0)
    # Typed text is always meant for the device: only a line without any content is talk.
    talk = reading.not_understood is NotUnderstoodReason.TALK and not is_murmur(words, language)
    reading = _as_not_dictation(reading) if talk else reading
    return reading if language is rules.language else replace(reading, preface=None)


def _as_not_dictation(reading: Reading) -> Reading:
    return replace(reading, fields={}, not_understood=NotUnderstoodReason.NOT_DICTATION)


def _count_understood(reading: Reading) -> int:
    """How much is understood: 1 plus the number of fields with a value, or 0."""
    if reading.not_understood is not None:
        return 0
    return 1 + sum(said.value is not None for said in reading.fields.values())


def words_for_key(command: Act | Command, language: Language) -> str:
    """The words that a key types for a command, yes, no or cancel."""
    return wording(
        ParsedCommand(Act.COMMAND, command) if isinstance(command, Command) else ParsedCommand(command), language
    )


def typed_utterance(
    form: str, text: str | None = None, closing: ClosedBy = ClosedBy.PAUSE, language: str | None = None
) -> Utterance:
    """Make the utterance for typed text, with silence as sound; None where its reading comes from elsewhere.

    Raises UnreadableInput for a line that is too long.
    """
    samples = len(_SILENCE) // SAMPLE_BYTES
    segment = Segment(0, 0, samples, samples, closing, _SILENCE)
    kept = None if text is None else _to_valid_utf8(text)
    return Utterance(str(uuid_utils.uuid7()), form, KEYBOARD, datetime.now(UTC), segment, kept, language=language)


def scanned_utterance(form: str, scan: str, device: str, language: str | None = None) -> Utterance:
    """Make the utterance for a scan of the scanner named `device`."""
    return replace(typed_utterance(form, scan, language=language), source=SCANNER, device=device)


def _to_valid_utf8(text: str) -> str:
    """The line as valid UTF-8: lone surrogates become U+FFFD. Raises UnreadableInput if it is too long."""
    line = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if (found := len(line.encode())) > LONGEST_LINE_BYTES:
        raise UnreadableInput(
            f"typed: found a line of {found} bytes, allowed are {LONGEST_LINE_BYTES}; nothing of it is kept: type it "
            "as sentences"
        )
    return line
