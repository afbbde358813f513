"""The nouns of the house: what is handed from one room to the next, by subject.

All are frozen values. Sound is 16 kHz mono 16-bit little-endian PCM throughout; its clock is the *sample index*,
counted from the first sample of the source, so that a recording and a microphone keep the same time.
"""

from edge.records.delivery import Minted, OutboxRow, Receipt, ReceiptOutcome
from edge.records.entry import Draft, Entry, LastEntry, Recording
from edge.records.reading import Act, Command, FieldReading, FieldValue, NotUnderstood, Reading
from edge.records.sound import SAMPLE_BYTES, SAMPLE_RATE, Acoustics, Frame
from edge.records.transcript import Hallucination, Transcript, Word
from edge.records.usage import Usage
from edge.records.utterance import Closing, Expectation, Segment, Utterance
from edge.records.verdict import Because, Confirmation, Outcome, Reason, Verdict

__all__ = [
    "SAMPLE_BYTES",
    "SAMPLE_RATE",
    "Acoustics",
    "Act",
    "Because",
    "Closing",
    "Command",
    "Confirmation",
    "Draft",
    "Entry",
    "Expectation",
    "FieldReading",
    "FieldValue",
    "Frame",
    "Hallucination",
    "LastEntry",
    "Minted",
    "NotUnderstood",
    "OutboxRow",
    "Outcome",
    "Reading",
    "Reason",
    "Receipt",
    "ReceiptOutcome",
    "Recording",
    "Segment",
    "Transcript",
    "Usage",
    "Utterance",
    "Verdict",
    "Word",
]
