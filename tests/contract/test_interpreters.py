"""What every interpreter promises, asked of each that can run here and of a fake.

Vosk is among them where its weights are (the Makefile fetches them); pocketsphinx, whose weights come with it, always.
Models behind services are asked over HTTP, made from settings as the agent makes them; the stand-in answers, and hears
with a recogniser of its own. A new provider is one row of `SERVICES`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import sample_sentences
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.records import FieldReading, NotUnderstoodReason, Reading, Word
from edge.config import Settings
from edge.ports import Interpreter, UtteranceListener
from edge.records import SAMPLE_RATE, Utterance
from edge.understand.factory import InterpreterArguments
from edge.understand.factory import make_interpreter as configured
from edge.understand.local.moonshine import MoonshineInterpreter
from edge.understand.local.pocketsphinx import PocketsphinxInterpreter
from edge.understand.local.second_recogniser_process import SecondRecogniserProcess
from edge.understand.local.vosk import UnmeasuredVosk, VoskInterpreter
from edge.understand.local.weights import find_model, locate
from edge.understand.remote.client import Clients
from edge.understand.remote.failures import AnswerFault, Garbled
from tests.sayings import DEMO, recorded, spoken
from tests.shipped import catalogue, form
from tests.standin import KEY, RunningStandin
from tests.tiers import sized

CLEAR = "01-pallet-5451-four-cases-dock-alpha.flac"
CORRECTED = "07-pallet-9019-eighty-no-seventy-units-dock-alpha.flac"
CHATTER = "09-chatter-where-did-you-put-the-tape-gun.flac"
SILENCE = "10-silence.flac"
NOISE = "11-noise-only-reversing-beeper.flac"

SECOND = 2 * SAMPLE_RATE  # Bytes of a second.


class Scripted:
    """The fake: reads what it was told a sound says, or nothing."""

    name = "scripted"

    def __init__(self, script: Mapping[bytes, Reading]) -> None:
        self._script = script

    def listen(self) -> UtteranceListener:
        return _ScriptedAttention(self._script)


class _ScriptedAttention(UtteranceListener):
    def __init__(self, script: Mapping[bytes, Reading]) -> None:
        self._script = script

    def hear(self, pcm: bytes) -> None:
        """Nothing to be done ahead."""

    async def finish(self, utterance: Utterance) -> Reading:
        nothing = Reading("scripted", utterance.form, (), {}, NotUnderstoodReason.NO_WORDS)
        return self._script.get(utterance.segment.pcm, nothing)


def truth(name: str) -> Mapping[str, Any]:
    lines = (DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return next(clip["fields"] for clip in map(json.loads, lines) if clip["audio"] == name)


def scripted() -> Interpreter:
    fields = {name: FieldReading(value, (str(value),), 1.0) for name, value in truth(CLEAR).items()}
    return Scripted({recorded(CLEAR): Reading("scripted", "pallet-move", (Word("pallet", 0.4, 0.6, 1.0),), fields)})


def vosk(weights: Path) -> Interpreter:
    return VoskInterpreter(weights, form(), catalogue(), sample_sentences(form(), catalogue()))


def unmeasured(weights: Path) -> Interpreter:
    """What hears other languages, whose weights cannot be had here."""
    return UnmeasuredVosk(weights, form(), catalogue(), ENGLISH)


MODELS = Path(os.environ.get("DOCKVOICE_TEST_MODELS", ""))
HERE: dict[str, Callable[[], Interpreter]] = {
    "scripted": scripted,
    "pocketsphinx": lambda: PocketsphinxInterpreter(form(), catalogue()),
    "moonshine": lambda: MoonshineInterpreter(form(), catalogue()),
}
if weights := locate(find_model("small-en-us"), MODELS):
    HERE["vosk"] = partial(vosk, weights)
    HERE["vosk, as unmeasured"] = partial(unmeasured, weights)
else:
    HERE["pocketsphinx, vosk's weights are not here"] = HERE.pop("pocketsphinx")


Read = Callable[..., Reading]

OPENAI: dict[str, Any] = {"kind": "openai", "key": KEY}
AZURE: dict[str, Any] = {"kind": "azure-openai", "key": KEY, "region": "swedencentral", "residency": "eu"}
GEMINI: dict[str, Any] = {"kind": "gemini", "key": KEY}
VLLM: dict[str, Any] = {"kind": "self-hosted", "key": KEY}
PREVIEW = {"api_version": "2025-01-01-preview"}
VOXTRAL = "mistralai/Voxtral-Mini-3B-2507"
SERVICES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "gpt-audio-mini": (OPENAI, {"model": "gpt-audio-mini"}),
    "gpt-audio-mini, streaming": (OPENAI, {"model": "gpt-audio-mini", "streaming": True}),
    "gpt-audio, with a spoken reply": (OPENAI, {"model": "gpt-audio", "voice": "shimmer"}),
    "gpt-audio-1.5": (OPENAI, {"model": "gpt-audio-1.5"}),
    "gpt-audio-1.5, streaming a spoken reply": (
        OPENAI,
        {"model": "gpt-audio-1.5", "streaming": True, "voice": "alloy"},
    ),
    "gpt-4o-audio-preview": (OPENAI, {"model": "gpt-4o-audio-preview"}),
    "Azure, deployment": (AZURE | PREVIEW, {"model": "gpt-4o-audio-preview"}),
    "Azure, deployment, Entra token": (AZURE | PREVIEW | {"key_header": "bearer"}, {"model": "gpt-audio-mini"}),
    "Azure, v1, streaming": (AZURE, {"model": "gpt-audio-mini", "streaming": True}),
    "gemini-3.5-flash-lite": (GEMINI, {"model": "gemini-3.5-flash-lite", "thinking": "minimal", "max_tokens": 1000}),
    "gemini-3.8-flash, streaming": (GEMINI, {"model": "gemini-3.8-flash", "streaming": True}),
    "Voxtral at Mistral": ({"kind": "mistral", "key": KEY}, {"model": "voxtral-small-latest", "max_tokens": 1000}),
    "Voxtral on vLLM": (VLLM, {"model": VOXTRAL, "system_prompt": False}),
}
"""Client and interpreter of each row, as settings."""

CHIRP: dict[str, Any] = {"kind": "google-speech", "key": KEY, "region": "europe-west4", "project": "dock"}
WHISPER = {"kind": "openai", "model": "Systran/faster-whisper-large-v3"}
CASCADES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "Whisper API": (OPENAI, {"kind": "openai", "model": "whisper-1"}, {}),
    "gpt-transcribe + gpt-6-luna": (
        OPENAI,
        {"kind": "openai", "model": "gpt-transcribe"},
        {"model": "gpt-6-luna", "thinking": "low"},
    ),
    "gpt-4o-transcribe on Azure": (AZURE, {"kind": "openai", "model": "gpt-4o-transcribe"}, {}),
    "Whisper large-v3 + Llama 3.1 8B": (VLLM, WHISPER, {"model": "llama3.1:8b", "parser": "never"}),
    "Whisper large-v3 + Mistral": (VLLM, WHISPER, {"model": "mistral", "parser": "never"}),
    "whisper.cpp": (VLLM, {"kind": "whisper-cpp", "model": "large-v3"}, {}),
    "Chirp 2": (CHIRP, {"kind": "google", "model": "chirp_2"}, {}),
    "Azure AI Speech": ({"kind": "azure-speech", "key": KEY, "region": "swedencentral"}, {"kind": "azure"}, {}),
    "Voxtral Transcribe at Mistral": (
        {"kind": "mistral", "key": KEY},
        {"kind": "mistral", "model": "voxtral-mini-transcribe-3-0"},
        {},
    ),
    "Deepgram": ({"kind": "deepgram", "key": KEY}, {"kind": "deepgram", "model": "nova-3"}, {}),
    "Parakeet": (VLLM, {"kind": "openai", "model": "nvidia/parakeet-tdt-0.6b-v3", "detail": "text"}, {}),
    "ElevenLabs Scribe": ({"kind": "elevenlabs", "key": KEY}, {"kind": "scribe", "model": "scribe_v2"}, {}),
}
"""Client, transcriber and text model of each row; without a text model the form's own parser reads alone."""

