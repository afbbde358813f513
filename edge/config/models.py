"""Settings of models: `[understand]`, clients (who you are), interpreters (who reads), transcribers (who writes)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from dockvoice_protocol.config import Name, Place, Section
from dockvoice_protocol.languages import LANGUAGES, OWN
from edge.config.sections import TableName

_LANGUAGE = rf"^({'|'.join(LANGUAGES)})([-_][A-Za-z]{{2,4}})?$"  # With or without a region: "de-AT".
_SHORT_AUDIO_S = 60  # The longest sound that Google's and Azure's requests for short audio take.


class TranscriberKind(StrEnum):
    """The API of a transcription service."""

    OPENAI = "openai"
    WHISPER_CPP = "whisper-cpp"
    GOOGLE = "google"
    AZURE = "azure"
    SCRIBE = "scribe"
    MISTRAL = "mistral"
    DEEPGRAM = "deepgram"


_NAMELESS = frozenset({TranscriberKind.WHISPER_CPP, TranscriberKind.AZURE})
"""Kinds whose service selects the model itself."""


class TranscriptDetail(StrEnum):
    """What a transcription service with OpenAI's API is asked for beside the text."""

    WORDS = "words"
    LOGPROBS = "logprobs"
    TEXT = "text"


class ParserUse(StrEnum):
    """When the form's own parser reads a transcript, in a cascade that has a text model."""

    FIRST = "first"
    NEVER = "never"


class Prices(Section):
    """What a service charges, by the site's own contract; None where no price is set."""

    text_in_usd: float | None = Field(None, ge=0, le=10_000, description="price of text sent, USD per million tokens")
    audio_in_usd: float | None = Field(None, ge=0, le=10_000, description="price of sound sent, USD per million tokens")
    out_usd: float | None = Field(None, ge=0, le=10_000, description="price of the answer, USD per million tokens")
    minute_usd: float | None = Field(None, ge=0, le=1000, description="price of sound sent, USD per minute")


class TranscriberSettings(Prices):
    """A transcriber: a speech-to-text model of a client."""

    kind: TranscriberKind = Field(description="how the service wants to be asked")
    client: str = Field(description="which of understand.clients it asks")
    model: str | None = Field(None, pattern=r"^[^\s?#]+$", description="the model's name, on Azure the deployment's")
    detail: TranscriptDetail | None = Field(
        None, description="what to ask for beside the text; unset: by the model's name"
    )
    hints: bool = Field(True, description="send the form's labels and units along, as words to expect")
    max_seconds: float = Field(
        _SHORT_AUDIO_S, ge=5, le=300, description="longer sound than this goes in pieces, cut at pauses, seconds"
    )

    @model_validator(mode="after")
    def _require_model_and_short_audio(self) -> Self:
        if self.model is None and self.kind not in _NAMELESS:
            raise ValueError(f"model is not set; a transcriber of kind {self.kind} needs the name of one")
        if self.kind in {TranscriberKind.GOOGLE, TranscriberKind.AZURE} and self.max_seconds > _SHORT_AUDIO_S:
            raise ValueError(f"max_seconds is above {_SHORT_AUDIO_S}, the most that {self.kind} takes")
        return self


def _check_header_text(key: SecretStr) -> SecretStr:
    # It goes into a header as it is. httpx would refuse other characters with the key in its message.
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise ValueError("printable ASCII characters without spaces are allowed")
    return key


class ClientKind(StrEnum):
    """The vendor that a client connects to; it gives addresses, headers and EU endpoints."""

    OPENAI = "openai"
    AZURE_OPENAI = "azure-openai"
    SELF_HOSTED = "self-hosted"
    GEMINI = "gemini"
    VERTEX = "vertex"
    GOOGLE_SPEECH = "google-speech"
    AZURE_SPEECH = "azure-speech"
    ELEVENLABS = "elevenlabs"
    MISTRAL = "mistral"
    DEEPGRAM = "deepgram"


class KeyHeader(StrEnum):
    """The HTTP header that carries the API key."""

    BEARER = "bearer"
    API_KEY = "api-key"
    GOOGLE = "x-goog-api-key"
    ELEVENLABS = "xi-api-key"
    AZURE = "ocp-apim-subscription-key"
    TOKEN = "token"  # noqa: S105 - the scheme that Deepgram wants: "Authorization: Token KEY"
    NONE = "none"


class _Service(NamedTuple):
    """A vendor's default address, key header and EU hosts."""

    address: str | None  # Where it is, `{region}` standing for the region; None: everybody has their own.
    header: KeyHeader
    eu_host: str | None = None  # Its endpoint within the EU, as a pattern; None: the region says it.
    elsewhere: Mapping[str, str] = {}  # Regions whose address is not made like the others.


