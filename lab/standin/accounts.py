"""API keys, and the models that the stand-in offers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Flag, auto

from starlette.datastructures import Headers, QueryParams

from edge.config import ClientKind
from edge.understand.remote.served_models import find_retirement
from lab.standin.behaviour import Refusal, Vendor

_KEY = "standin-key"  # The default key.
_FORBIDDEN = "standin-forbidden"  # A key that is valid but without permissions: answered 403 instead of 401.


class Modality(Flag):
    """A model's inputs and outputs."""

    TEXT = auto()
    SOUND = auto()
    TRANSCRIBES = auto()
    SPEAKS = auto()


@dataclass(frozen=True, slots=True)
class Model:
    """A model as listed by `/v1/models`."""

    name: str
    takes: Modality
    whose: ClientKind = ClientKind.OPENAI  # The model's vendor; `self-hosted` models belong to every account.
    retired: bool = False
    system_prompt: bool = True

    @property
    def shutdown(self) -> date | None:
        """The announced shutdown date, from `config/models.toml`."""
        retirement = find_retirement(self.whose, self.name)
        return retirement[0].ends if retirement else None

    @property
    def is_audio_chat(self) -> bool:
        """Whether it is a chat model with sound (gpt-audio), which refuses structured outputs."""
        return Modality.SOUND in self.takes


