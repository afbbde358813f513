"""Settings: a TOML file, the environment and systemd credentials become one frozen value, or every fault at once.

Precedence, highest first: the command line, the environment (`DOCKVOICE_DELIVER__MQTT__HOST=…`), credentials (files in
`$CREDENTIALS_DIRECTORY`, named as the variable is, in lower case), the TOML file, the defaults. A variable or a
credential names one key; an empty variable counts as unset. A relative path in the file starts at the file's directory,
since a service's working directory is arbitrary; elsewhere it starts at the working directory.

The first part has the sections that agent and inventory share: names, places, the broker.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.systemd import Unit, read_secret
from dockvoice_protocol.terminal.plain_text import LONGEST, is_plain_text


def _require_path(path: object) -> object:
    # An empty path would be the working directory of a service, or the settings file's own.
    if path == "":
        raise ValueError("should name a file or a directory, found nothing")
    return path


Place = Annotated[Path, BeforeValidator(_require_path)]  # A file or a directory.


def _require_plain_text(name: str) -> str:
    if not is_plain_text(name) or len(name) > LONGEST:
        raise ValueError(
            f"letters, digits, marks and blanks are allowed, {LONGEST} at most, no control or invisible characters"
        )
    return name


PersonName = Annotated[str, Field(min_length=1), AfterValidator(_require_plain_text)]
"""An operator's name as it goes on record: plain text by the schemas of events."""


class Section(BaseModel):
    """A table of the settings file: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


LEVEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")  # The name of a site or a device.


def _require_topic_level(name: str) -> str:
    if not LEVEL.fullmatch(name):
        raise ValueError("letters, digits, - and _ are allowed, a letter or digit first, 63 at most")
    return name


Name = Annotated[str, AfterValidator(_require_topic_level)]
"""A site, device or client name: an MQTT topic level, so neither `/`, `+` nor `#`."""


class MqttVersion(StrEnum):
    """The MQTT version to use: 5, 3.1.1, or tried in turn."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


class SecuredLink(Section):
    """What protects the connection to a broker: a user, and TLS."""

    username: str | None = Field(None, min_length=1, description="the broker's user name")
    password: SecretStr | None = Field(
        None, min_length=1, description="better given as the credential or variable, not in the file"
    )
    tls: bool = Field(False, description="encrypt, and verify the broker's certificate")
    insecure: bool = Field(
        False, description="take a link that others can read on the way: no TLS beyond this machine, or a password"
    )
    ca_file: Place | None = Field(
        None, description="authority that signed the broker's certificate; unset: the system's"
    )
    certificate_file: Place | None = Field(None, description="the client's certificate, for mutual TLS")
    key_file: Place | None = Field(None, description="the client's private key, for mutual TLS")

    @model_validator(mode="after")
    def _refuse_ineffective(self) -> Self:
        """Refuse settings without effect, such as a CA file without TLS: the link would be in the clear."""
        if not self.tls and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError("a certificate file is given, but tls is false; set tls = true")
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file is given without certificate_file; give both")
        if self.password and not self.username:
            raise ValueError("password is given without username; give both")
        return self

    @property
    @abstractmethod
    def hosts(self) -> list[str]:
        """The names or addresses that the link may go to."""

    @property
    def sends_password(self) -> bool:
        """Whether the password is sent as it is."""
        return self.password is not None

    @property
    def exposure(self) -> str | None:
        """What others on the network could read or forge, in words; None for a private link."""
        if self.tls:
            return None
        if self.sends_password:
            return "the password goes in the clear"
        beyond = [host for host in self.hosts if not _is_loopback(host)]
        return f"all that is said goes to {', '.join(beyond)} in the clear" if beyond else None


class Mqtt(SecuredLink):
    """Settings of the connection to the broker."""

    host: str = Field("localhost", min_length=1, description="the broker's name or address")
    port: int = Field(1883, ge=1, le=65535, description="the broker's port; 8883 is usual with TLS")
    version: MqttVersion = Field(
        MqttVersion.AUTO, description="auto: MQTT 5, and 3.1.1 where the broker knows no better"
    )
    keepalive_s: int = Field(15, ge=5, le=3600, description="a dead link is noticed within twice this, seconds")
    reconnect_maximum_s: float = Field(
        3, ge=1, le=600, description="longest wait between two tries to connect, seconds"
    )

    @property
    def hosts(self) -> list[str]:
        """As for `SecuredLink`."""
        return [self.host]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"  # RFC 6761: the name of this machine and of no other


