"""Tables of the keys that each vendor's request may have, from its own client; unknown keys are refused as it does.

A test compares the tables with those clients (`tests/lab/test_standin_strict.py`). Self-hosted servers ignore unknown
keys instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.datastructures import FormData, Headers, UploadFile

from lab.standin.behaviour import Refusal, Vendor

CHAT = {
    "messages": "array",
    "model": "string",
    "audio": "object",
    "frequency_penalty": "number",
    "function_call": "string or object",
    "functions": "array",
    "logit_bias": "object",
    "logprobs": "boolean",
    "max_completion_tokens": "integer",
    "max_tokens": "integer",
    "metadata": "object",
    "modalities": "array",
    "moderation": "object",
    "n": "integer",
    "parallel_tool_calls": "boolean",
    "prediction": "object",
    "presence_penalty": "number",
    "prompt_cache_key": "string",
    "prompt_cache_options": "object",
    "prompt_cache_retention": "string",
    "reasoning_effort": "string",
    "response_format": "object",
    "safety_identifier": "string",
    "seed": "integer",
    "service_tier": "string",
    "stop": "string or array",
    "store": "boolean",
    "stream": "boolean",
    "stream_options": "object",
    "temperature": "number",
    "tool_choice": "string or object",
    "tools": "array",
    "top_logprobs": "integer",
    "top_p": "number",
    "user": "string",
    "verbosity": "string",
    "web_search_options": "object",
}
"""OpenAI's Chat Completions (openai 3.52.0, completion_create_params.py)."""

SPEECH = {
    "input": "string",
    "model": "string",
    "voice": "string or object",
    "instructions": "string",
    "response_format": "string",
    "speed": "number",
    "stream_format": "string",
}
"""OpenAI's speech (speech_create_params.py)."""

TRANSCRIPTION = {
    "file": "file",
    "model": "string",
    "chunking_strategy": "string",
    "include": "list",
    "keywords": "list",
    "known_speaker_names": "list",
    "known_speaker_references": "list",
    "language": "string",
    "languages": "list",
    "prompt": "string",
    "response_format": "string",
    "stream": "boolean",
    "temperature": "number",
    "timestamp_granularities": "list",
}
"""OpenAI's transcriptions, a form (transcription_create_params.py)."""

MISTRAL_CHAT = {
    "model": "string",
    "messages": "array",
    "temperature": "number",
    "top_p": "number",
    "max_tokens": "integer",
    "stream": "boolean",
    "stop": "string or array",
    "random_seed": "integer",
    "metadata": "object",
    "response_format": "object",
    "tools": "array",
    "tool_choice": "string or object",
    "presence_penalty": "number",
    "frequency_penalty": "number",
    "min_tokens": "integer",
    "repetition_penalty": "number",
    "top_k": "integer",
    "logprobs": "boolean",
    "top_logprobs": "integer",
    "prompt_logprobs": "boolean",
    "top_prompt_logprobs": "integer",
    "n": "integer",
    "prediction": "object",
    "parallel_tool_calls": "boolean",
    "reasoning_effort": "string",
    "prompt_mode": "string",
    "guardrails": "array",
    "prompt_cache_key": "string",
    "service_tier": "string",
    "safe_prompt": "boolean",
}
"""Mistral's chat (mistralai 3.7.0, chatcompletionrequest.py)."""

MISTRAL_TRANSCRIPTION = {
    "model": "string",
    "file": "file",
    "file_url": "string",
    "file_id": "string",
    "language": "string",
    "temperature": "number",
    "stream": "boolean",
    "diarize": "boolean",
    "context_bias": "list",
    "speaker_references": "string",
    "timestamp_granularities": "list",
}
"""Mistral's transcriptions, a form (audiotranscriptionrequest.py)."""

GENERATE = {
    "contents": "array",
    "systemInstruction": "object",
    "tools": "array",
    "toolConfig": "object",
    "generationConfig": "object",
    "safetySettings": "array",
    "cachedContent": "string",
    "labels": "object",
}
"""Google's generateContent (https://ai.google.dev/api/generate-content, `labels` on Vertex AI)."""

