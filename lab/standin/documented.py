"""Tables of the keys that each vendor's request may have, from its own client; unknown keys are refused as it does.

A test compares the tables with those clients (`tests/lab/test_standin_strict.py`). Self-hosted servers ignore unknown
keys instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.datastructures import FormData, Headers, UploadFile

from lab.standin.behaviour import Refusal, Vendor


def _table(**keys_by_type: str) -> dict[str, str]:
    """By key its JSON type, from the keys of each type; `string_or_array` allows both."""
    return {key: kind.replace("_", " ") for kind, keys in keys_by_type.items() for key in keys.split()}


CHAT = _table(
    array="messages functions modalities tools",
    string=(
        "model prompt_cache_key prompt_cache_retention reasoning_effort safety_identifier service_tier user verbosity"
    ),
    object=(
        "audio logit_bias metadata moderation prediction prompt_cache_options response_format stream_options "
        "web_search_options"
    ),
    number="frequency_penalty presence_penalty temperature top_p",
    string_or_object="function_call tool_choice",
    boolean="logprobs parallel_tool_calls store stream",
    integer="max_completion_tokens max_tokens n seed top_logprobs",
    string_or_array="stop",
)
"""OpenAI's Chat Completions (openai 3.52.0, completion_create_params.py)."""

SPEECH = _table(
    string="input model instructions response_format stream_format", string_or_object="voice", number="speed"
)
"""OpenAI's speech (speech_create_params.py)."""

TRANSCRIPTION = _table(
    file="file",
    string="model chunking_strategy language prompt response_format",
    list="include keywords known_speaker_names known_speaker_references languages timestamp_granularities",
    boolean="stream",
    number="temperature",
)
"""OpenAI's transcriptions, a form (transcription_create_params.py)."""

MISTRAL_CHAT = _table(
    string="model reasoning_effort prompt_mode prompt_cache_key service_tier",
    array="messages tools guardrails",
    number="temperature top_p presence_penalty frequency_penalty repetition_penalty",
    integer="max_tokens random_seed min_tokens top_k top_logprobs top_prompt_logprobs n",
    boolean="stream logprobs prompt_logprobs parallel_tool_calls safe_prompt",
    string_or_array="stop",
    object="metadata response_format prediction",
    string_or_object="tool_choice",
)
"""Mistral's chat (mistralai 3.7.0, chatcompletionrequest.py)."""

MISTRAL_TRANSCRIPTION = _table(
    string="model file_url file_id language speaker_references",
    file="file",
    number="temperature",
    boolean="stream diarize",
    list="context_bias timestamp_granularities",
)
"""Mistral's transcriptions, a form (audiotranscriptionrequest.py)."""

GENERATE = _table(
    array="contents tools safetySettings",
    object="systemInstruction toolConfig generationConfig labels",
    string="cachedContent",
)
"""Google's generateContent (https://ai.google.dev/api/generate-content, `labels` on Vertex AI)."""

GENERATION = _table(
    boolean="audioTimestamp enableAffectiveDialog responseLogprobs",
    integer="candidateCount logprobs maxOutputTokens seed",
    number="frequencyPenalty presencePenalty temperature topK topP",
    string="mediaResolution responseMimeType",
    object="responseJsonSchema responseSchema speechConfig thinkingConfig",
    array="responseModalities stopSequences",
)
"""Its `generationConfig` (google-genai 3.4.0, types.GenerationConfig), without the keys of newer services."""

RECOGNIZE = _table(object="config", string="configMask content uri")
RECOGNITION = _table(
    object=(
        "autoDecodingConfig explicitDecodingConfig features adaptation transcriptNormalization "
        "translationConfig denoiserConfig"
    ),
    string="model",
    array="languageCodes",
)
"""Google Speech v2 and its `config` (RecognizeRequest and RecognitionConfig of google-cloud-speech 2.41.0)."""

SCRIBE = _table(
    string=(
        "model_id language_code timestamps_granularity file_format cloud_storage_url source_url webhook_id "
        "webhook_metadata multichannel_output_style entity_redaction_mode numbers_format transcript_edit "
        "additional_formats"
    ),
    boolean="tag_audio_events diarize webhook use_multi_channel no_verbatim use_speaker_library detect_speaker_roles",
    number="temperature num_speakers diarization_threshold seed",
    list="keyterms secondary_language_codes entity_detection entity_redaction",
    file="file",
)
"""ElevenLabs' speech to text, a form (elevenlabs 2.78.0, SpeechToTextClient.convert)."""

SPEAKING = _table(
    string="text model_id language_code previous_text next_text apply_text_normalization",
    object="voice_settings audio_effects",
    integer="seed",
    boolean="use_pvc_as_ivc apply_language_text_normalization",
    array="pronunciation_dictionary_locators previous_request_ids next_request_ids",
)
"""ElevenLabs' text to speech (TextToSpeechClient.convert)."""

LISTEN = _table(
    string=(
        "callback callback_method custom_topic_mode custom_intent_mode diarize_model encoding language model "
        "version summarize"
    ),
    boolean=(
        "sentiment topics intents detect_entities detect_language diarize dictation filler_words measurements "
        "multichannel numerals paragraphs profanity_filter punctuate smart_format utterances mip_opt_out"
    ),
    list="extra tag custom_topic custom_intent keyterm keywords language_hint redact replace search",
    number="utt_split",
)
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


def check_multipart_form(form: FormData, documented: Mapping[str, str], vendor: Vendor) -> None:
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


def check_media_type(headers: Headers, allowed: tuple[str, ...], vendor: Vendor) -> None:
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
    return next(
        (f"{'an' if kind[0] in 'aio' else 'a'} {kind}" for kind in _OF_JSON if _has_json_type(value, kind)),
        "something else",
    )


def _to_camel_case(name: str) -> str:
    """Convert to camel case, which protobuf's JSON accepts as well as underscores."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)