_OURS: Mapping[ClientKind, Mapping[Modality, tuple[str, ...]]] = {
    ClientKind.OPENAI: {
        Modality.SOUND: ("gpt-audio-1.5", "gpt-audio", "gpt-audio-mini"),
        Modality.TEXT: ("gpt-6-luna", "gpt-5.4-mini", "gpt-4o-mini"),
        Modality.TRANSCRIBES: ("gpt-transcribe", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"),
        Modality.SPEAKS: ("gpt-4o-mini-tts", "tts-1"),
    },
    ClientKind.GEMINI: {
        Modality.SOUND | Modality.TEXT: (
            *("gemini-3.8-flash", "gemini-3.6-flash", "gemini-3.5-flash", "gemini-3.5-flash-lite"),
            *("gemini-3.1-flash-lite", "gemini-2.5-flash", "gemini-2.5-pro"),
        )
    },
    ClientKind.MISTRAL: {
        Modality.TRANSCRIBES: ("voxtral-mini-transcribe-3-0", "voxtral-mini-transcribe-latest", "voxtral-mini-2602"),
        Modality.SOUND | Modality.TEXT: ("voxtral-small-latest",),
        Modality.TEXT: ("mistral-small-latest",),
    },
    ClientKind.DEEPGRAM: {Modality.TRANSCRIBES: ("nova-3", "nova-2")},
    ClientKind.GOOGLE_SPEECH: {Modality.TRANSCRIBES: ("chirp_3", "chirp_2")},
    ClientKind.ELEVENLABS: {
        Modality.TRANSCRIBES: ("scribe_v2", "scribe_v1"),
        Modality.SPEAKS: ("eleven_flash_v2_5", "eleven_multilingual_v2"),
    },
    ClientKind.SELF_HOSTED: {
        Modality.TEXT: ("llama3.1:8b", "meta-llama/Llama-3.1-8B-Instruct", "mistral"),
        Modality.TRANSCRIBES: (
            *("Systran/faster-whisper-large-v3", "openai/whisper-large-v3", "nvidia/parakeet-tdt-0.6b-v3"),
        ),
    },
}
"""The live models of the vendors, and of self-hosted servers."""

_RETIRED = {
    ClientKind.OPENAI: (
        *("gpt-4o-audio-preview", "gpt-4o-audio-preview-2024-12-17"),
        *("gpt-4o-mini-audio-preview", "gpt-4o-mini-audio-preview-2024-12-17"),
    ),
    ClientKind.GEMINI: ("gemini-1.5-flash", "gemini-1.5-pro", "gemini-2.0-flash"),
}

_MODELS = {
    model.name: model
    for model in (
        *(
            Model(name, takes, whose)
            for whose, kinds in _OURS.items()
            for takes, names in kinds.items()
            for name in names
        ),
        *(Model(name, Modality.SOUND, whose, retired=True) for whose, names in _RETIRED.items() for name in names),
        Model(
            "mistralai/Voxtral-Mini-3B-2507",
            Modality.SOUND | Modality.TEXT | Modality.TRANSCRIBES,
            ClientKind.SELF_HOSTED,
            system_prompt=False,
        ),
    )
}
"""All models by name."""

EVERYTHING = Modality.TEXT | Modality.SOUND | Modality.TRANSCRIBES | Modality.SPEAKS


@dataclass(slots=True)
class Accounts:
    """One API key, and the models that it may use."""

    key: str = field(default=_KEY, repr=False)
    also: dict[str, Model] = field(default_factory=dict)  # Models served in addition, or despite their shutdown.

    def serve_as_live(self, name: str) -> None:
        """Serve a retired or unknown model as if it were live."""
        known = _MODELS.get(name)
        self.also[name] = Model(name, known.takes, known.whose) if known else Model(name, EVERYTHING)

    def live_models(self) -> dict[str, Model]:
        """The live models by name."""
        return {name: model for name, model in (_MODELS | self.also).items() if not model.retired}

    def find_model(self, name: str, takes: Modality, vendor: Vendor) -> Model:
        """Look up a model. Raises Refusal: 404 unknown, 410 (Azure) or 404 retired, 400 for another modality."""
        model = (_MODELS | self.also).get(name)
        if model is None:
            raise Refusal(404, _unknown_model_message(name, vendor), "model_not_found")
        if model.retired:
            status = 410 if vendor is Vendor.AZURE else 404
            raise Refusal(status, f"The model `{name}` has been deprecated, learn more here: /deprecations")
        if not model.takes & takes:
            raise Refusal(400, f"The model `{name}` does not support this operation.", "model_not_supported", "model")
        return model

    def check_key(self, headers: Headers, query: QueryParams, vendor: Vendor) -> None:
        """Check the key where this vendor sends it. Raises Refusal: 401, or 403 for _FORBIDDEN."""
        given = _sent_key(headers, query, vendor)
        if vendor is Vendor.WHISPER_CPP or (given and hmac.compare_digest(given, self.key)):
            return
        if given == _FORBIDDEN:
            raise Refusal(403, "This key may not use this resource.", "forbidden")
        # Google answers 400 to a key it does not know, and 403 to none at all.
        if vendor is Vendor.GEMINI and not headers.get("authorization"):
            status, message = (400, "API key not valid. Please pass a valid API key.") if given else (403, _NO_KEY)
            raise Refusal(status, message)
        raise Refusal(401, "Incorrect API key provided." if given else "You didn't provide an API key.")


_NO_KEY = "Method doesn't allow unregistered callers (callers without established identity)."

_HEADERS = {
    Vendor.AZURE: ("api-key",),
    Vendor.GEMINI: ("x-goog-api-key",),
    Vendor.GOOGLE_SPEECH: ("x-goog-api-key",),
    Vendor.AZURE_SPEECH: ("ocp-apim-subscription-key",),
    Vendor.ELEVENLABS: ("xi-api-key",),
}
"""The header with the key, where it is not `authorization`."""


def _sent_key(headers: Headers, query: QueryParams, vendor: Vendor) -> str | None:
    own = next((headers[name] for name in _HEADERS.get(vendor, ()) if name in headers), None)
    if own is None and vendor is Vendor.GEMINI:
        own = query.get("key")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    wanted: set[str] = {Vendor.ELEVENLABS: set(), Vendor.DEEPGRAM: {"token", "bearer"}}.get(vendor, {"bearer"})
    bearer = token if scheme.lower() in wanted else None
    return own or bearer


def _unknown_model_message(name: str, vendor: Vendor) -> str:
    if vendor is Vendor.AZURE:
        return "The API deployment for this resource does not exist."
    if vendor is Vendor.GEMINI:
        return f"models/{name} is not found for API version v1beta, or is not supported for generateContent."
    return f"The model `{name}` does not exist or you do not have access to it."