GENERATION = {
    "audioTimestamp": "boolean",
    "candidateCount": "integer",
    "enableAffectiveDialog": "boolean",
    "frequencyPenalty": "number",
    "logprobs": "integer",
    "maxOutputTokens": "integer",
    "mediaResolution": "string",
    "presencePenalty": "number",
    "responseJsonSchema": "object",
    "responseLogprobs": "boolean",
    "responseMimeType": "string",
    "responseModalities": "array",
    "responseSchema": "object",
    "seed": "integer",
    "speechConfig": "object",
    "stopSequences": "array",
    "temperature": "number",
    "thinkingConfig": "object",
    "topK": "number",
    "topP": "number",
}
"""Its `generationConfig` (google-genai 3.4.0, types.GenerationConfig), without the keys of newer services."""

RECOGNIZE = {"config": "object", "configMask": "string", "content": "string", "uri": "string"}
RECOGNITION = {
    "autoDecodingConfig": "object",
    "explicitDecodingConfig": "object",
    "model": "string",
    "languageCodes": "array",
    "features": "object",
    "adaptation": "object",
    "transcriptNormalization": "object",
    "translationConfig": "object",
    "denoiserConfig": "object",
}
"""Google Speech v2 and its `config` (RecognizeRequest and RecognitionConfig of google-cloud-speech 2.41.0)."""

SCRIBE = {
    **dict.fromkeys(
        ("model_id", "language_code", "timestamps_granularity", "file_format", "cloud_storage_url"), "string"
    ),
    **dict.fromkeys(("source_url", "webhook_id", "webhook_metadata", "multichannel_output_style"), "string"),
    **dict.fromkeys(("entity_redaction_mode", "numbers_format", "transcript_edit"), "string"),
    **dict.fromkeys(("tag_audio_events", "diarize", "webhook", "use_multi_channel", "no_verbatim"), "boolean"),
    **dict.fromkeys(("use_speaker_library", "detect_speaker_roles"), "boolean"),
    **dict.fromkeys(("temperature", "num_speakers", "diarization_threshold", "seed"), "number"),
    **dict.fromkeys(("keyterms", "secondary_language_codes", "entity_detection", "entity_redaction"), "list"),
    "additional_formats": "string",
    "file": "file",
}
"""ElevenLabs' speech to text, a form (elevenlabs 2.78.0, SpeechToTextClient.convert)."""

SPEAKING = {
    **dict.fromkeys(("text", "model_id", "language_code", "previous_text", "next_text"), "string"),
    "apply_text_normalization": "string",
    "voice_settings": "object",
    "audio_effects": "object",
    "seed": "integer",
    **dict.fromkeys(("use_pvc_as_ivc", "apply_language_text_normalization"), "boolean"),
    **dict.fromkeys(("pronunciation_dictionary_locators", "previous_request_ids", "next_request_ids"), "array"),
}
"""ElevenLabs' text to speech (TextToSpeechClient.convert)."""

LISTEN = {
    **dict.fromkeys(
        ("callback", "callback_method", "custom_topic_mode", "custom_intent_mode", "diarize_model"), "string"
    ),
    **dict.fromkeys(("encoding", "language", "model", "version", "summarize"), "string"),
    **dict.fromkeys(("sentiment", "topics", "intents", "detect_entities", "detect_language", "diarize"), "boolean"),
    **dict.fromkeys(("dictation", "filler_words", "measurements", "multichannel", "numerals", "paragraphs"), "boolean"),
    **dict.fromkeys(("profanity_filter", "punctuate", "smart_format", "utterances", "mip_opt_out"), "boolean"),
    **dict.fromkeys(("extra", "tag", "custom_topic", "custom_intent", "keyterm", "keywords", "language_hint"), "list"),
    **dict.fromkeys(("redact", "replace", "search"), "list"),
    "utt_split": "number",
}
"""Deepgram's query (deepgram-sdk 7.17.0, MediaClient.transcribe_file)."""

