"""Splits long utterances at pauses into WAV files for a service, and joins their readings."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from dockvoice_protocol.records import Act, FieldReading, NotUnderstoodReason, Reading, Word
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.understand.prices import add_amounts

_STEP = SAMPLE_RATE // 50  # Samples in each step of the search for a pause: 20 ms, the frame of endpointing.
_PAUSE = 10  # Steps of a pause: 200 ms, longer than any stop inside a word.

_SEARCHED = 0.5
"""The share of the limit, from its end backwards, searched for a pause: speech pauses within any half minute."""


def to_wav(pcm: bytes, rate: int = SAMPLE_RATE) -> bytes:
    """Encode PCM as a WAV file: one channel, 16 bit, `rate` samples per second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(SAMPLE_BYTES)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()


def split_at_pauses(pcm: bytes, limit_s: float) -> list[bytes]:
    """Split the sound, without loss, into pieces of at most `limit_s` seconds, at the quietest pauses."""
    limit = int(limit_s * SAMPLE_RATE) * SAMPLE_BYTES
    found = []
    while len(pcm) > limit:
        at = _find_quietest_pause(pcm[:limit])
        found.append(pcm[:at])
        pcm = pcm[at:]
    return [*found, pcm]


def _find_quietest_pause(pcm: bytes) -> int:
    """The byte offset of the middle of the quietest pause in the last part of `pcm`."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    first = int(len(samples) * (1 - _SEARCHED)) // _STEP
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)[first:]
    loudness = np.convolve((steps**2).mean(axis=1), np.ones(_PAUSE), mode="valid")
    middle = first + int(np.argmin(loudness)) + _PAUSE // 2
    return middle * _STEP * SAMPLE_BYTES


def join_readings(name: str, readings: Sequence[Reading], parts: Sequence[bytes]) -> Reading:
    """Join the readings of several pieces, which become its `opinions`, numbered.

    Only dictation is joined: a correction in so long an utterance is not understood.
    """
    numbered = tuple(
        replace(reading, interpreter=f"{name} (piece {number} of {len(readings)})")
        for number, reading in enumerate(readings, start=1)
    )
    words = tuple(_join_words(readings, parts))
    usages = [reading.usage for reading in readings if reading.usage]
    usage = add_amounts(usages[0], usages[1:]) if usages else None
    dictated = [reading for reading in readings if reading.not_understood is not NotUnderstoodReason.NO_WORDS]
    if not dictated:
        return Reading(name, readings[0].form, (), {}, NotUnderstoodReason.NO_WORDS, usage=usage, opinions=numbered)
    fields = _merge_fields([reading.fields for reading in dictated])
    clear = all(reading.act is Act.RECORD and reading.not_understood is None for reading in dictated)
    nothing = None if clear else NotUnderstoodReason.NOT_DICTATION
    return Reading(name, readings[0].form, words, fields if clear else {}, nothing, usage=usage, opinions=numbered)


def _merge_fields(pieces: Sequence[Mapping[str, FieldReading]]) -> Mapping[str, FieldReading]:
    """The union of all pieces' fields; differing values of a field become rivals."""
    names = dict.fromkeys(name for fields in pieces for name in fields)
    return {name: _merge_field([fields[name] for fields in pieces if name in fields]) for name in names}


def _merge_field(said: Sequence[FieldReading]) -> FieldReading:
    words = tuple(word for field in said for word in field.words)
    confidence = min(field.confidence for field in said)
    values = tuple(dict.fromkeys(value for field in said for value in (field.value, *field.rivals)))
    known = tuple(value for value in values if value is not None)
    sure = all(field.value is not None for field in said)
    return FieldReading(known[0], words, confidence, known[1:]) if sure else FieldReading(None, words, confidence)


def _join_words(readings: Sequence[Reading], parts: Sequence[bytes]) -> Iterator[Word]:
    """Yield the words of all pieces, with times relative to the whole sound."""
    at = 0.0
    for reading, part in zip(readings, parts, strict=True):
        for word in reading.words:
            yield replace(word, start=at + word.start, end=at + word.end)
        at += len(part) / SAMPLE_BYTES / SAMPLE_RATE
