"""Services that Apprise speaks to, and what people give for each: fields, never a URL.

An address is `service:field/field`. What may stand in a field is bounded strictly, so that no
field can become another one, an option or another host in the URL that is made of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Literal
from urllib.parse import quote

from fmn.kinds import AddressField, AddressForm

LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PORT = r"6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}"
HOST = rf"(?=[^:]{{1,253}}(?::|\Z)){LABEL}(?:\.{LABEL})+(?::(?:{PORT}))?"
"""A full host name or an IPv4 address, and a port where it is not the usual one."""

OPTIONS = "overflow=upstream&redirect=no"
"""Of every URL: nothing is split into several messages, and redirects are not followed."""

Network = IPv4Network | IPv6Network
Reads = Literal["raw", "markdown", "escaped"]
"""A text as it is, or as Markdown in which a backslash takes a sign's meaning; `escaped`: in a
markup of its own, for which Apprise escapes all that would mean something there."""


@dataclass(frozen=True, slots=True)
class Field:
    """A part of an address."""

    name: str
    label: str
    pattern: str
    """The whole of it matches this. No `/`."""
    hint: str
    secret: bool = True


@dataclass(frozen=True, slots=True)
class Service:
    """Where people chat, or are told something."""

    title: str
    template: str
    """Apprise's URL, the fields in braces; {s} is `s` where it is spoken to over TLS."""
    fields: tuple[Field, ...]
    longest: int
    """Characters of a subject and a text together that are taken as one message."""
    options: str = ""
    reads: Reads = "raw"
    forgets: bool = False
    """Whether 404 says that the address was deleted: so its documentation has it."""

    @property
    def words(self) -> str:
        """Say what the address is made of."""
        return "/".join(field.name.upper() for field in self.fields)

    def form(self, name: str) -> AddressForm:
        """Return how people give an address, which begins with this name."""
        fields = (AddressField(f.name, f.label, f.hint, f.secret) for f in self.fields)
        pattern = "/".join(f"{{{field.name}}}" for field in self.fields)
        return AddressForm(self.title, tuple(fields), f"{name}:{pattern}")

    def read(self, text: str) -> Mapping[str, str] | None:
        """Return field → what stands for it; None where they are not as many."""
        parts = text.split("/")
        if len(parts) != len(self.fields):
            return None
        return {field.name: part for field, part in zip(self.fields, parts, strict=True)}

    def fault(self, text: str) -> str | None:
        """Return why these are not its fields, without repeating them: they may be secret."""
        given = self.read(text)
        if given is None:
            return f"not {self.words}"
        wrong = [one for one in self.fields if not re.fullmatch(one.pattern, given[one.name])]
        return f"{wrong[0].label}: expected {wrong[0].hint}" if wrong else None

    def shown(self, given: Mapping[str, str]) -> str:
        """Return what to call it without what is secret."""
        return f"{self.title} at {given['host']}" if "host" in given else self.title

    def secrets(self, given: Mapping[str, str]) -> tuple[str, ...]:
        """Return what nobody else may read."""
        return tuple(given[field.name] for field in self.fields if field.secret)

    def url(self, given: Mapping[str, str], private: Sequence[Network] = ()) -> str:
        """Return the URL for Apprise. Only an IP address of our own networks is without TLS."""
        quoted = {name: quote(part, safe=":") for name, part in given.items()}
        tls = "" if _is_within(given.get("host", ""), private) else "s"
        options = "&".join(filter(None, (OPTIONS, self.options)))
        return f"{self.template.format(s=tls, **quoted)}?{options}"


def _is_within(host: str, networks: Sequence[Network]) -> bool:
    try:
        address = IPv4Address(host.partition(":")[0])
    except ValueError:
        return False
    return any(address in network for network in networks)


def _host(hint: str) -> Field:
    return Field("host", "Server", HOST, f"a host name, like {hint}", secret=False)


def _token(hint: str, pattern: str = r"[A-Za-z0-9_-]{8,256}") -> Field:
    return Field("token", "Token", pattern, hint)


