"""Settings: one frozen model, from a TOML file, then from the environment, read once.

`FMN_<SECTION>__<KEY>` sets one key; a list is written as in TOML.
An unknown key is refused by name, wherever it stands.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator

from fmn.config.fields import Duration, ExistingFile, Secret, Section
from fmn.errors import ConfigError


class Bus(Section):
    """Where messages come from."""

    kind: Literal["amqp", "file"] = "amqp"
    fedora_messaging: ExistingFile = ""
    url: SecretStr = SecretStr("")
    exchange: str = "amq.topic"
    routing_keys: tuple[str, ...] = ("#",)
    queue: str = "fmn"
    prefetch: int = Field(default=200, ge=1, le=65535)
    path: str = "-"
    max_body: int = Field(default=1024 * 1024, ge=1)
    private_topics: tuple[str, ...] = ()


class Queues(Section):
    """Redis or Valkey: channels, outbox, log."""

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    mode: Literal["streams", "pubsub"] = "streams"
    channels: int = Field(default=4, ge=1, le=1024)
    batch: int = Field(default=100, ge=1, le=1000)
    claims: Duration = timedelta(days=1)
    lane_mark: int = Field(default=10_000, ge=1)
    log_mark: int = Field(default=100_000, ge=1)
    memory: int = Field(default=0, ge=0)


class Storage(Section):
    """SQL: preferences and history."""

    url: SecretStr = SecretStr("sqlite:///fmn.db")
    secret: Secret = SecretStr("")
    keep_messages: Duration = timedelta(days=30)
    keep_deliveries: Duration = timedelta(days=90)


class Directory(Section):
    """Who owns what, who is in which group."""

    path: ExistingFile = ""
    refresh: Duration = timedelta(seconds=10)


class Retry(Section):
    """How often and when a transient failure is tried again."""

    attempts: int = Field(default=10, ge=1)
    first: Duration = timedelta(seconds=5)
    longest: Duration = timedelta(hours=1)
    hold_in_doubt: tuple[str, ...] = ()


class Bouncing(Section):
    """When a destination whose notifications come back is not written to any more."""

    refusals: int = Field(default=3, ge=1)
    within: Duration = timedelta(days=14)


class Templates(Section):
    """How messages are turned into content."""

    folder: str = ""


class Service(Section):
    """What every process has: an address for its health and metrics, and its log lines."""

    bind: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    log: Literal["debug", "info", "warning", "error"] = "info"


class Web(Section):
    """The web pages and the API; `url` and `secret` count for workers, too."""

    url: str = ""
    secret: Secret = SecretStr("")
    port: int = Field(default=8080, ge=0, le=65535)
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    login: Literal["oidc", "local"] = "oidc"
    user: str = ""
    oidc_url: str = ""
    oidc_client: str = ""
    oidc_secret: SecretStr = SecretStr("")
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    admin_groups: tuple[str, ...] = ()
    defaults: ExistingFile = ""
    sessions: Duration = timedelta(days=14)
    links: Duration = timedelta(days=90)

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        if not re.fullmatch(r"(https?://[^\s/?#@]+)?", url):
            raise ValueError("expected https://HOST, without a path and without a slash at the end")
        return url


class Settings(Section):
    """Everything that can be set."""

    bus: Bus = Bus()
    queues: Queues = Queues()
    storage: Storage = Storage()
    directory: Directory = Directory()
    retry: Retry = Retry()
    bouncing: Bouncing = Bouncing()
    templates: Templates = Templates()
    service: Service = Service()
    web: Web = Web()
    senders: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Kind → its settings; each sender's file says which there are."""


@dataclass(frozen=True)
class Source:
    """Where settings came from, to name it in an error."""

    file: str | None
    variables: Mapping[str, str]
    """Path of a key, joined by dots → the environment variable that set it."""

    def name(self, key: str) -> str:
        """Return what to call a key: its variable, or its file and path."""
        by = (name for at, name in self.variables.items() if f"{at}.".startswith(f"{key}."))
        return next(by, f"{self.file or 'defaults'}: {key}")


def read(path: str | None, environ: Mapping[str, str]) -> tuple[Settings, Source]:
    """Read the settings: `path`, else `FMN_CONFIG`, else ./fmn.toml, else defaults.

    Raises ConfigError, which names file or variable, key and what is expected.
    """
    file = path or environ.get("FMN_CONFIG") or ("fmn.toml" if Path("fmn.toml").exists() else None)
    values = _toml(file) if file else {}
    keys = {name: _path(name) for name in environ if _is_setting(name)}
    for name, key in keys.items():
        _put(values, key, _value(environ[name]), name)
    source = Source(file, {".".join(key): name for name, key in keys.items()})
    return check(Settings, values, source), source


S = TypeVar("S", bound=Section)


def check(model: type[S], values: Mapping[str, Any], source: Source, at: str = "") -> S:
    """Return the values as this section, which stands at the path `at`."""
    try:
        return model.model_validate(values)
    except ValidationError as refused:
        first = refused.errors()[0]
        key = ".".join(map(str, [*([at] if at else []), *first["loc"]]))
        raise ConfigError(source.name(key), _expected(first)) from None


def _expected(error: Any) -> str:  # noqa: ANN401  # pydantic's ErrorDetails
    if error["type"] == "extra_forbidden":
        return "there is no such setting; `fmn config show` lists them all"
    said: str = error["msg"]
    return said.removeprefix("Value error, ").replace("Input should be", "expected")


def _toml(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text())
    except OSError as failed:
        raise ConfigError(file, failed.strerror or failed) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failed:
        raise ConfigError(file, f"not TOML: {failed}") from None


def _is_setting(name: str) -> bool:
    return name.startswith("FMN_") and name != "FMN_CONFIG" and not name.startswith("FMN_TEST_")


def _path(name: str) -> list[str]:
    return name.removeprefix("FMN_").lower().split("__")


def _value(text: str) -> Any:  # noqa: ANN401  # TOML is what it is
    try:  # pydantic reads numbers and truth values from text; lists it does not
        return tomllib.loads(f"value = {text}")["value"] if text.startswith("[") else text
    except tomllib.TOMLDecodeError:
        return text


def _put(values: dict[str, Any], path: list[str], value: object, name: str) -> None:
    for part in path[:-1]:
        values = values.setdefault(_known(values, part), {})
        if not isinstance(values, dict):
            raise ConfigError(name, f"{part!r} is not a section")
    values[_known(values, path[-1])] = value


def _known(values: dict[str, Any], part: str) -> str:
    # Names that people choose, of networks and servers, may have capitals; variables lost them.
    return next((known for known in values if known.lower() == part), part)
