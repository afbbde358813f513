"""Happenings of a conversation, for tests that hold one with the dialogue itself."""

from __future__ import annotations

from dockvoice_protocol.records import Transcript
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import UtteranceHeard
from edge.understand.stt.transcript_reader import TranscriptParser

SURE = 0.94


def heard(utterance_id: str, text: str, rules: Rules, sure: float = SURE) -> UtteranceHeard:
    """What an operator said, read as its transcript, each word as sure as `sure`."""
    reader = TranscriptParser(rules.form, rules.catalogue, rules.language.code)
    reading = reader.read(Transcript("test", text, sure), sure, max(0.3, 0.4 * len(text.split())))
    return UtteranceHeard(utterance_id, reading)