_OF_JSON = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def check_json(body: Mapping[str, Any], documented: Mapping[str, str], vendor: Vendor, within: str = "") -> None:
    """Check a body's keys and types against the table. Raises Refusal."""
    for name, value in body.items():
        known = _to_camel_case(name) if vendor in {Vendor.GEMINI, Vendor.GOOGLE_SPEECH} else name
        if known not in documented:
            raise _unknown_key_refusal(name, vendor, within)
        if value is not None and not _has_json_type(value, documented[known]):
            raise wrong_type_refusal(f"{within}{name}", documented[known], _json_type_name(value), vendor)


def check_form(form: FormData, documented: Mapping[str, str], vendor: Vendor) -> None:
    """Check a multipart form's fields against the table. Raises Refusal."""
    for name, value in form.multi_items():
        kind = documented.get(name.removesuffix("[]"))
        if kind is None:
            raise _unknown_key_refusal(name, vendor)
        if isinstance(value, UploadFile) != (kind == "file") or (
            kind != "file" and not _is_readable_as(str(value), kind)
        ):
            raise wrong_type_refusal(name, kind, "a file" if isinstance(value, UploadFile) else "a string", vendor)


def check_query(items: Iterable[tuple[str, str]], documented: Mapping[str, str], vendor: Vendor) -> None:
    """Check the query string against the table. Raises Refusal."""
    for name, value in items:
        if name not in documented:
            raise _unknown_key_refusal(name, vendor)
        if not _is_readable_as(value, documented[name]):
            raise wrong_type_refusal(name, documented[name], "a string", vendor)


def check_media(headers: Headers, allowed: tuple[str, ...], vendor: Vendor) -> None:
    """Check the body's media type. Raises Refusal."""
    found = headers.get("content-type", "")
    if not found.lower().startswith(allowed):
        message = f"Unsupported content type: {found!r}. This API method only accepts {allowed[0]!r} requests."
        raise Refusal(415, message, "unsupported_content_type" if vendor is Vendor.OPENAI else None)


def _unknown_key_refusal(name: str, vendor: Vendor, within: str = "") -> Refusal:
    """The vendor's refusal of an undocumented field."""
    match vendor:
        case Vendor.MISTRAL | Vendor.ELEVENLABS:
            return Refusal(422, "Extra inputs are not permitted", "extra_forbidden", name)
        case Vendor.GEMINI | Vendor.GOOGLE_SPEECH:
            place = f" at '{within.rstrip('.')}'" if within else ""
            return Refusal(400, f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')
        case _:
            return Refusal(400, f"Unknown parameter: '{within}{name}'.", "unknown_parameter", f"{within}{name}")


def wrong_type_refusal(name: str, wanted: str, found: str, vendor: Vendor) -> Refusal:
    """The vendor's refusal of a field of the wrong type."""
    match vendor:
        case Vendor.MISTRAL | Vendor.ELEVENLABS:
            return Refusal(422, f"Input should be a valid {wanted}", f"{wanted.partition(' ')[0]}_type", name)
        case Vendor.GEMINI | Vendor.GOOGLE_SPEECH:
            return Refusal(400, f"Invalid value at '{name}' ({wanted.upper()})")
        case _:
            message = f"Invalid type for '{name}': expected {wanted}, but got {found} instead."
            return Refusal(400, message, "invalid_type", name)


def missing_key_refusal(name: str, vendor: Vendor) -> Refusal:
    """The vendor's refusal for a missing required field."""
    if vendor in {Vendor.MISTRAL, Vendor.ELEVENLABS}:
        return Refusal(422, "Field required", "missing", name)
    return Refusal(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", name)


def _has_json_type(value: object, kind: str) -> bool:
    types = tuple(one for part in kind.split(" or ") for one in _OF_JSON[part])
    return isinstance(value, types) and (not isinstance(value, bool) or bool in types)


def _is_readable_as(text: str, kind: str) -> bool:
    if kind == "boolean":
        return text.lower() in {"true", "false"}
    if kind != "number":
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _json_type_name(value: object) -> str:
    return next((f"{_article(kind)} {kind}" for kind in _OF_JSON if _has_json_type(value, kind)), "something else")


def _article(kind: str) -> str:
    return "an" if kind[0] in "aio" else "a"


def _to_camel_case(name: str) -> str:
    """Convert to camel case, which protobuf's JSON accepts as well as underscores."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)
