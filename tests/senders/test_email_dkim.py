import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
from pydantic import ValidationError

from fmn.emission import Content, Recipient
from fmn.errors import ConfigError
from fmn.model import Key, RuleId
from fmn.senders.email import Email
from tests.peers import need
from tests.peers.smtp import Smtp

CONTENT = Content(
    kind="email",
    subject="Größe: a build failed, and this line is long enough to be folded when it is sent",
    text="It failed. \n.\n\n",
    html="<p>It failed.</p>",
    headers={"stop": "https://fmn.example/stop/", "artifact": "rpms/kernel"},
)
ALICE = Recipient(
    keys=(Key("m1:d1"),),
    address="alice@example.org",
    rules={RuleId("r1"): "My packages"},
    token="t" * 300,
)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dkim") / "key.pem"
    command = [need("openssl", "openssl"), "genrsa", "-out", str(path), "2048"]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def published(key: Path) -> bytes:
    """What stands in the DNS for that key."""
    command = ["openssl", "rsa", "-in", str(key), "-pubout"]
    pem = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    return f"v=DKIM1; k=rsa; p={''.join(pem.splitlines()[1:-1])}".encode()


def settings(smtp: Smtp, key: Path, **more: Any) -> Email.Settings:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": smtp.port}
    values |= {"dkim_domain": "example.org", "dkim_selector": "fmn", "dkim_key_file": str(key)}
    return Email.Settings(**values | more)


def verifies(raw: bytes, published: bytes) -> bool:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        return published if name == b"fmn._domainkey.example.org." else b""

    verified: bool = dkim.verify(raw, dnsfunc=dns)
    return verified


async def test_a_signed_mail_verifies_and_one_tampered_with_does_not(
    smtp: Smtp, key: Path, published: bytes
) -> None:
    async with Email(settings(smtp, key)) as email:
        await email.send(CONTENT, ALICE)
    raw = smtp.mails[0].raw

    assert raw.startswith(b"DKIM-Signature: ")
    assert verifies(raw, published)
    tampered = {
        b"It failed": b"It worked",
        b"Subject: ": b"Subject: x",
        b"/stop/": b"/step/",
        b"One-Click": b"Two-Click",
        b"To: alice": b"To: bob",
        b"From: fmn": b"From: root",
        b"Message-ID: <m1": b"Message-ID: <m2",
        b"Date: ": b"Date: x",
    }
    for there, instead in tampered.items():
        assert there in raw
        assert not verifies(raw.replace(there, instead), published)


async def test_no_link_to_stop_it_can_be_added_on_the_way(
    smtp: Smtp, key: Path, published: bytes
) -> None:
    async with Email(settings(smtp, key)) as email:
        await email.send(CONTENT, replace(ALICE, token=""))
    raw = smtp.mails[0].raw

    assert verifies(raw, published)
    added = raw.replace(b"From: ", b"List-Unsubscribe: <https://mallory.example/>\r\nFrom: ", 1)
    assert not verifies(added, published)


async def test_without_the_settings_nothing_is_signed(smtp: Smtp, key: Path) -> None:
    bare = settings(smtp, key, dkim_domain="", dkim_selector="", dkim_key_file="")
    async with Email(bare) as email:
        await email.send(CONTENT, ALICE)

    assert b"DKIM-Signature" not in smtp.mails[0].raw


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN X-----\nAAAA\n-----END X-----"])
async def test_a_file_that_is_no_key_stops_the_start_and_is_named(
    smtp: Smtp, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"dkim_key_file.*RSA key") as raised:
        await Email(settings(smtp, path)).__aenter__()

    assert str(path) in str(raised.value)


async def test_a_key_with_other_line_ends_is_one(
    smtp: Smtp, key: Path, published: bytes, tmp_path: Path
) -> None:
    async with Email(settings(smtp, _with_crlf(key, tmp_path))) as email:
        await email.send(CONTENT, ALICE)

    assert verifies(smtp.mails[0].raw, published)


def _with_crlf(key: Path, folder: Path) -> Path:
    path = folder / "key.pem"
    path.write_bytes(key.read_bytes().replace(b"\n", b"\r\n"))
    return path


@pytest.mark.parametrize("missing", ["dkim_domain", "dkim_selector", "dkim_key_file"])
def test_half_a_signature_lacks_the_rest(smtp: Smtp, key: Path, missing: str) -> None:
    assert Email(settings(smtp, key)).lacks is None
    assert (
        Email(settings(smtp, key, **{missing: ""})).lacks == f"senders.email.{missing} is not set"
    )


HALF = [
    ({"return_address": "b@example.org"}, "return_secret"),
    ({"return_secret": "s"}, "return_address"),
    ({"bounces": "maildir:/tmp/x"}, "return_address"),
]


@pytest.mark.parametrize(("given", "missing"), HALF)
def test_half_a_return_path_lacks_the_rest(given: dict[str, Any], missing: str) -> None:
    assert Email(Email.Settings(**given)).lacks == f"senders.email.{missing} is not set"


def test_by_itself_it_lacks_nothing() -> None:
    assert Email(Email.Settings()).lacks is None


WRONG = [
    {"return_address": "nobody"},
    {"return_address": "jörg@example.org"},
    {"bounces": "lmtp://"},
    {"bounces": "lmtp://127.0.0.1"},
    {"bounces": "lmtp://127.0.0.1:99x"},
    {"bounces": "lmtp://127.0.0.1:99999"},
    {"bounces": "maildir:relative"},
    {"bounces": "imap://x"},
    {"bounces_every": "0s"},
    {"dkim_key_file": "/no/file"},
    {"dkim_domain": "exa mple.org"},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Email.Settings(**wrong)


@pytest.mark.parametrize("good", ["lmtp://127.0.0.1:8024", "lmtp://[::1]:24", "maildir:/var/x y"])
def test_places_where_mails_come_back_are_taken(good: str) -> None:
    assert Email.Settings(bounces=good).bounces == good


NEEDS = [
    ("flufl", "hear", "fmn[bounces]"),
    ("aiosmtpd", "hear", "fmn[bounces]"),
    ("dkim", "enter", "fmn[dkim]"),
]
START = """
import asyncio, sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from fmn.errors import ConfigError
from fmn.senders.email import Email

async def start():
    email = Email(Email.Settings(
        dkim_domain="x", dkim_selector="x", dkim_key_file=sys.argv[3], bounces="lmtp://[::1]:1",
        return_address="b@example.org", return_secret="s"))
    await (email.hear(None) if sys.argv[2] == "hear" else email.__aenter__())

try:
    asyncio.run(start())
except ConfigError as said:
    print(said)
"""


@pytest.mark.parametrize(("library", "what", "extra"), NEEDS)
def test_a_library_that_is_not_installed_is_named_at_the_start(
    key: Path, library: str, what: str, extra: str
) -> None:
    command = [sys.executable, "-c", START, library, what, str(key)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert extra in done.stdout
    assert library in done.stdout