def _require_topic_prefix(prefix: str) -> str:
    # MQTT 5, 4.7: + and # are wildcards, and topics that begin with $ belong to the broker.
    if not (re.fullmatch(r"[^+#/\s$][^+#/\s]*(/[^+#/\s]+)*", prefix) and is_plain_text(prefix)):
        raise ValueError(
            "topic levels are allowed, joined by one /, without +, #, spaces or control characters, and no $ first"
        )
    return prefix


Prefix = Annotated[str, AfterValidator(_require_topic_prefix)]  # The first level or levels of every topic.


def parse_broker_address(given: str) -> dict[str, str]:
    """Parse HOST, HOST:PORT, or an IPv6 address in brackets into the settings `host` and `port`.

    Raises Misconfigured for anything else.
    """
    parts = urlsplit(f"//{given}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.netloc != given or parts.username is not None:
        raise Misconfigured(f"--broker: found {given!r}, allowed is HOST or HOST:PORT, for example localhost:1883")
    return {"host": host} if port is None else {"host": host, "port": str(port)}


# Sources, in layers.


Key = tuple[str, ...]  # The way to a key through the tables that hold it: `("deliver", "mqtt", "port")`.
_SHOWN = 60  # Characters of a wrong value that are repeated: enough to find it, and the message stays one line.


@dataclass(frozen=True, slots=True)
class _ConfigFault:
    """One fault in the settings, with the source that it comes from."""

    origin: str  # A file, `environment`, `credentials` or `command line`.
    message: str


@dataclass(frozen=True, slots=True)
class _KeyOrigins:
    """Which source gave each key, for messages that name what to correct."""

    file: str
    overrides: Mapping[str, Any]
    prefix: str  # Of all variables, in upper case.
    variables: Mapping[str, str]  # The variables that are set: upper-case name to the name as it was given.
    credentials: Mapping[str, str]  # The existing credentials, likewise.

    def variable(self, key: Key) -> str:
        """The name of the variable for `key`."""
        return self.prefix + "__".join(key).upper()

    def fault(self, key: Key, words: str) -> _ConfigFault:
        """A fault of `key` that names the source of its value."""
        name = self.variable(key)
        if _has_key(self.overrides, key):
            return _ConfigFault("command line", f"{'.'.join(key)}: {words}")
        if name in self.variables:
            return _ConfigFault("environment", f"{self.variables[name]}: {words}")
        if name in self.credentials:
            return _ConfigFault("credentials", f"{self.credentials[name]}: {words}")
        return _ConfigFault(self.file, f"{'.'.join(key)}: {words}")


def _table_names(table: Key, layers: Iterable[Mapping[str, Any]], origins: _KeyOrigins) -> list[str]:
    """The names of the tables below `table` in any source: `[understand.clients.openai]` gives "openai"."""
    beginning = origins.variable(table) + "__"
    variables = [name for name in (*origins.variables, *origins.credentials) if name.startswith(beginning)]
    names = {name.removeprefix(beginning).split("__")[0].lower() for name in variables}
    return sorted(names.union(*(_keys_below(layer, table) for layer in layers)))


def _unknown_variable_faults(keys: Collection[Key], origins: _KeyOrigins) -> list[_ConfigFault]:
    """Variables and credentials with our prefix that name no key, and so have no effect."""
    known = {origins.variable(key) for key in keys}
    given = [("environment", origins.variables), ("credentials", origins.credentials)]
    return [
        _ConfigFault(origin, f"{as_given}: {_unknown_variable_text(name, known)}")
        for origin, names in given
        for name, as_given in names.items()
        if name not in known
    ]


def _validation_faults(error: ValidationError, keys: Mapping[Key, bool], origins: _KeyOrigins) -> list[_ConfigFault]:
    """Convert pydantic's errors to faults, one for each key. `keys` maps every key to whether it is a secret."""
    by_key: dict[Key, list[Any]] = {}
    for detail in error.errors(include_url=False):
        by_key.setdefault(_key_of_error(detail, keys), []).append(detail)
    return [
        origins.fault(key, _error_text(key, details, keys) + _best_error_text(key, details, keys, origins))
        for key, details in by_key.items()
        # A variable that names no key is reported by `_unknown_variable_faults`.
        if not (_is_unknown_key(details) and origins.fault(key, "").origin in {"environment", "credentials"})
    ]


def _no_json_fault(message: str, origins: _KeyOrigins) -> _ConfigFault:
    """The fault of a variable whose text is not the JSON that its key takes. `message` names the field at the top."""
    field = re.search(r'field "(\w+)"', message)
    beginning = origins.variable(() if field is None else (field[1],))
    names = [given for name, given in origins.variables.items() if name.startswith(beginning)]
    if not names:
        return _ConfigFault("environment", message)
    return _ConfigFault("environment", f'{" or ".join(names)}: should be JSON, such as {{"a": "b"}} or ["a"]')


def _faults_in_one_line(faults: Iterable[_ConfigFault]) -> str:
    """All faults as one line, grouped by origin."""
    by_origin: dict[str, list[str]] = {}
    for fault in faults:
        by_origin.setdefault(fault.origin, []).append(fault.message)
    return "; ".join(f"{origin}: {'; '.join(found)}" for origin, found in by_origin.items())


def _key_of_error(detail: Any, keys: Mapping[Key, bool]) -> Key:
    # After the key, pydantic appends the attempted member of a union: hear.device.int.
    place = tuple(str(part) for part in detail["loc"] if part != "[key]")  # a table's name, not what it holds
    return next((place[:length] for length in range(1, len(place)) if place[:length] in keys), place)


def _is_unknown_key(details: list[Any]) -> bool:
    return bool(details[0]["type"] == "extra_forbidden")


def _error_text(key: Key, details: list[Any], keys: Mapping[Key, bool]) -> str:
    if _is_unknown_key(details):
        return f"no such key{_similar_key(key, keys)}"
    if details[0]["type"] == "missing":
        return "must be given"
    if details[0]["type"] == "model_type":
        return f"should be a table: a line [{'.'.join(key)}] with its keys below"
    first, *others = dict.fromkeys(_CONTAINERS.get(one["type"]) or _without_noun(one["msg"]) for one in details)
    allowed = " or ".join([first, *(other.removeprefix("should be ") for other in others)])
    return allowed + (f", found {_shortened(details[0]['input'])}" if keys.get(key) is False else "")


def _best_error_text(key: Key, details: list[Any], keys: Mapping[Key, bool], origins: _KeyOrigins) -> str:
    lacks = details[0]["type"] == "missing" and keys.get(key)
    return f"; a secret is best in ${origins.variable(key)} or a credential of that name" if lacks else ""


_CONTAINERS = {
    "dict_type": 'should be a table such as { "name" = "value" }',
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), 'should be a list such as ["a", "b"]'),
}
"""The messages for pydantic's errors that name a container by its name in Python."""


