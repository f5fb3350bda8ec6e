"""The API of a site from afar: what verbs ask of it, and what they say where that fails."""

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import httpx
import msgspec
import typer

from fmn.cli.say import read_text
from fmn.errors import FmnError, InputError, Unavailable
from fmn.preferences.edits import Changed

PATIENCE = 30.0
"""Seconds to wait for an answer."""
HERE = {"127.0.0.1", "localhost", "::1"}
PROBLEM = "application/problem+json"
YAML = "application/yaml"

Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Ask the API of the site at this address."),
]
Token = Annotated[
    str | None,
    typer.Option(metavar="T", help="API token; others here can see it: better --token-file."),
]
TokenFile = Annotated[
    str | None, typer.Option(metavar="FILE|-", help="Read the API token from a file or stdin.")
]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Access:
    """A site, and who asks there."""

    url: str
    token: str


class Planned(msgspec.Struct, frozen=True):
    """What an import changes, or would."""

    changes: list[str]
    unconfirmed: list[str]
    """Names of destinations that hear nothing yet."""


class _Me(msgspec.Struct, frozen=True):
    name: str


class _Problem(msgspec.Struct, frozen=True):
    detail: str


def access(url: str | None, token: str | None, token_file: str | None) -> Access | None:
    """Return what the options say; None where the verb works here. Raises InputError."""
    if url is None:
        if token or token_file:
            raise InputError("--token", "it is for the API of a site: say which with --url")
        return None
    if bool(token) is bool(token_file):
        raise InputError("--url", "expected --token-file, or --token, beside it")
    return Access(_checked(url), _one_line(token or _read(token_file or "")))


class Remote:
    """The API of one site, as one user."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = url

    def check_user(self, user: str) -> None:
        """Raise InputError unless the token is this user's: the API shows one only one's own."""
        name = self._read(_Me, self._ask("GET", "/me")).name
        if name != user:
            raise InputError(user, f"the token is {name}'s, and shows nobody else's preferences")

    def explain(self, message: str, *, now: bool) -> Any:  # noqa: ANN401  # JSON is what it is
        """Return why, and why not, as `fmn explain` prints it."""
        query = {"message": message, "by": "now" if now else "then"}
        return self._read(dict[str, Any], self._ask("GET", "/explain", params=query))

    def preferences(self) -> tuple[str, str]:
        """Return one's preferences as YAML, and a mark of this text."""
        answer = self._ask("GET", "/preferences")
        return answer.text, answer.headers.get("etag", "*")

    def put_preferences(self, text: str, seen: str, *, dry_run: bool) -> Planned:
        """Replace one's preferences if they are as they were seen; or say what would change."""
        how = {"params": {"dry_run": str(dry_run).lower()}, "content": text.encode()}
        headers = {"content-type": YAML, "if-match": seen}
        return self._read(Planned, self._ask("PUT", "/preferences", headers=headers, **how))

    def _ask(self, method: str, path: str, **how: Any) -> httpx.Response:  # noqa: ANN401  # as httpx
        try:
            answer = self._client.request(method, f"{self._url}/api/v1{path}", **how)
        except httpx.TimeoutException:
            raise Unavailable(self._url, f"no answer within {PATIENCE:.0f} s") from None
        except httpx.InvalidURL as failed:
            raise InputError(self._url, failed) from None
        except httpx.HTTPError as failed:
            raise Unavailable(self._url, _reason(failed)) from None
        if not answer.is_success:
            raise self._failure(answer)
        return answer

    def _failure(self, answer: httpx.Response) -> FmnError:
        status = answer.status_code
        known = answer.headers.get("content-type", "").startswith(PROBLEM)
        said = self._read(_Problem, answer).detail if known else ""
        detail = _plain(said or f"it answers {status} {answer.reason_phrase}")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Unavailable(self._url, detail)
        if not known:
            return self._stranger(detail)
        failures: dict[int, type[FmnError]] = {412: Changed, 429: Unavailable}
        return failures.get(status, InputError)(self._url, detail)

    def _read(self, shape: type[S], answer: httpx.Response) -> S:
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as failed:
            raise self._stranger(f"its answer is another: {failed}") from None

    def _stranger(self, why: str) -> InputError:
        return InputError(self._url, f"expected the address of a site of fmn; {_plain(why)}")


@contextmanager
def remote(to: Access) -> Iterator[Remote]:
    """Open the API of a site. Each of its methods raises InputError, Unavailable or Changed."""
    headers = {"authorization": f"Bearer {to.token}", "accept": "application/json, */*;q=0.5"}
    with httpx.Client(headers=headers, timeout=PATIENCE) as client:
        yield Remote(client, to.url)


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as failed:
        raise InputError("--url", url, failed) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InputError("--url", url, "expected https://…")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise InputError("--url", "expected an address alone: no name, no `?`, no `#`")
    if parsed.scheme == "http" and parsed.host not in HERE:
        raise InputError("--url", url, "expected https://: a token must not travel in the clear")
    return url.rstrip("/")


def _read(file: str) -> str:
    return sys.stdin.readline() if file == "-" else read_text(file)


def _one_line(token: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise InputError("the token", "expected one line, as the account page showed it")
    return token


def _reason(failed: BaseException) -> str:
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            trust = "SSL_CERT_FILE names further authorities to trust"
            return f"its certificate cannot be trusted: {cause.verify_message}; {trust}"
        cause = cause.__cause__ or cause.__context__
    return str(failed) or type(failed).__name__


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:500]
