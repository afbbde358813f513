from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import (
    Act,
    FieldReading,
    FieldValue,
    HallucinationKind,
    NotUnderstoodReason,
    Reading,
    Transcript,
    Usage,
    Word,
)
from edge.config import InterpreterKind, InterpreterSettings, ParserUse
from edge.ports import Transcriber
from edge.records import SAMPLE_RATE, ClosedBy, Segment, Utterance
from edge.understand.stt.cascade import Cascade

WHOLE = "Pallet 742, 12 units, dock B."
IN_PART = "Pallet 742, dock B."
LOOSE = "I put seven four two at bravo, there were a dozen"
SECONDS = 4


def utterance() -> Utterance:
    samples = SECONDS * SAMPLE_RATE
    segment = Segment(0, 0, samples, samples, ClosedBy.PAUSE, b"\x00\x10" * samples)
    return Utterance("u", "pallet-move", "test", datetime(2026, 11, 20, tzinfo=UTC), segment)


class Scribe(Transcriber):
    """Writes what it was told, or fails."""

    name = "scribe/1"

    def __init__(self, transcript: Transcript | Unavailable) -> None:
        self._transcript = transcript

    async def transcribe(self, utterance: Utterance, within_s: float) -> Transcript:
        if isinstance(self._transcript, Unavailable):
            raise self._transcript
        return self._transcript


class TextModel:
    """Reads what it was told, or fails; keeps what it was asked."""

    name = "openai/gpt-4o-mini"

    def __init__(self, reading: Reading | Unavailable) -> None:
        self._reading = reading
        self.asked: list[str] = []

    async def read(self, said: str, within_s: float) -> Reading:
        assert 0 < within_s <= 5
        self.asked.append(said)
        if isinstance(self._reading, Unavailable):
            raise self._reading
        return self._reading


def written(text: str, **also: object) -> Transcript:
    return replace(Transcript("scribe/1", text, None), **also)  # type: ignore[arg-type] # each test knows the fields it sets


def proposed(act: Act = Act.RECORD, **fields: tuple[str | int | None, str]) -> Reading:
    """A text model's reading: for each field its value and the words it says that it rests on."""
    said = {name: FieldReading(value, tuple(words.split()), 0.5) for name, (value, words) in fields.items()}
    words = tuple(Word(text, 0.0, 0.0, 0.5) for _, (_, texts) in fields.items() for text in texts.split())
    return Reading("openai/gpt-4o-mini", "pallet-move", words, said, act=act)


class Trial:
    """Makes cascades for one form, and lets them read."""

    def __init__(self, form: Form, catalogue: Catalogue) -> None:
        self._form = form
        self._catalogue = catalogue

    def read(
        self,
        transcript: Transcript | Unavailable,
        model: TextModel | None = None,
        parser: ParserUse = ParserUse.FIRST,
        language: str = "en",
    ) -> Reading:
        settings = InterpreterSettings(
            kind=InterpreterKind.CASCADE,
            language=language,
            confidence=0.92,
            within_s=5.0,
            parser=parser,
            text_in_usd=1.0,
            out_usd=2.0,
        )
        cascade = Cascade(Scribe(transcript), model, self._form, self._catalogue, settings)
        return asyncio.run(cascade.listen().finish(utterance()))


@pytest.fixture
def trial(form: Form, catalogue: Catalogue) -> Trial:
    return Trial(form, catalogue)


def values(reading: Reading) -> Mapping[str, FieldValue | None]:
    return {name: field.value for name, field in reading.fields.items()}


# ---- Failures ----


def test_a_text_model_that_fails_leaves_what_the_parser_found(trial: Trial) -> None:
    reading = trial.read(written(IN_PART), TextModel(Unavailable("busy")))
    assert values(reading) == {"pallet_id": "742", "dock": "B"}
    assert reading.interpreter == "scribe/1 + openai/gpt-4o-mini"


def test_a_text_model_that_fails_where_the_parser_found_nothing_is_a_failure(trial: Trial) -> None:
    with pytest.raises(Unavailable, match="busy"):
        trial.read(written("hello over there"), TextModel(Unavailable("busy")))


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (HallucinationKind.STOCK_PHRASE, NotUnderstoodReason.NO_WORDS),
        (HallucinationKind.NO_SPEECH, NotUnderstoodReason.NO_WORDS),
        (HallucinationKind.LOOP, NotUnderstoodReason.NOT_DICTATION),
        (HallucinationKind.PROMPT_RETURNED, NotUnderstoodReason.NOT_DICTATION),
        (None, NotUnderstoodReason.NO_WORDS),
    ],
)
def test_a_transcript_set_aside_is_no_reading_and_says_why(
    trial: Trial, why: HallucinationKind | None, reason: NotUnderstoodReason
) -> None:
    model = TextModel(proposed(pallet_id=("742", "742")))
    reading = trial.read(written("", hallucination=why), model)
    assert reading.not_understood is reason
    assert reading.transcript == ("" if why is None else f"[{why}]")
    assert not reading.fields
    assert not model.asked