def _without_noun(message: str) -> str:
    """Pydantic's message without its leading noun."""
    for noun in ("Input ", "String ", "Value error, ", "Value "):
        message = message.removeprefix(noun)
    return message


def _shortened(found: object) -> str:
    if isinstance(found, list | tuple):
        return "a list"
    if isinstance(found, dict):
        return "a table"
    text = json.dumps(found, ensure_ascii=False) if isinstance(found, str | bool | int | float) else str(type(found))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _similar_key(key: Key, keys: Collection[Key]) -> str:
    """A key of the same name in another table, or one with a similar spelling."""
    dotted = {".".join(known) for known in keys} | {".".join(known[:-1]) for known in keys if len(known) > 1}
    elsewhere = [".".join(known) for known in keys if known[-1] == key[-1]]
    near = elsewhere or get_close_matches(".".join(key), dotted, n=1)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _unknown_variable_text(name: str, known: Collection[str]) -> str:
    if inside := sorted(variable for variable in known if variable.startswith(f"{name}__")):
        return f"is a whole table; set its keys one by one, such as {inside[0]}"
    near = get_close_matches(name, known, n=1)
    return f"names no key{f'; did you mean {near[0]}?' if near else ''}"


def _keys_below(tree: Any, key: Key) -> list[str]:
    for part in key:
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return [str(name) for name in tree] if isinstance(tree, Mapping) else []


def _has_key(tree: Any, key: Key) -> bool:
    for part in key:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True


_BENEATH = "<file>"  # The constructor argument that carries the file's content; no key can be called so.


