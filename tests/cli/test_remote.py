"""Verbs through the API of a site: a real one, and all that can stand at its address instead."""

import asyncio
import json
import re
import socket
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from fmn.emission import Handled
from fmn.storage.accounts import account
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.history import record
from fmn.storage.preferences import newest
from fmn.storage.tokens import issue
from tests.cli.conftest import Fmn
from tests.factories import a_message
from tests.peers import need, wait_until
from tests.peers.site import Site

ALICE = {
    "destinations": {"email": {"kind": "email", "address": "alice@example.org"}},
    "rules": [
        {
            "name": "Koji",
            "filters": [{"kind": "application", "names": ["koji"]}],
            "destinations": ["email"],
        }
    ],
}


@dataclass(frozen=True)
class Served:
    """A site whose pages run, and what a verb needs to ask there."""

    site: Site
    database: str
    url: str
    flags: tuple[str, ...]


@pytest.fixture
def served(valkey: str, tmp_path: Path) -> Iterator[Served]:
    """A site with one user, alice, who has preferences, a token and a message."""
    folder = tmp_path / "site"
    folder.mkdir()
    database = f"sqlite:///{folder}/f.db"
    settings: dict[str, dict[str, Any]] = {
        "queues": {"url": valkey},
        "storage": {"url": database},
        "web": {"login": "local", "user": "alice"},
    }
    site = Site(folder, settings)
    site.run("db", "upgrade")
    site.run("rules", "import", "alice", "-", "--yes", given=yaml.safe_dump(ALICE))
    (tmp_path / "token").write_text(asyncio.run(_given(database)) + "\n")
    with site.process("web", "--port", "0"):
        [log] = folder.glob("web-*.log")
        [url] = set(re.findall(r"http://127\.0\.0\.1:\d+", log.read_text()))
        wait_until(lambda: _is_ready(url), "readyz")
        yield Served(site, database, url, ("--url", url, "--token-file", str(tmp_path / "token")))


async def _given(database: str) -> str:
    """Record a message for alice and return a token of hers."""
    expires = datetime.now(UTC) + timedelta(hours=1)
    scopes = frozenset({"read", "write"})
    async with open_engine(database) as engine:
        async with reading(engine) as connection:
            alice = await account(connection, "alice")
            version = await newest(connection)
        assert alice
        line = Handled(a_message("m:1", app="koji"), datetime.now(UTC), version, 1)
        async with writing(engine) as connection:
            await record(connection, [line])
            return await issue(connection, alice.id, "api", scopes=scopes, expires=expires)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz") as answer:  # noqa: S310  # our own
            return bool(answer.status == 200)
    except OSError:
        return False


def test_preferences_come_out_and_go_in_as_on_the_site_itself(
    served: Served, fmn: Fmn, tmp_path: Path
) -> None:
    exported = fmn("rules", "export", "alice", *served.flags).stdout
    assert exported == served.site.run("rules", "export", "alice")
    (tmp_path / "r.yaml").write_text(exported.replace("koji", "bodhi"))
    verb = ("rules", "import", "alice", "r.yaml", *served.flags)
    tried = fmn(*verb, "--dry-run").stderr
    assert "bodhi" in tried
    assert "email will hear nothing: it is unconfirmed" in tried
    assert served.site.run("rules", "export", "alice") == exported
    assert "bodhi" in fmn(*verb, expect=1, input="n\n").stderr
    assert served.site.run("rules", "export", "alice") == exported
    fmn(*verb, input="y\n")
    assert served.site.run("rules", "export", "alice") == exported.replace("koji", "bodhi")
    assert "stays as it is" in fmn(*verb, "--yes").stderr


def test_preferences_go_in_from_stdin_when_nobody_needs_to_be_asked(
    served: Served, fmn: Fmn
) -> None:
    verb = ("rules", "import", "alice", "-", *served.flags)
    text = yaml.safe_dump(ALICE | {"rules": []})
    fmn(*verb, expect=2, input=text)
    fmn(*verb, "--yes", input=text)
    assert "rules" not in served.site.run("rules", "export", "alice")


def test_an_explanation_is_the_same_from_afar(served: Served, fmn: Fmn) -> None:
    far = fmn("explain", "alice", "m:1", *served.flags)
    near = served.site.run("explain", "alice", "m:1")
    assert json.loads(far.stdout) == json.loads(near)
    assert "✓ Koji" in far.stderr


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (("explain", "bob", "m:1"), "the token is alice's"),
        (("rules", "export", "bob"), "the token is alice's"),
        (("explain", "alice", "nosuch"), "nosuch"),
        (("rules", "import", "alice", "bad.yaml", "--yes"), "rules[0].destinations[0]"),
    ],
)
def test_what_the_site_refuses_is_one_line_and_exit_2(
    served: Served, fmn: Fmn, tmp_path: Path, verb: tuple[str, ...], said: str
) -> None:
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(ALICE | {"destinations": {}}))
    refused = fmn(*verb, *served.flags, expect=2).stderr
    assert said in refused
    assert len(refused.strip().splitlines()) == 1