ALL = (*HERE, *SERVICES, *CASCADES)

EACH_KIND = (
    *HERE,
    "gpt-audio-mini",
    "gpt-audio-1.5, streaming a spoken reply",
    "Azure, v1, streaming",
    "gemini-3.5-flash-lite",
    "gemini-3.8-flash, streaming",
    "Voxtral on vLLM",
    "Whisper API",
    "gpt-transcribe + gpt-6-luna",
)
"""One of each kind and way of asking: what a service makes of no speech at all is the stand-in's doing in any row."""


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all: a client's connections belong to the loop they were made in."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def served(standin_process: RunningStandin, runner: asyncio.Runner) -> Iterator[Mapping[str, Interpreter]]:
    """An interpreter for each row of `SERVICES`, made from settings."""
    made: dict[str, Interpreter] = {}
    connections: list[Clients] = []
    for row, (client, understand) in (*_services(), *_cascades()):
        understand |= {"clients": {"service": client | {"url": standin_process.url}}}
        settings = load_settings(Settings, None, understand=understand)
        clients = Clients(settings.understand.clients)
        connections.append(clients)
        made[row] = configured("model", InterpreterArguments(settings, form(), catalogue(), clients))
    yield made
    for clients in connections:
        runner.run(clients.aclose())


def _services() -> Iterator[tuple[str, tuple[dict[str, Any], dict[str, Any]]]]:
    for row, (client, reader) in SERVICES.items():
        kind = "gemini" if row.startswith("gemini") else "chat-audio"
        yield row, (client, {"interpreters": {"model": {"client": "service", "kind": kind} | reader}})