class LayeredSettings(BaseSettings):
    """Settings from several sources. A subclass gives `env_prefix`, the prefix of its variables."""

    model_config = SettingsConfigDict(env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True)

    option: ClassVar[str] = "--config"  # The option that names the file.
    repairs: ClassVar[str] = "see config/"  # What ends a message about a fault: where to read on.
    foreign: ClassVar[tuple[str, ...]] = ()  # Prefixes of variables that belong to another program.
    unit: ClassVar[Unit | None] = None  # The systemd unit that runs with these settings.

    _instance: str | None = PrivateAttr(None)

    def use_unit_of(self, path: Path | None) -> None:
        """Use the directories of the systemd unit whose settings file is `path`, if there is one."""
        self._instance = None if self.unit is None else self.unit.instance_of_file(path)

    @property
    def unit_state_directory(self) -> Path | None:
        """The state directory of the unit that reads this settings file; None without one."""
        return self._unit_directory(self.unit.state if self.unit else None)

    @property
    def unit_cache_directory(self) -> Path | None:
        """The cache directory of the unit that reads this settings file; None without one."""
        return self._unit_directory(self.unit.cache if self.unit else None)

    def _unit_directory(self, place: Path | None) -> Path | None:
        return Path(str(place).replace("%i", self._instance)) if place and self._instance else None

    def contradictions(self) -> Iterator[tuple[Key, str]]:
        """Errors between keys that are valid by themselves: the key to correct, and the message."""
        return iter(())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line, then the environment, then credentials, then the file."""
        given = dict(init_settings())
        beneath = InitSettingsSource(settings_cls, given.pop(_BENEATH, {}))
        return InitSettingsSource(settings_cls, given), env_settings, _Credentials(settings_cls), beneath


class _Credentials(EnvSettingsSource):
    """systemd's `LoadCredential=`: each file of $CREDENTIALS_DIRECTORY is named like the variable."""

    def _load_env_vars(self) -> dict[str, str | None]:
        return {name.lower(): read_secret(path) for name, path in _credential_files(self.env_prefix).items()}


_S = TypeVar("_S", bound=LayeredSettings)


def load_settings(model: type[_S], path: Path | None, **overrides: Any) -> _S:
    """Read `path` (None: no file) into `model`; `overrides` from the command line win over every other source.

    Raises UnreadableInput for a file that is not there or cannot be opened, Misconfigured with one line naming every
    file, variable and key at fault.
    """
    content = _resolve_paths(model, _read_toml(path, model.option), path.absolute().parent) if path is not None else {}
    content = _add_unit_secrets(model, path, content)
    origins = _key_origins(model, path, overrides)
    keys = dict(_keys_and_whether_secret(model, lambda table: _table_names(table, (content, overrides), origins)))
    faults = _unknown_variable_faults(keys, origins)
    layers: dict[str, Any] = {**overrides, _BENEATH: content}
    try:
        settings = model(**layers)
        settings.use_unit_of(path)
    except ValidationError as fault:
        faults += _validation_faults(fault, keys, origins)
    except SettingsError as fault:  # A variable's text is not the JSON its key takes: a stray, or a key that is a list.
        faults = faults or [_no_json_fault(str(fault), origins)]
    except RecursionError:  # A variable or a credential is JSON without an end.
        faults += list(_too_deep_faults(origins)) or [_ConfigFault("environment", "a value is nested too deeply")]
    else:
        faults += [origins.fault(key, words) for key, words in settings.contradictions()]
        if not faults:
            return settings
    raise Misconfigured(f"{_faults_in_one_line(faults)} ({model.repairs})") from None


def _too_deep_faults(origins: _KeyOrigins) -> Iterator[_ConfigFault]:
    """The variables and credentials that are nested too deeply to parse."""
    given = [("environment", name, os.environ.get(name, "")) for name in origins.variables.values()]
    given += [("credentials", name, read_secret(Path(file))) for name, file in origins.credentials.items()]
    for origin, name, text in given:
        try:
            json.loads(text)
        except RecursionError:
            yield _ConfigFault(origin, f"{name}: is nested too deeply; no key takes such a value")
        except ValueError:
            continue


def _add_unit_secrets(model: type[LayeredSettings], path: Path | None, content: dict[str, Any]) -> dict[str, Any]:
    """Add to the file's content the secrets that systemd would pass to the unit that reads the file."""
    instance = None if model.unit is None else model.unit.instance_of_file(path)
    if model.unit is None or instance is None or os.environ.get("CREDENTIALS_DIRECTORY"):
        return content
    for key, value in model.unit.read_secrets(instance):
        if key[0] in model.model_fields:
            _set_key(content, key, value)
    return content


