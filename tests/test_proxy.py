"""The TCP proxy of the tests: what passes, what does not, and for how long."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.peers import answers, wait_until
from tests.peers.proxy import Flow, Link, proxy

LONG = b"x" * 5_000_000


class Echo:
    """A server that says again what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(one,), daemon=True).start()

    def _echo(self, one: socket.socket) -> None:
        with one:
            try:
                while said := one.recv(65536):
                    self.heard += said
                    one.sendall(said)
            except OSError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    with proxy() as running:
        yield running.link(echo.port)


@contextmanager
def talking(link: Link) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", link.port), timeout=20) as one:
        yield one


def said(one: socket.socket, words: bytes) -> bytes:
    """Say it and return what came back, as long."""
    writing = threading.Thread(target=one.sendall, args=(words,))
    writing.start()
    heard = b""
    while len(heard) < len(words) and (more := one.recv(65536)):
        heard += more
    writing.join()
    return heard


def silent(one: socket.socket) -> bool:
    one.settimeout(0.3)
    try:
        one.recv(1)
    except TimeoutError:
        return True
    finally:
        one.settimeout(20)
    return False


def gone(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except ConnectionError:
        return True


def test_all_passes_however_much(link: Link) -> None:
    with talking(link) as one:
        assert said(one, LONG) == LONG
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
    wait_until(lambda: link.connections == 0, "the end of the connection")


def test_what_is_cut_ends_and_who_comes_after_is_served(link: Link) -> None:
    with talking(link) as one, talking(link) as other:
        assert said(one, b"a") + said(other, b"b") == b"ab"
        assert link.cut() == 2
        assert gone(one)
        assert gone(other)
    with talking(link) as one:
        assert said(one, b"c") == b"c"


def test_nothing_passes_while_held_and_all_of_it_after(link: Link, echo: Echo) -> None:
    with talking(link) as before:
        assert said(before, b"a") == b"a"
        with link.being(Flow.NOTHING), talking(link) as after:
            before.sendall(b"b")
            after.sendall(b"c")
            assert silent(before)
            assert silent(after)
            assert echo.heard == b"a"
            link.become(Flow.ALL)
            assert before.recv(1) == b"b"
            assert after.recv(1) == b"c"


def test_the_server_hears_what_it_may_not_answer(link: Link, echo: Echo) -> None:
    with talking(link) as one:
        with link.being(Flow.REQUESTS):
            one.sendall(b"a")
            wait_until(lambda: echo.heard == b"a", "the request")
            assert silent(one)
            link.cut()
        assert gone(one)


def test_who_is_refused_cannot_connect_and_the_port_stays_the_same(link: Link) -> None:
    with talking(link) as one:
        assert said(one, b"a") == b"a"
        with link.being(Flow.REFUSED):
            assert gone(one)
            assert not answers(link.port)
        with talking(link) as other:
            assert said(other, b"b") == b"b"


def test_a_server_that_is_away_ends_the_connection(link: Link, echo: Echo) -> None:
    with talking(link) as one:
        assert said(one, b"a") == b"a"
    echo.close()
    wait_until(lambda: not answers(echo.port), "the end of the server")
    with talking(link) as one:
        assert gone(one)