_SERVICES = {
    ClientKind.OPENAI: _Service("https://api.openai.com", KeyHeader.BEARER, r"eu\.api\.openai\.com"),
    ClientKind.AZURE_OPENAI: _Service(None, KeyHeader.API_KEY),
    ClientKind.SELF_HOSTED: _Service(None, KeyHeader.BEARER, r".*"),  # where it stands, the operator knows
    # The Gemini API processes wherever there is room; only Vertex AI keeps to a region.
    ClientKind.GEMINI: _Service("https://generativelanguage.googleapis.com", KeyHeader.GOOGLE, r"(?!)"),
    # https://docs.cloud.google.com/gemini-enterprise-agent-platform/resources/locations and
    # https://docs.cloud.google.com/speech-to-text/docs/endpoints (read 2026-11-21).
    ClientKind.VERTEX: _Service(
        "https://{region}-aiplatform.googleapis.com",
        KeyHeader.BEARER,
        elsewhere={
            "global": "https://aiplatform.googleapis.com",
            "eu": "https://aiplatform.eu.rep.googleapis.com",
            "us": "https://aiplatform.us.rep.googleapis.com",
        },
    ),
    ClientKind.GOOGLE_SPEECH: _Service(
        "https://{region}-speech.googleapis.com",
        KeyHeader.BEARER,
        elsewhere={"global": "https://speech.googleapis.com"},
    ),
    ClientKind.AZURE_SPEECH: _Service("https://{region}.stt.speech.microsoft.com", KeyHeader.AZURE),
    ClientKind.ELEVENLABS: _Service(
        "https://api.elevenlabs.io", KeyHeader.ELEVENLABS, r"api\.eu\.residency\.elevenlabs\.io"
    ),
    # The servers that its own client knows (mistralai 3.7.0, sdkconfiguration.py).
    ClientKind.MISTRAL: _Service("https://api.mistral.ai", KeyHeader.BEARER, r"api\.eu\.mistral\.ai"),
    # https://developers.deepgram.com/reference/regional-endpoints
    ClientKind.DEEPGRAM: _Service("https://api.deepgram.com", KeyHeader.TOKEN, r"api\.eu\.deepgram\.com"),
}

_AZURE_EU = frozenset(
    {"austriaeast", "belgiumcentral", "denmarkeast", "francecentral", "francesouth", "germanynorth"}
    | {"germanywestcentral", "italynorth", "northeurope", "polandcentral", "spaincentral", "swedencentral"}
    | {"swedensouth", "westeurope"}
)
_GOOGLE_EU = frozenset(
    {"eu", "europe-central2", "europe-north1", "europe-north2", "europe-southwest1", "europe-west1", "europe-west3"}
    | {"europe-west4", "europe-west8", "europe-west9", "europe-west10", "europe-west12"}
)
EU_REGIONS = {
    ClientKind.AZURE_OPENAI: _AZURE_EU,
    ClientKind.AZURE_SPEECH: _AZURE_EU,
    ClientKind.VERTEX: _GOOGLE_EU,
    ClientKind.GOOGLE_SPEECH: _GOOGLE_EU,
}
"""The regions inside the European Union: London (europe-west2, uksouth), Zürich and Oslo are not."""

