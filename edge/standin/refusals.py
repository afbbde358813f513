"""How each vendor says no: one shape of error for each family of paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from starlette.responses import JSONResponse, Response


class Vendor(StrEnum):
    """Whose shapes a path speaks."""

    OPENAI = "openai"
    AZURE = "azure"
    GEMINI = "gemini"
    GOOGLE_SPEECH = "google-speech"
    AZURE_SPEECH = "azure-speech"
    ELEVENLABS = "elevenlabs"
    WHISPER_CPP = "whisper.cpp"


_BEGINNINGS = {
    "/openai/": Vendor.AZURE,
    "/v1beta/": Vendor.GEMINI,
    "/v1/projects/": Vendor.GEMINI,
    "/v2/": Vendor.GOOGLE_SPEECH,
    "/speech/": Vendor.AZURE_SPEECH,
    "/cognitiveservices/": Vendor.AZURE_SPEECH,
    "/v1/speech-to-text": Vendor.ELEVENLABS,
    "/v1/text-to-speech": Vendor.ELEVENLABS,
    "/inference": Vendor.WHISPER_CPP,
}


def vendor_of(path: str) -> Vendor:
    """Whose path it is; OpenAI's where it looks like no other's."""
    if path.endswith((":generateContent", ":streamGenerateContent")):  # Gemini's without `beta` begin as OpenAI's do
        return Vendor.GEMINI
    return next((vendor for beginning, vendor in _BEGINNINGS.items() if path.startswith(beginning)), Vendor.OPENAI)


class Refusal(Exception):
    """A request that the vendor would refuse, with the words it would use."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        """The error's type, where it is not the usual one of its status."""
        self.headers = headers or {}


MESSAGES = {
    400: "The request is not valid.",
    401: "Incorrect API key provided.",
    403: "This key may not use this resource.",
    404: "The resource does not exist.",
    408: "The request took too long.",
    410: "The model has been retired and can no longer be used.",
    413: "The request is too large.",
    429: "Rate limit reached. Please try again later.",
    500: "The server had an error while processing your request.",
    502: "Bad gateway.",
    503: "The engine is currently overloaded, please try again later.",
    504: "The server did not answer in time.",
}
"""What is said to a status that was asked for and has no words of its own."""


def told(refusal: Refusal, vendor: Vendor) -> Response:
    """The refusal as this vendor words it."""
    return JSONResponse(_SHAPES[vendor](refusal), refusal.status, headers=refusal.headers)


_OPENAI_TYPES = {
    401: "invalid_request_error",
    403: "invalid_request_error",
    429: "requests",
    500: "server_error",
    502: "server_error",
    503: "service_unavailable_error",
}
_OPENAI_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_AZURE_CODES = {404: "DeploymentNotFound", 410: "ModelDeprecated"}
_STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc.Code by HTTP status: https://cloud.google.com/apis/design/errors."""


def _openai(refusal: Refusal) -> Mapping[str, Any]:
    kind = refusal.kind or _OPENAI_TYPES.get(refusal.status, "invalid_request_error")
    code = refusal.code or _OPENAI_CODES.get(refusal.status)
    return {"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}}


def _azure(refusal: Refusal) -> Mapping[str, Any]:
    # Azure's gateway speaks before OpenAI's code does, and gives the status as its code.
    if refusal.status in {401, 404, 410, 429}:
        code = _AZURE_CODES.get(refusal.status, str(refusal.status))
        return {"error": {"code": code, "message": refusal.message}}
    return _openai(refusal)


def _google(refusal: Refusal) -> Mapping[str, Any]:
    status = _STATUS_WORDS.get(refusal.status, "UNKNOWN")
    return {"error": {"code": refusal.status, "message": refusal.message, "status": status}}


def _azure_speech(refusal: Refusal) -> Mapping[str, Any]:
    return {"error": {"code": refusal.code or str(refusal.status), "message": refusal.message}}


def _elevenlabs(refusal: Refusal) -> Mapping[str, Any]:
    return {"detail": {"status": refusal.code or f"error_{refusal.status}", "message": refusal.message}}


def _whisper_cpp(refusal: Refusal) -> Mapping[str, Any]:
    return {"error": refusal.message}


_SHAPES: Mapping[Vendor, Callable[[Refusal], Mapping[str, Any]]] = {
    Vendor.OPENAI: _openai,
    Vendor.AZURE: _azure,
    Vendor.GEMINI: _google,
    Vendor.GOOGLE_SPEECH: _google,
    Vendor.AZURE_SPEECH: _azure_speech,
    Vendor.ELEVENLABS: _elevenlabs,
    Vendor.WHISPER_CPP: _whisper_cpp,
}