# ---- A value must be borne out by the transcript ----


def test_a_model_may_mend_a_label_and_nothing_else(trial: Trial) -> None:
    model = TextModel(proposed(pallet_id=("742", "pallet 742"), dock=("B", "dock b")))
    reading = trial.read(written("Ballad 742, dog bee"), model)
    assert values(reading) == {"pallet_id": "742", "dock": None}


def test_where_the_parser_reads_another_value_both_stand(trial: Trial) -> None:
    # The model took the first of two; the parser knows a correction.
    model = TextModel(proposed(quantity=(12, "12 units"), dock=("B", "dock b")))
    reading = trial.read(written("12 units, no, 15 units, dock B"), model)
    assert (reading.fields["quantity"].value, reading.fields["quantity"].rivals) == (12, (15,))
    assert reading.fields["dock"].rivals == ()


@pytest.mark.parametrize("act", [Act.YES, Act.NO, Act.CANCEL, Act.COMMAND])
def test_an_act_without_its_words_in_the_transcript_is_none(trial: Trial, act: Act) -> None:
    made_up = replace(proposed(act), words=(Word("yes", 0.0, 0.0, 0.9),))
    reading = trial.read(written("where is the tape"), TextModel(made_up))
    assert reading.act is Act.RECORD
    assert reading.not_understood is NotUnderstoodReason.NOT_DICTATION


@pytest.mark.parametrize("act", [Act.YES, Act.NO, Act.CANCEL])
def test_an_act_with_its_words_in_the_transcript_stands(trial: Trial, act: Act) -> None:
    said = replace(proposed(act), words=(Word("scratch", 0.0, 0.0, 0.9), Word("that", 0.0, 0.0, 0.9)))
    assert trial.read(written("Okay, scratch that!"), TextModel(said)).act is act


# ---- Who reads ----


def test_a_whole_entry_that_the_parser_finds_costs_no_text_model(trial: Trial) -> None:
    model = TextModel(Unavailable("must not be asked"))
    reading = trial.read(written(WHOLE), model)
    assert values(reading) == {"pallet_id": "742", "quantity": 12, "dock": "B"}
    assert reading.not_understood is None
    assert not model.asked


@pytest.mark.parametrize(
    "text",
    [
        IN_PART,
        LOOSE,
        "Pallet 742, 12 units, dock Z.",  # no dock of this house
        "Pallet 7, 12 units, dock B.",  # too short for a pallet
        "no, fifteen units",
    ],
)
def test_what_the_parser_finds_incomplete_goes_to_the_text_model(trial: Trial, text: str) -> None:
    model = TextModel(proposed(dock=("B", "bravo")))
    reading = trial.read(written(text), model)
    assert model.asked == [text]
    assert reading.interpreter == "scribe/1 + openai/gpt-4o-mini"


def test_without_a_text_model_the_parser_reads_alone(trial: Trial) -> None:
    reading = trial.read(written(IN_PART))
    assert values(reading) == {"pallet_id": "742", "dock": "B"}
    assert reading.interpreter == "scribe/1 + spoken-forms"
    assert trial.read(written("blue horses")).not_understood is NotUnderstoodReason.NOT_DICTATION


# ---- How sure, and at what cost ----


@pytest.mark.parametrize("parser", list(ParserUse))
def test_a_field_is_as_sure_as_the_least_sure_of_its_words(trial: Trial, parser: ParserUse) -> None:
    sure = {"Pallet": 0.99, "742,": 0.6, "12": 0.97, "units,": 0.95, "dock": 0.99, "B.": 0.7}
    words = tuple(Word(text, at / 2, at / 2 + 0.4, one) for at, (text, one) in enumerate(sure.items()))
    model = TextModel(proposed(pallet_id=("742", "pallet 742"), quantity=(12, "12 units"), dock=("B", "dock b")))
    reading = trial.read(written(WHOLE, words=words, confidence=0.6), model, parser)
    assert {name: field.confidence for name, field in reading.fields.items()} == {
        "pallet_id": 0.6,
        "quantity": 0.95,
        "dock": 0.7,
    }
    assert reading.words == words


def test_what_both_services_took_is_added_up(trial: Trial) -> None:
    taken = Usage("speaches", "large-v3", audio_seconds=4.0, cost_usd=0.0004)
    read = replace(
        proposed(dock=("B", "bravo")),
        usage=Usage("openai", "gpt-4o-mini", text_tokens_in=1_000_000, tokens_out=500_000, request_id="req_1"),
    )
    usage = trial.read(written(LOOSE, usage=taken), TextModel(read)).usage
    assert usage is not None
    assert (usage.client, usage.model) == ("speaches + openai", "large-v3 + gpt-4o-mini")
    assert (usage.text_tokens_in, usage.tokens_out, usage.audio_seconds) == (1_000_000, 500_000, 4.0)
    assert usage.cost_usd == pytest.approx(2.0004)
    assert usage.request_id == "req_1"
