import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers import need


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost that nobody has signed but itself, and its key."""

    path: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = [need("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(made.key), "-out", str(made.path)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return made