def test_a_token_that_does_not_work_is_said(served: Served, fmn: Fmn) -> None:
    verb = ("rules", "export", "alice", "--url", served.url)
    assert "does not work" in fmn(*verb, "--token", "nosuch", expect=2).stderr
    token = Path(served.flags[-1]).read_text()
    assert fmn(*verb, "--token-file", "-", input=token).stdout
    assert fmn(*verb, "--token", token.strip()).stdout


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--url", "https://fmn.example"), "--token-file"),
        (("--token", "x"), "--url"),
        (("--url", "https://fmn.example", "--token", "x", "--token-file", "y"), "--token"),
        (("--url", "https://fmn.example", "--token-file", "nosuch"), "nosuch"),
        (("--url", "https://fmn.example", "--token", "a b"), "one line"),
        (("--url", "http://fmn.example", "--token", "x"), "in the clear"),
        (("--url", "fmn.example", "--token", "x"), "https://"),
        (("--url", "https://fmn.example:port", "--token", "x"), "--url"),
        (("--url", "https://alice:secret@fmn.example", "--token", "x"), "--url"),
        (("--url", "https://fmn.example/?a=b", "--token", "x"), "--url"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    fmn: Fmn, flags: tuple[str, ...], said: str
) -> None:
    refused = fmn("rules", "export", "alice", *flags, expect=2).stderr
    assert said in refused
    assert "secret" not in refused
    assert len(refused.strip().splitlines()) == 1


def test_from_afar_nobody_can_vouch_for_an_address(fmn: Fmn) -> None:
    far = ("--url", "https://fmn.example", "--token", "x")
    verb = ("rules", "import", "alice", "-", "--yes", "--confirmed", *far)
    assert "--confirmed" in fmn(*verb, expect=2, input="rules: []").stderr


def test_a_site_that_is_away_is_one_line_and_exit_1(fmn: Fmn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    refused = fmn("rules", "export", "alice", "--url", url, "--token", "x", expect=1).stderr
    assert url in refused
    assert len(refused.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("status", "media", "body", "code"),
    [
        (200, "text/html", "<h1>Welcome</h1>", 2),
        (200, "application/json", '{"name": 7}', 2),
        (301, "text/html", "", 2),
        (404, "text/html", "nothing", 2),
        (404, "application/problem+json", "{}", 2),
        (422, "application/problem+json", '{"detail": "a \\u001b[31mred\\n word"}', 2),
        (429, "application/problem+json", '{"detail": "too often"}', 1),
        (503, "text/plain", "not there yet", 1),
    ],
)
def test_whatever_stands_at_the_address_is_said_in_one_line(
    fmn: Fmn, status: int, media: str, body: str, code: int
) -> None:
    with stranger(status, media, body) as url:
        said = fmn("explain", "alice", "m:1", "--url", url, "--token", "x", expect=code).stderr
    assert len(said.strip().splitlines()) == 1
    assert said.rstrip("\n").isprintable()


def test_a_certificate_that_nobody_vouches_for_is_said(fmn: Fmn, tmp_path: Path) -> None:
    with stranger(200, "application/json", '{"name": "alice"}', certificate=tmp_path) as url:
        flags = ("--url", url, "--token", "x")
        said = fmn("explain", "alice", "m:1", *flags, expect=1).stderr
        assert "certificate" in said
        assert "SSL_CERT_FILE" in said
        assert len(said.strip().splitlines()) == 1
        trusted = {"SSL_CERT_FILE": str(tmp_path / "cert.pem")}
        said = fmn("explain", "alice", "m:1", *flags, expect=2, environ=trusted).stderr
        assert "certificate" not in said


@contextmanager
def stranger(
    status: int, media: str, body: str, *, certificate: Path | None = None
) -> Iterator[str]:
    """Run a web server that answers everything with this."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-type", media)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        scheme, host = "http", "127.0.0.1"
        if certificate:
            scheme, host = "https", "localhost"
            server.socket = _over_tls(server.socket, certificate)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"{scheme}://{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _over_tls(listening: socket.socket, folder: Path) -> ssl.SSLSocket:
    made, key = folder / "cert.pem", folder / "key.pem"
    command = [need("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(made)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return context.wrap_socket(listening, server_side=True)