def _cascades() -> Iterator[tuple[str, tuple[dict[str, Any], dict[str, Any]]]]:
    for row, (client, writer, reader) in CASCADES.items():
        model = {"kind": "cascade", "transcriber": "writer"} | ({"client": "service"} | reader if reader else {})
        yield (
            row,
            (client, {"transcribers": {"writer": {"client": "service"} | writer}, "interpreters": {"model": model}}),
        )


@pytest.fixture(scope="module")
def made() -> dict[str, Interpreter]:
    """Those that run here, each once made."""
    return {}


@pytest.fixture(params=sized(test=EACH_KIND, nightly=ALL))
def interpreter(request: pytest.FixtureRequest, made: dict[str, Interpreter]) -> Interpreter:
    name = request.param
    if name in HERE:
        if name not in made:
            made[name] = HERE[name]()
        return made[name]
    standin: RunningStandin = request.getfixturevalue("standin")
    if name in SERVICES:
        standin.serve(SERVICES[name][1]["model"])  # some were shut down at their vendor
    found: Interpreter = request.getfixturevalue("served")[name]
    return found


@pytest.fixture
def read(runner: asyncio.Runner) -> Read:
    def reading(interpreter: Interpreter, pcm: bytes, heard: Iterable[bytes] = ()) -> Reading:
        """What it reads; without what it took, in which every request has an id of its own."""
        attention = interpreter.listen()
        for piece in heard:
            attention.hear(piece)
        return replace(runner.run(attention.finish(spoken(pcm))), usage=None)

    return reading


@pytest.fixture(scope="module")
def known() -> dict[Interpreter, Reading]:
    """What each made of the clear sentence: worked out once, to compare with."""
    return {}


@pytest.fixture
def alone(interpreter: Interpreter, read: Read, known: dict[Interpreter, Reading]) -> Reading:
    """The clear sentence, read by itself."""
    if interpreter not in known:
        known[interpreter] = read(interpreter, recorded(CLEAR))
    return known[interpreter]


def cut(pcm: bytes, size: int) -> list[bytes]:
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


def values(reading: Reading) -> dict[str, Any]:
    return {name: field.value for name, field in reading.fields.items()}


def is_complete(reading: Reading) -> bool:
    sure = {name: field.value for name, field in reading.fields.items() if field.value is not None and not field.rivals}
    return not form().faults(sure)