def _set_key(content: dict[str, Any], key: Key, value: str) -> None:
    """Set a nested key; nothing where a value on the way is no table, which is reported as the file's error."""
    table, *below = key
    if not below:
        content[table] = value
    elif isinstance(inside := content.get(table, {}), dict):
        content[table] = dict(inside)
        _set_key(content[table], tuple(below), value)


def _key_origins(model: type[LayeredSettings], path: Path | None, overrides: Mapping[str, Any]) -> _KeyOrigins:
    prefix = str(model.model_config["env_prefix"]).upper()
    # DOCKVOICE_CONFIG names the settings file itself.
    foreign = (f"{prefix}CONFIG", *model.foreign)
    filled = {name.upper(): name for name, value in os.environ.items() if value}
    variables = {
        name: given for name, given in filled.items() if name.startswith(prefix) and not name.startswith(foreign)
    }
    credentials = {name: str(file) for name, file in _credential_files(prefix).items() if not name.startswith(foreign)}
    return _KeyOrigins(str(path or "settings"), overrides, prefix, variables, credentials)


def _credential_files(prefix: str) -> dict[str, Path]:
    """The credentials whose names begin with `prefix`, upper-case name to file."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory or not Path(directory).is_dir():
        return {}
    named = {path.name.upper(): path for path in Path(directory).iterdir()}
    return {name: path for name, path in named.items() if name.startswith(prefix.upper())}


def _read_toml(path: Path, option: str) -> dict[str, Any]:
    try:
        # utf-8-sig: some editors on Windows begin a file with a byte order mark.
        return tomllib.loads(plain_file.read_regular_file(path).decode("utf-8-sig"))
    except FileNotFoundError:
        raise UnreadableInput(f"{path}: no such file; name another with {option}") from None
    except OSError as fault:
        raise UnreadableInput(f"{path}: cannot be read ({fault.strerror}); it must be a readable file") from None
    except UnicodeDecodeError as fault:
        number = fault.object.count(b"\n", 0, fault.start) + 1
        raise Misconfigured(f"{path}: is not UTF-8 (at line {number}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        raise Misconfigured(f"{path}: is not TOML: {fault}; mend that line") from None
    except ValueError:  # Python takes no more than 4,300 digits
        raise Misconfigured(f"{path}: holds a number that is too long; no key takes such a one") from None
    except RecursionError:
        raise Misconfigured(f"{path}: is nested too deeply; no key takes such a table") from None


def _keys_and_whether_secret(
    model: type[BaseModel], table_names: Callable[[Key], Iterable[str]], above: Key = ()
) -> Iterator[tuple[Key, bool]]:
    """Every key of `model` as a path through its tables, with whether it is a secret.

    `table_names` gives the names of the tables below a key with operator-named tables.
    """
    for name, field in model.model_fields.items():
        here = (*above, name)
        if table := _section_model(field.annotation):
            yield from _keys_and_whether_secret(table, table_names, here)
        elif table := _named_section_model(field.annotation):
            for one in table_names(here):
                yield from _keys_and_whether_secret(table, table_names, (*here, one))
        else:
            yield here, _accepts_type(field.annotation, SecretStr)


def _resolve_paths(model: type[BaseModel], content: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Expand `~`, and make relative paths start at `directory`."""
    anchored = dict(content)
    for name, field in model.model_fields.items():
        value, table = content.get(name), _section_model(field.annotation)
        if table and isinstance(value, dict):
            anchored[name] = _resolve_paths(table, value, directory)
        elif (table := _named_section_model(field.annotation)) and isinstance(value, dict):
            anchored[name] = {
                one: _resolve_paths(table, content, directory) if isinstance(content, dict) else content
                for one, content in value.items()
            }
        elif value and isinstance(value, str) and _accepts_type(field.annotation, Path):
            # Not Path.expanduser, which raises for a home that does not exist: opening the file will tell that better.
            anchored[name] = str(directory / os.path.expanduser(value))  # noqa: PTH111 - see above
    return anchored


def _section_model(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _named_section_model(annotation: Any) -> type[BaseModel] | None:
    """The model of operator-named tables."""
    return _section_model(get_args(annotation)[1]) if get_origin(annotation) is dict else None


def _accepts_type(annotation: Any, kind: type) -> bool:
    """Whether `kind` is the annotation, or one of its alternatives."""
    return annotation is kind or any(_accepts_type(part, kind) for part in get_args(annotation))
