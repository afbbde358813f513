"""The state shared by all endpoints: recogniser, model, voice, accounts, ordered behaviours, request log."""

from __future__ import annotations

import base64
import json
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from starlette.requests import Request

from edge.config import ClientKind
from edge.speak.voices import EspeakVoice
from lab.standin.accounts import Accounts, Modality, Model
from lab.standin.behaviour import Behaviour, BehaviourQueue, Refusal, Vendor, vendor_of
from lab.standin.documented import check_media_type
from lab.standin.fabrications import falsify_answer
from lab.standin.hearing import SHORTEST_S, DecodedSound, MoonshineRecogniser, NotSound
from lab.standin.model import Answer, SimulatedModel, Tool

_LARGEST = 20 * 1000 * 1000  # Maximum bytes of a recording in a chat, at OpenAI and Azure.

_REMEMBERED = 200  # Requests kept for inspection; each holds its sound, some 200 kB.

_SPOKEN_WITHIN_S = 30.0  # Timeout of speech synthesis, far more than a sentence takes.


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as received."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def as_json(self) -> dict[str, Any]:
        """The request as JSON for the control endpoint, its body in base64."""
        return {**asdict(self), "body": base64.b64encode(self.body).decode()}


@dataclass(slots=True)
class StandinState:
    """The stand-in's state."""

    mind: SimulatedModel
    accounts: Accounts = field(default_factory=Accounts)
    orders: BehaviourQueue = field(default_factory=BehaviourQueue)
    ear: MoonshineRecogniser = field(default_factory=MoonshineRecogniser)
    voice: EspeakVoice = field(default_factory=EspeakVoice)
    asked: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def find_model(self, name: object, takes: Modality, path: str) -> Model:
        """The model that a request names. Raises Refusal."""
        if not isinstance(name, str) or not name:
            raise Refusal(400, "you must provide a model parameter", param="model")
        return self.accounts.find_model(name, takes, vendor_of(path))

    async def speak(self, text: str) -> np.ndarray[Any, np.dtype[np.int16]]:
        """Synthesise the text: 16 kHz mono samples."""
        pieces = [piece async for piece in self.voice.say(text, "en", _SPOKEN_WITHIN_S)]
        return np.frombuffer(b"".join(pieces), dtype=np.int16)

    def answer_as_ordered(
        self, text: str, tools: Sequence[Tool], request: Request, prompt: str, *, must_call: bool
    ) -> Answer:
        """The model's answer, or the wrong one that was ordered."""
        honest = self.mind.answer(text, tools, must_call=must_call)
        behaviours: list[Behaviour] = request.scope["state"]["behaviours"]
        for behaviour in behaviours:
            if behaviour.answer:
                return falsify_answer(behaviour.answer, honest, self.mind, tools, prompt, behaviour.random_generator())
        return honest


def decode_sound(content: bytes, largest: int = _LARGEST) -> DecodedSound:
    """Decode a request's recording. Raises Refusal: too large, not audio, too short."""
    if len(content) > largest:
        raise Refusal(413, f"Audio of {len(content)} bytes exceeds the limit of {largest} bytes.", "audio_too_large")
    try:
        sound = DecodedSound.decode(content)
    except NotSound:
        raise Refusal(400, "The audio data could not be decoded.", "invalid_audio") from None
    if sound.seconds < SHORTEST_S:
        raise Refusal(400, "Audio file is too short. Minimum audio length is 0.1 seconds.", "audio_too_short")
    return sound


def decode_base64(text: object, param: str) -> bytes:
    """Decode base64, standard or URL-safe. Raises Refusal."""
    try:
        return base64.b64decode(str(text).replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raise Refusal(400, f"Invalid value for '{param}': not valid base64.", "invalid_value", param) from None


def vendor_of_request(request: Request) -> Vendor:
    """The vendor whose format a request uses: as settled by its model, else by its path."""
    settled: Vendor | None = request.scope.get("state", {}).get("vendor")
    return settled or vendor_of(request.url.path)


def set_vendor_by_model(request: Request, model: Model) -> Vendor:
    """Settle the request's vendor by its model: Mistral uses OpenAI's paths."""
    if model.whose is ClientKind.MISTRAL:
        request.scope.setdefault("state", {})["vendor"] = Vendor.MISTRAL
    return vendor_of_request(request)


async def read_json(request: Request) -> dict[str, Any]:
    """Parse a request's body. Raises Refusal if its type is not JSON, or it is not a JSON object."""
    check_media_type(request.headers, ("application/json",), vendor_of_request(request))
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "We could not parse the JSON body of your request.", "invalid_json")
    return body


def estimate_tokens(text: str) -> int:
    """Estimate a text's tokens at four characters each, OpenAI's rule of thumb for English."""
    return -(-len(text) // 4)


def new_id(prefix: str) -> str:
    """A new random id in the vendor's format."""
    return f"{prefix}{uuid.uuid4().hex[:24]}"
