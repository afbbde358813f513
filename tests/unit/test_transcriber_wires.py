"""What each transcribing service is sent and what its answers mean, on bodies as the vendors document them."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import pytest
import soundfile
from pydantic import ValidationError

from dockvoice_protocol.records import HallucinationKind, Word
from edge.config import TranscriptDetail
from edge.records import SAMPLE_RATE
from edge.understand.stt.openai import MistralWire, OpenAiWire, WhisperCppWire
from edge.understand.stt.services import AzureWire, DeepgramWire, GoogleWire, ScribeWire
from edge.understand.stt.transcriber import Hints, TranscriberWire, to_probability
from tests.rows import each_of, every

PCM = b"\x00\x10\x00\xf0" * SAMPLE_RATE
ENGLISH = Hints("en", "pallet, units, dock")

WIRES: dict[str, TranscriberWire] = {
    "openai whisper": OpenAiWire("/v1/audio/transcriptions", "whisper-1", ENGLISH),
    "openai gpt-4o": OpenAiWire("/v1/audio/transcriptions", "gpt-4o-transcribe", ENGLISH),
    "openai other": OpenAiWire("/v1/audio/transcriptions", "parakeet", ENGLISH),
    "whisper.cpp": WhisperCppWire("large-v3", ENGLISH),
    "google": GoogleWire("my-project", "europe-west4", "chirp_2", ENGLISH),
    "azure": AzureWire("azure", ENGLISH),
    "scribe": ScribeWire("scribe_v2", ENGLISH),
    "openai gpt-transcribe": OpenAiWire("/v1/audio/transcriptions", "gpt-transcribe", ENGLISH),
    "mistral": MistralWire("voxtral-mini-transcribe-3-0", Hints("en", "pallet, purchase order")),
    "deepgram": DeepgramWire("nova-3", ENGLISH),
}

NO_ANSWERS: list[Any] = [
    None,
    [],
    "Pallet 742",
    {"error": {"message": "no"}},
    {"text": None},
    {"text": 742},
    {"text": ["Pallet"]},
    {"text": "Pallet", "words": "Pallet"},
    {"text": "Pallet", "words": [{"word": "Pallet"}], "segments": 3},
    {"results": "none"},
    {"results": [{"alternatives": [{"transcript": 742}]}]},
    {"results": [{"alternatives": {"transcript": "Pallet"}}]},
    {"RecognitionStatus": "Error"},
    {"RecognitionStatus": "Success", "NBest": [{"Display": "Pallet"}]},
    {"RecognitionStatus": "Success", "NBest": {"Lexical": "pallet"}},
]


@each_of("name", WIRES)
def test_an_answer_of_another_shape_is_refused_and_never_half_believed(name: str) -> None:
    def is_refused(answer: Any) -> None:
        with pytest.raises(ValidationError):
            WIRES[name].parse(answer, 2.0)

    every(NO_ANSWERS, is_refused)


@each_of("name", WIRES)
def test_the_sound_goes_along_whole(name: str) -> None:
    asked = WIRES[name].request(PCM)
    file = asked.files["file"][1] if asked.files else asked.content or base64.b64decode(asked.json["content"])
    samples, rate = soundfile.read(io.BytesIO(file), dtype="int16")
    assert rate == SAMPLE_RATE
    assert samples.tobytes() == PCM


@each_of(
    ("language", "short", "regional"),
    [("en", "en", "en-US"), ("de-AT", "de", "de-AT"), ("fr_CA", "fr", "fr-CA"), ("it", "it", "it-IT")],
)
def test_a_language_is_told_as_each_service_wants_it(language: str, short: str, regional: str) -> None:
    expected = Hints(language)
    assert expected.language_code == short
    assert expected.regional_code == regional
    google = GoogleWire("p", "r", "chirp_2", expected).request(PCM)
    assert google.json["config"]["languageCodes"] == [regional]
    azure = AzureWire("azure", expected).request(PCM)
    assert (azure.params or {})["language"] == regional


def test_what_is_asked_of_a_model_depends_on_its_name_or_on_the_settings() -> None:
    whisper = WIRES["openai whisper"].request(PCM).data or {}
    assert whisper["response_format"] == "verbose_json"
    assert whisper["timestamp_granularities[]"] == ["word", "segment"]
    gpt = WIRES["openai gpt-4o"].request(PCM).data or {}
    assert (gpt["response_format"], gpt["include[]"]) == ("json", ["logprobs"])
    other = WIRES["openai other"].request(PCM).data or {}
    assert other["response_format"] == "json"
    told = OpenAiWire("/v1/audio/transcriptions", "parakeet", ENGLISH, TranscriptDetail.WORDS).request(PCM).data or {}
    assert told["response_format"] == "verbose_json"


def test_gpt_transcribe_is_told_in_the_fields_that_it_heeds() -> None:
    data = WIRES["openai gpt-transcribe"].request(PCM).data or {}
    assert (data["languages[]"], data["keywords[]"]) == (["en"], ["pallet", "units", "dock"])
    assert not {"language", "prompt", "temperature"} & data.keys()  # which it takes, and does not heed


def test_each_service_is_told_the_words_to_expect_in_its_own_way() -> None:
    words = ["pallet", "units", "dock"]
    assert (WIRES["scribe"].request(PCM).data or {})["keyterms"] == words
    assert (WIRES["deepgram"].request(PCM).params or {})["keyterm"] == words
    assert (WIRES["mistral"].request(PCM).data or {})["context_bias"] == ["pallet", "purchase_order"]
    (phrases,) = WIRES["google"].request(PCM).json["config"]["adaptation"]["phraseSets"]
    assert phrases == {"inlinePhraseSet": {"phrases": [{"value": word} for word in words]}}
    none = Hints("en")
    assert "keyterms" not in (ScribeWire("scribe_v2", none).request(PCM).data or {})
    assert "keyterms" not in (ScribeWire("scribe_v1", ENGLISH).request(PCM).data or {})
    assert "keyterm" not in (DeepgramWire("nova-2", ENGLISH).request(PCM).params or {})
    assert "context_bias" not in (MistralWire("m", none).request(PCM).data or {})
    assert "adaptation" not in GoogleWire("p", "r", "chirp_2", none).request(PCM).json["config"]


def test_mistral_names_the_model_that_wrote() -> None:
    answer = {"model": "voxtral-mini-2602", "text": " Pallet 742. ", "language": "en", "usage": {"prompt_tokens": 7}}
    heard = WIRES["mistral"].parse(answer, 2.0)
    assert (heard.text, heard.model, heard.text_tokens_in) == ("Pallet 742.", "voxtral-mini-2602", 7)


def test_deepgram_is_as_sure_as_its_least_sure_word() -> None:
    words = [
        {"word": "pallet", "start": 0.1, "end": 0.4, "confidence": 0.99, "punctuated_word": "Pallet"},
        {"word": "seven", "start": 0.5, "end": 0.8, "confidence": 0.4},
    ]
    best = {"transcript": "pallet seven", "confidence": 0.9, "words": words}
    info = {"30089e05": {"name": "general-nova-2", "version": "2024-01-09.29447", "arch": "nova-2"}}
    heard = WIRES["deepgram"].parse(
        {"metadata": {"model_info": info}, "results": {"channels": [{"alternatives": [best]}]}}, 2.0
    )
    assert (heard.text, heard.confidence, heard.model) == ("pallet seven", 0.4, "nova-2")
    assert [word.text for word in heard.words] == ["pallet", "seven"]


VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 2.0,
    "text": " Pallet 742, 12 units, dock B.",
    "segments": [{"id": 0, "start": 0.0, "end": 2.0, "text": "…", "avg_logprob": -0.25, "no_speech_prob": 0.01}],
}


def test_words_that_have_probabilities_are_as_sure_as_those() -> None:
    words = [
        {"word": " Pallet", "start": 0.1, "end": 0.4, "probability": 0.99},
        {"word": " 742,", "start": 0.4, "end": 0.9, "probability": 0.55},
    ]
    expected = (Word("Pallet", 0.1, 0.4, 0.99), Word("742,", 0.4, 0.9, 0.55))
    for answer in ({**VERBOSE, "words": words}, {**VERBOSE, "segments": [{"words": words}]}):
        heard = WIRES["whisper.cpp"].parse(answer, 2.0)
        assert heard.words == expected
        assert heard.confidence == 0.55


def test_what_whisper_itself_would_not_believe_is_doubted_or_set_aside() -> None:
    doubtful = {**VERBOSE, "segments": [{"avg_logprob": -1.5, "no_speech_prob": 0.2}]}
    assert WIRES["openai whisper"].parse(doubtful, 2.0).confidence == pytest.approx(math.exp(-1.5))
    silent = {**VERBOSE, "segments": [{"avg_logprob": -1.5, "no_speech_prob": 0.9}]}
    assert WIRES["openai whisper"].parse(silent, 2.0).hallucination is HallucinationKind.NO_SPEECH
    half = {**VERBOSE, "segments": [{"avg_logprob": -1.5, "no_speech_prob": 0.9}, {"avg_logprob": -0.1}]}
    assert WIRES["openai whisper"].parse(half, 2.0).hallucination is None


def test_tokens_become_words_as_sure_as_their_least_sure_token() -> None:
    tokens = [("Pal", -0.01), ("let", -0.02), (" 7", -0.1), ("42", -0.7), (".", -0.05)]
    answer = {
        "text": "Pallet 742.",
        "logprobs": [{"token": token, "logprob": logprob, "bytes": []} for token, logprob in tokens],
        "usage": {
            "type": "tokens",
            "input_tokens": 24,
            "input_token_details": {"audio_tokens": 20, "text_tokens": 4},
            "output_tokens": 5,
        },
    }
    heard = WIRES["openai gpt-4o"].parse(answer, 2.0)
    assert [word.text for word in heard.words] == ["Pallet", "742."]
    assert [word.confidence for word in heard.words] == pytest.approx([math.exp(-0.02), math.exp(-0.7)])
    assert heard.confidence == pytest.approx(math.exp(-0.7))
    assert (heard.audio_tokens_in, heard.text_tokens_in, heard.tokens_out) == (20, 4, 5)


def test_google_results_are_joined_and_zero_is_no_confidence() -> None:
    def result(text: str, sure: float) -> dict[str, Any]:
        return {"alternatives": [{"transcript": text, "confidence": sure}, {"transcript": "another"}]}

    heard = WIRES["google"].parse({"results": [result("pallet 742", 0.91), result(" dock B", 0.88)]}, 2.0)
    assert (heard.text, heard.confidence) == ("pallet 742 dock B", 0.88)
    assert WIRES["google"].parse({"results": [result("pallet", 0.0)]}, 2.0).confidence is None
    assert WIRES["google"].parse({"results": [{}]}, 2.0).text == ""


def test_scribe_leaves_spaces_and_noises_out() -> None:
    answer = {
        "language_code": "eng",
        "text": "Pallet 742. (beeping)",
        "words": [
            {"text": "Pallet", "start": 0.1, "end": 0.4, "type": "word", "logprob": -0.01},
            {"text": " ", "start": 0.4, "end": 0.4, "type": "spacing", "logprob": 0.0},
            {"text": "742.", "start": 0.4, "end": 0.9, "type": "word", "logprob": -0.5},
            {"text": "(beeping)", "start": 0.9, "end": 1.2, "type": "audio_event", "logprob": -0.2},
        ],
    }
    heard = WIRES["scribe"].parse(answer, 2.0)
    assert [word.text for word in heard.words] == ["Pallet", "742."]
    assert heard.confidence == pytest.approx(math.exp(-0.5))


@each_of("logprob", [0.1, 5.0, math.inf, math.nan])
def test_a_probability_above_one_is_no_certainty(logprob: float) -> None:
    assert to_probability(logprob) == 0.0