_WORLDWIDE = {"aiplatform.googleapis.com": "global", "speech.googleapis.com": "global"}
"""Google's addresses that are in no region."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ClientSettings(Section):
    """An authenticated connection to one service."""

    kind: ClientKind = Field(description="whose service it is")
    url: Annotated[str, Field(pattern=r"^https?://[^/\s?#]+[^\s?#]*$")] | None = Field(
        None, description="where the service is; unset: the vendor's own address"
    )
    key: Annotated[SecretStr, AfterValidator(_check_header_text)] | None = Field(
        None, min_length=1, description="better given as the credential or variable, not in the file"
    )
    key_header: KeyHeader | None = Field(None, description="the header for the key; unset: what the service documents")
    token_file: Place | None = Field(None, description="a file with a bearer token, read again for each request")
    token_command: str | None = Field(
        None, min_length=1, description="a command that prints a bearer token, run again every five minutes"
    )
    residency: Literal["any", "eu"] = Field("any", description="eu: refuse any endpoint outside the European Union")
    region: str | None = Field(
        None, pattern=r"^[a-z0-9-]+$", description="the region of the Azure resource or the Google endpoint"
    )
    project: str | None = Field(None, pattern=r"^[A-Za-z0-9:._-]+$", description="the Google Cloud project")
    api_version: str | None = Field(
        None, pattern=r"^[0-9a-z-]+$", description="Azure's api-version, for deployment URLs; unset: /openai/v1/"
    )
    ca_file: Place | None = Field(
        None, description="authority that signed the service's certificate; unset: the usual ones"
    )

    @property
    def base_url(self) -> str:
        """The URL that paths are appended to, without the `/v1` that SDKs expect: paths have it themselves."""
        service, region = _SERVICES[self.kind], str(self.region)
        address = self.url or service.elsewhere.get(region) or str(service.address).format(region=region)
        return re.sub(r"(/openai)?(/v1(beta)?)?/*$", "", address)

    @property
    def effective_header(self) -> KeyHeader:
        """The HTTP header for the key: the configured one, or the vendor's."""
        return self.key_header or _SERVICES[self.kind].header

    @model_validator(mode="after")
    def _check_address_and_key(self) -> Self:
        service = _SERVICES[self.kind]
        if self.url is None and service.address is None:
            raise ValueError(f"url is not set; a client of kind {self.kind} needs the address of your own service")
        if self.url is None and "{region}" in str(service.address) and self.region is None:
            raise ValueError(f"region is not set; the address of {self.kind} is made of it, or set url")
        if self.kind is ClientKind.VERTEX and not (self.project and self.region):
            raise ValueError("vertex needs project and region: every path names them")
        if sum(source is not None for source in (self.key, self.token_file, self.token_command)) > 1:
            raise ValueError("key, token_file and token_command exclude one another; give one of them")
        self._refuse_exposed_secret()
        self._refuse_outside_eu()
        return self

    def _refuse_exposed_secret(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme == "http" and self.kind is not ClientKind.SELF_HOSTED and parts.hostname not in _LOOPBACK:
            raise ValueError(
                "url begins with http://, which shows key and speech to everybody on the way; use https://"
            )
        if parts.username or parts.password:
            raise ValueError("url carries a user or a password; give the key as key")

    def _refuse_outside_eu(self) -> None:
        if self.residency != "eu":
            return
        host = str(urlsplit(self.base_url).hostname)
        eu_host, regions = _SERVICES[self.kind].eu_host, EU_REGIONS.get(self.kind, frozenset())
        if eu_host is not None and not re.fullmatch(eu_host, host):
            plain = eu_host.replace("\\", "")
            way = "use kind = 'vertex'" if self.kind is ClientKind.GEMINI else f"set url = 'https://{plain}'"
            raise ValueError(f"residency is 'eu', but {host} is not an endpoint within the European Union; {way}")
        if eu_host is None and self.region not in regions:
            found = "no region is stated" if self.region is None else f"region {self.region!r} is outside"
            raise ValueError(f"residency is 'eu', but {found}; regions within: {', '.join(sorted(regions))}")
        named = re.match(r"([a-z0-9-]+?)(?:\.stt\.speech|-aiplatform|-speech)\.|aiplatform\.([a-z]+)\.rep\.", host)
        place = (named[1] or named[2]) if named else _WORLDWIDE.get(host)
        if eu_host is None and place is not None and place not in regions:
            raise ValueError(f"residency is 'eu', but {host} is an endpoint outside the European Union; mend url")


GOOGLE_KINDS = frozenset({ClientKind.GEMINI, ClientKind.VERTEX})
"""Clients whose models are asked in Google's way; all others are in OpenAI's."""


class ThinkingLevel(StrEnum):
    """How long a model may reason before it answers, in the vendors' common terms."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class InterpreterKind(StrEnum):
    """The method by which an interpreter reads an utterance."""

    CHAT_AUDIO = "chat-audio"
    GEMINI = "gemini"
    CASCADE = "cascade"
    MOONSHINE = "moonshine"


class InterpreterSettings(Prices):
    """An interpreter: how it reads utterances, with which model of which client."""

    kind: InterpreterKind = Field(description="how it reads")
    client: str | None = Field(None, description="which of understand.clients it asks")
    model: str | None = Field(None, pattern=r"^[^\s?#]+$", description="the model's name, on Azure the deployment's")
    transcriber: str | None = Field(None, description="which of understand.transcribers writes the text of a cascade")
    parser: ParserUse = Field(ParserUse.FIRST, description="when the form's own parser reads the text of a cascade")
    streaming: bool = Field(False, description="take the answer as it is made")
    thinking: ThinkingLevel | None = Field(
        None, description="how much the model may think before it answers; unset: what the service does by itself"
    )
    max_tokens: int | None = Field(
        None, ge=100, le=100_000, description="longest answer with its thoughts, tokens; unset: the service's own limit"
    )
    system_prompt: bool = Field(
        True, description="false for models that take none, such as Voxtral; the prompt then stands before the sound"
    )
    within_s: float = Field(10, ge=0.1, le=120, description="longest wait for an answer, retries included, seconds")
    max_seconds: float = Field(
        60, ge=5, le=300, description="longer sound than this goes in pieces, cut at pauses, seconds"
    )
    language: str = Field(OWN, pattern=_LANGUAGE, description="the language that is spoken")
    confidence: float = Field(0.92, ge=0, le=1, description="how sure a field is that this model alone has read")
    voice: str | None = Field(None, pattern=r"^[a-z]+$", description="also ask for a spoken reply, in this voice")

    @property
    def unset_keys(self) -> tuple[str, ...]:
        """The unset keys that its kind requires."""
        asked = ("client", "model") if self.client or self.model else ()
        needed = {
            InterpreterKind.CHAT_AUDIO: ("client", "model"),
            InterpreterKind.GEMINI: ("client", "model"),
            InterpreterKind.CASCADE: ("transcriber", *asked),
            InterpreterKind.MOONSHINE: (),
        }
        return tuple(key for key in needed[self.kind] if getattr(self, key) is None)


class RecogniserKind(StrEnum):
    """The on-device recognisers."""

    VOSK = "vosk"
    WHISPER = "whisper"
    POCKETSPHINX = "pocketsphinx"


class UnderstandingMode(StrEnum):
    """Whose reading of an utterance counts."""

    ON_DEVICE = "on-device"
    CLOUD_FIRST = "cloud-first"
    PANEL = "panel"
    CASCADE = "cascade"


class CurveSettings(Section):
    """A calibration curve: the log odds that a value is right, linear in the log odds of its share."""

    weights: Name = Field(description="the weights that it was fitted with; with others it is left alone")
    offset: float = Field(ge=-10, le=10, description="the logarithm of the odds where both are as likely")
    slope: float = Field(ge=0.1, le=10, description="how much it rises with that of the share")


class Understand(Section):
    """The interpreter."""

    mode: UnderstandingMode = Field(UnderstandingMode.ON_DEVICE, description="whose reading counts")
    first: str | None = Field(None, description="which of understand.interpreters is asked first")
    fallback: tuple[str, ...] = Field((), description="those asked in its place when it does not answer, in order")
    second: str | None = Field(None, description="which one gives the panel an independent opinion")
    morning: str | None = Field(None, description="which one reads the day's recordings again, for the morning list")
    witness: bool | Literal["auto"] = Field(
        "auto",
        description="hear held entries and letters that rhyme again, by another recogniser; auto: where moonshine is",
    )
    wearer_voice: bool | Literal["auto"] = Field(
        "auto",
        description="ask about what another voice than the wearer's says; auto: where its weights and onnxruntime are",
    )
    noise_suppression: bool | Literal["auto"] = Field(
        "auto", description="suppress noise ahead of the recogniser; auto: where its weights and onnxruntime are"
    )
    deadline_ms: int = Field(1200, ge=100, le=30_000, description="longest wait for all readings together, ms")
    hedge_ms: int | None = Field(
        None, ge=50, le=30_000, description="with no answer after so long another request is sent, ms"
    )
    daily_budget_usd: float | None = Field(
        None, ge=0, le=100_000, description="once spent, the device reads alone until midnight, USD"
    )
    deferred_per_minute: int = Field(
        20, ge=1, le=600, description="so many deferred utterances are read in a minute, at most"
    )

    engine: RecogniserKind | Literal["auto"] = Field(
        "auto", description="auto: vosk where its weights are, else whisper (whisper-base), in English pocketsphinx"
    )
    model: Name = Field("small-en-us", description="which weights of `dockvoice models list` vosk uses")
    models_directory: Place | None = Field(
        None,
        description="where weights are kept; unset: models in $CACHE_DIRECTORY, else in the unit's, "
        "else in ~/.cache/dockvoice",
    )
    calibration: dict[TableName, CurveSettings] = Field(
        default_factory=dict, description="a site's own curves of confidence, by the kind of the likeliest other value"
    )
    clients: dict[TableName, ClientSettings] = Field(default_factory=dict, description="services, by a name of yours")
    interpreters: dict[TableName, InterpreterSettings] = Field(
        default_factory=dict, description="ways to read an utterance, by a name of yours"
    )
    transcribers: dict[TableName, TranscriberSettings] = Field(
        default_factory=dict, description="ways to write down what was said, by a name of yours"
    )

    @model_validator(mode="after")
    def _require_interpreters_of_mode(self) -> Self:
        """Require the interpreters of the mode, and a second opinion from another one than the first."""
        if self.mode in {UnderstandingMode.CLOUD_FIRST, UnderstandingMode.CASCADE} and self.first is None:
            raise ValueError(f"mode is {self.mode}, but first is not set; name one of the interpreters")
        if self.mode is UnderstandingMode.PANEL and self.first is None and self.second is None:
            raise ValueError("mode is panel, but neither first nor second is set; name one of the interpreters")
        if self.fallback and self.first is None:
            raise ValueError("fallback is set, but first is not; name first the one that is asked first")
        if self.second is not None and self.second in {self.first, *self.fallback}:
            raise ValueError(f"second is {self.second}, which is asked already; name an independent interpreter")
        return self