SERVICES: Mapping[str, Service] = {
    "slack": Service(
        "Slack",
        "slack://{team}/{webhook}/{token}/",
        (
            Field("team", "Workspace", r"T[A-Z0-9]{6,20}", "T…, from the webhook's address"),
            Field("webhook", "Webhook", r"B[A-Z0-9]{6,20}", "B…, from the webhook's address"),
            _token("the last part of the webhook's address", r"[A-Za-z0-9]{16,64}"),
        ),
        2500,  # A section takes 3,000, escaped.
        "blocks=yes&footer=no",
        "escaped",
        forgets=True,
    ),
    "discord": Service(
        "Discord",
        "discord://{webhook}/{token}/",
        (
            Field("webhook", "Webhook", r"[0-9]{15,25}", "digits, from the webhook's address"),
            _token("the last part of the webhook's address", r"[A-Za-z0-9_-]{40,128}"),
        ),
        2000,
        reads="markdown",
        forgets=True,
    ),
    "telegram": Service(
        "Telegram",
        "tgram://{token}/{chat}/",
        (
            _token("what BotFather gave: 123456:ABC…", r"[0-9]{5,15}:[A-Za-z0-9_-]{30,64}"),
            Field("chat", "Chat", r"-?[0-9]{1,20}", "the number of the chat", secret=False),
        ),
        4000,
        reads="escaped",
    ),
    "mattermost": Service(
        "Mattermost",
        "mmost{s}://{host}/{token}/",
        (_host("chat.example.org"), _token("the last part of the webhook's address")),
        4000,
        reads="markdown",
    ),
    "rocketchat": Service(
        "Rocket.Chat",
        "rocket{s}://{webhook}%2F{token}@{host}/",
        (
            _host("chat.example.org"),
            Field("webhook", "Webhook", r"[A-Za-z0-9]{8,64}", "the part after /hooks/"),
            _token("the last part of the webhook's address", r"[A-Za-z0-9]{8,128}"),
        ),
        1000,
        "mode=webhook",
        "markdown",
    ),
    "msteams": Service(
        "Microsoft Teams",
        "workflows://{host}/{workflow}/{signature}/",
        (
            _host("prod-00.westeurope.logic.azure.com:443"),
            Field("workflow", "Workflow", r"[A-Za-z0-9_-]{8,128}", "the part after /workflows/"),
            Field("signature", "Signature", r"[A-Za-z0-9_-]{8,256}", "what stands after sig="),
        ),
        1000,
        reads="markdown",
    ),
    "googlechat": Service(
        "Google Chat",
        "gchat://{space}/{key}/{token}/",
        (
            Field("space", "Space", r"[A-Za-z0-9_-]{4,64}", "the part after /spaces/"),
            Field("key", "Key", r"[A-Za-z0-9_-]{8,128}", "what stands after key="),
            _token("what stands after token=", r"[A-Za-z0-9_-]{8,256}"),
        ),
        4000,
    ),
    "zulip": Service(
        "Zulip",
        "zulip://{bot}@{organization}/{token}/{channel}/",
        (
            Field(
                "organization", "Organization", LABEL, "ORGANIZATION.zulipchat.com", secret=False
            ),
            Field("bot", "Bot", r"[A-Za-z0-9_-]{1,32}", "its name, without -bot@…", secret=False),
            _token("its API key, 32 letters and digits", r"[A-Za-z0-9]{32}"),
            Field("channel", "Channel", r"[\w.-]{1,60}", "its name without spaces", secret=False),
        ),
        10_000,
    ),
    "ntfy": Service(
        "ntfy",
        "ntfy{s}://{host}/{topic}/",
        (
            _host("ntfy.sh"),
            Field("topic", "Topic", r"[A-Za-z0-9_-]{6,64}", "6 characters or more"),
        ),
        2000,  # 4,096 bytes
        "mode=private",
    ),
    "gotify": Service(
        "Gotify",
        "gotify{s}://{host}/{token}/",
        (_host("push.example.org"), _token("of the application", r"[A-Za-z0-9._-]{10,64}")),
        30_000,
    ),
    "webex": Service(
        "Webex",
        "wxteams://{token}/",
        (_token("the last part of the webhook's address", r"[A-Za-z0-9]{80,160}"),),
        1000,
        "mode=webhook",
        "markdown",
    ),
    "pushover": Service(
        "Pushover",
        "pover://{user}@{token}/",
        (
            Field("user", "User key", r"[A-Za-z0-9]{30}", "30 letters and digits"),
            _token("of your application, 30 letters and digits", r"[A-Za-z0-9]{30}"),
        ),
        1000,
    ),
    "pushbullet": Service(
        "Pushbullet",
        "pbul://{token}/",
        (_token("the access token of your account", r"[A-Za-z0-9._-]{20,64}"),),
        30_000,
    ),
}
"""Name → service. That Apprise takes each URL as it is meant is tested."""