def test_a_clear_sentence_is_read_right(interpreter: Interpreter, read: Read) -> None:
    reading = read(interpreter, recorded(CLEAR), cut(recorded(CLEAR), 640))
    assert values(reading) == truth(CLEAR)
    assert reading.not_understood is None
    assert (reading.form, reading.interpreter) == ("pallet-move", interpreter.name)
    times = [time for word in reading.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= len(recorded(CLEAR)) / 2 / SAMPLE_RATE
    assert all(0 <= word.confidence <= 1 for word in reading.words)


@pytest.mark.parametrize("row", sized(test=[row for row in SERVICES if row in EACH_KIND], nightly=list(SERVICES)))
def test_a_model_reads_leading_zeros_and_corrections_right_and_says_what_it_took(
    row: str, served: Mapping[str, Interpreter], standin: RunningStandin, read: Read, runner: asyncio.Runner
) -> None:
    standin.serve(SERVICES[row][1]["model"])
    zeros = "02-pallet-0126-nine-units-dock-bravo.flac"
    assert values(read(served[row], recorded(zeros))) == truth(zeros)
    reading = runner.run(served[row].listen().finish(spoken(recorded(CORRECTED))))
    assert values(reading) == truth(CORRECTED)
    usage = reading.usage
    assert usage is not None
    assert (usage.client, usage.model) == ("service", SERVICES[row][1]["model"])
    assert min(usage.audio_tokens_in, usage.text_tokens_in, usage.tokens_out) > 0


def test_silence_is_not_understood(interpreter: Interpreter, read: Read) -> None:
    for pcm in (b"", bytes(2), bytes(320), bytes(SAMPLE_RATE * 4)):
        reading = read(interpreter, pcm, cut(pcm, 640))
        assert (reading.not_understood, reading.fields) == (NotUnderstoodReason.NO_WORDS, {})
    silent = read(interpreter, recorded(SILENCE))
    assert silent.not_understood is not None
    assert not silent.fields


@cache
def hiss(loudness: int) -> bytes:
    noise = random.Random(loudness)
    samples = (noise.randint(-loudness, loudness) for _ in range(SAMPLE_RATE * 3))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def test_what_is_no_dictation_never_gives_a_complete_reading(interpreter: Interpreter, read: Read) -> None:
    for pcm in (recorded(NOISE), recorded(CHATTER), *map(hiss, sized(test=[3000], nightly=[100, 3000, 30000]))):
        assert not is_complete(read(interpreter, pcm))


# Those behind services read an utterance as a whole: of each kind of them one is enough where it matters what is heard
# while the operator speaks.
attentive = pytest.mark.parametrize(
    "interpreter", [*HERE, "gpt-audio-mini", "gemini-3.5-flash-lite", "Whisper API"], indirect=True
)


@attentive
def test_nothing_of_an_abandoned_utterance_lingers(interpreter: Interpreter, read: Read, alone: Reading) -> None:
    abandoned = interpreter.listen()
    abandoned.hear(recorded(CHATTER)[:SECOND])
    del abandoned
    assert read(interpreter, recorded(CLEAR)) == alone


@attentive
def test_it_does_not_matter_how_the_sound_is_cut(interpreter: Interpreter, read: Read, alone: Reading) -> None:
    begun = recorded(CLEAR)[: SECOND // 2]  # every sample by itself is slow
    assert read(interpreter, begun, cut(begun, 2)) == read(interpreter, begun)
    hangover = bytes(SECOND * 300 // 1000)  # heard, then cut off by endpointing
    for size in sized(test=[10_002], nightly=[640, 10_002, 1 << 20]):
        assert read(interpreter, recorded(CLEAR), cut(recorded(CLEAR) + hangover, size)) == alone


@attentive
def test_what_was_heard_before_counts_for_nothing_beside_the_recording(
    interpreter: Interpreter, read: Read, alone: Reading
) -> None:
    assert read(interpreter, recorded(CLEAR), cut(recorded(CLEAR)[-SECOND:], 640)) == alone


@attentive
def test_the_next_utterance_is_heard_while_the_last_one_is_read(
    interpreter: Interpreter, read: Read, alone: Reading, runner: asyncio.Runner
) -> None:
    other = recorded(CHATTER)[:SECOND]
    expected = [alone, read(interpreter, other)]

    async def both() -> list[Reading]:
        sounds = [recorded(CLEAR), other]
        attentions = [interpreter.listen() for _ in sounds]
        for attention, pcm in zip(attentions, sounds, strict=True):
            attention.hear(pcm)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.finish(spoken(pcm))) for one, pcm in zip(attentions, sounds, strict=True)]
        return [task.result() for task in tasks]

    assert [replace(reading, usage=None) for reading in runner.run(both())] == expected


def with_label(directory: Path, label: str) -> Form:
    schema = json.loads(json.dumps(dict(form().schema)))
    schema["properties"]["dock"]["x-voice"]["labels"] = [label]
    path = directory / "pallet-move.schema.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    return load_form(path)


# They write what they like, or leave out what they do not know, which the doctor tells.
LENIENT = {"scripted", "moonshine", "vosk, as unmeasured"}


@pytest.mark.parametrize("name", [name for name in HERE if name not in LENIENT])
def test_a_word_that_it_cannot_hear_is_refused_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = with_label(tmp_path, "zorgblatt")
    monkeypatch.setitem(globals(), "form", lambda: strange)
    with pytest.raises(Misconfigured, match=r"form 'pallet-move': .*/.* does not know the words zorgblatt,"):
        HERE[name]()


LYING = ["gpt-audio-mini", "gpt-audio-mini, streaming", "gemini-3.5-flash-lite", "gemini-3.8-flash, streaming"]


@pytest.mark.parametrize("row", LYING)
def test_an_answer_that_is_no_reading_is_refused(
    row: str, served: Mapping[str, Interpreter], standin: RunningStandin, read: Read
) -> None:
    for order, faults in (
        ({"answer": "prose"}, {AnswerFault.PROSE}),
        ({"answer": "leaked_prompt"}, {AnswerFault.LEAKED_PROMPT}),
        ({"answer": "unknown_tool"}, {AnswerFault.UNKNOWN_TOOL}),
        ({"answer": "two_calls"}, {AnswerFault.SEVERAL_CALLS}),
        ({"answer": "not_json"}, {AnswerFault.NOT_JSON, AnswerFault.WRONG_SHAPE}),
        ({"answer": "empty"}, {AnswerFault.EMPTY, AnswerFault.NO_CALL, AnswerFault.NOT_JSON}),
        ({"body": "<html>502</html>", "content_type": "text/html"}, {AnswerFault.NOT_JSON, AnswerFault.EMPTY}),
    ):
        standin.behave(times=1, **order)
        with pytest.raises(Garbled) as caught:
            read(served[row], recorded(CLEAR))
        assert caught.value.fault in faults, order


@pytest.mark.parametrize("row", LYING)
def test_an_answer_with_one_meaning_is_read_as_that_or_not_at_all(
    row: str, served: Mapping[str, Interpreter], standin: RunningStandin, read: Read
) -> None:
    for answer in ("wrong_types", "extra_fields"):
        standin.behave(times=1, answer=answer)
        said = {name: value for name, value in values(read(served[row], recorded(CLEAR))).items() if value is not None}
        assert said.items() <= truth(CLEAR).items(), answer


@pytest.mark.parametrize("row", LYING)
def test_a_service_that_fails_once_is_asked_again(
    row: str, served: Mapping[str, Interpreter], standin: RunningStandin, read: Read
) -> None:
    wrong: list[dict[str, Any]] = [{"cut": "before_headers"}, {"status": 500}]
    for order in (*wrong, {"status": 429, "headers": {"retry-after-ms": "20"}}):
        before = len(standin.requests())
        standin.behave(times=1, **order)
        assert values(read(served[row], recorded(CLEAR))) == truth(CLEAR)
        assert len(standin.requests()) == before + 2, order


@pytest.mark.parametrize("row", LYING)
@pytest.mark.parametrize("cut", ["half_body", "after_headers"])
def test_half_an_answer_makes_no_other_record(
    row: str, cut: str, served: Mapping[str, Interpreter], standin: RunningStandin, read: Read
) -> None:
    standin.behave(times=1, cut=cut)
    try:
        said = values(read(served[row], recorded(CLEAR)))
    except Garbled as garbled:
        assert garbled.fault in {AnswerFault.HALF_STREAM, AnswerFault.NOT_JSON, AnswerFault.EMPTY}  # noqa: PT017 - either is right
    else:
        assert said == truth(CLEAR)


def test_the_second_recogniser_hears_a_clip_in_a_process_of_its_own() -> None:
    async def whole() -> tuple[str, str]:
        second = SecondRecogniserProcess()
        try:
            return await second.recognise(b""), await second.recognise(recorded(CLEAR))
        finally:
            await second.end()

    silence, words = asyncio.run(whole())
    assert silence == ""
    assert "dock alpha" in words.lower()
