import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from ipaddress import ip_network

import pytest

from fmn.egress import Answer, Lookup, Outside
from fmn.errors import Absent, InDoubt, PermanentFailure, TransientFailure
from tests.peers import free_port
from tests.peers.http import Http, Raw, Reply, http_server

ALLOWED = "127.0.0.2"
"""Loopback has many addresses: one of them is allowed, 127.0.0.1 is not."""
LONG, SHORT = timedelta(seconds=20), timedelta(seconds=0.4)


def going(
    allowed: Sequence[str] = ("127.0.0.0/8",), timeout: timedelta = LONG, at_once: int = 8
) -> Outside:
    return Outside(at_once=at_once, timeout=timeout, allowed=[ip_network(one) for one in allowed])


def naming(lookup: Lookup) -> Outside:
    return Outside(at_once=8, timeout=LONG, allowed=[ip_network(ALLOWED)], lookup=lookup)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async with going() as made:
        yield made


async def post(outside: Outside, url: str) -> Answer:
    return await outside.post(url, b"{}", {})


async def until_there(outside: Outside, url: str) -> Answer:
    """Post until nobody is told to come later."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await post(outside, url)
            except Absent as absent:
                await asyncio.sleep((absent.retry_after or SHORT).total_seconds())


async def test_what_is_posted_arrives_and_the_answer_comes_back(
    outside: Outside, http: Http
) -> None:
    http.replies(Reply(418, b"short and stout", {"X-Pot": "tea"}))

    answer = await outside.post(http.url("/a?b=c#d"), b"body", {"Content-Type": "text/plain"})

    (request,) = http.requests
    assert (request.method, request.target, request.body) == ("POST", "/a?b=c", b"body")
    assert request.headers["content-type"] == "text/plain"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"] == "fmn"
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert answer.headers["x-pot"] == "tea"


async def test_a_connection_is_used_again(outside: Outside, http: Http) -> None:
    for _ in range(5):
        await post(outside, http.url())

    assert {request.connection for request in http.requests} == {1}


async def test_nothing_of_an_answer_is_kept_for_the_next(outside: Outside, http: Http) -> None:
    http.replies(Reply(200, b"", {"Set-Cookie": "who=alice; Path=/"}))

    await post(outside, http.url(host="localhost"))
    await post(outside, http.url(host="localhost"))

    assert "cookie" not in http.requests[1].headers


async def test_no_proxy_of_the_environment_is_used(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with going() as outside:
        assert (await post(outside, http.url())).status == 200


FORMS = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0",
    "0.0.0.0",  # noqa: S104  # connected to, not bound
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "224.0.0.1",
]


@pytest.mark.parametrize("host", FORMS)
async def test_nobody_makes_us_connect_to_ourselves_or_our_neighbours(
    http: Http, host: str
) -> None:
    async with going(allowed=()) as outside:
        with pytest.raises(PermanentFailure) as failure:
            await post(outside, http.url("/secret-path", host=host))

    assert "secret-path" not in str(failure.value)
    assert http.connections == 0


async def test_only_the_networks_that_are_allowed_are() -> None:
    async with http_server(host=ALLOWED) as peer, going([ALLOWED]) as outside:
        assert (await post(outside, peer.url(host=ALLOWED))).status == 200
        with pytest.raises(PermanentFailure, match="not public"):
            await post(outside, peer.url(host="127.0.0.1"))


async def test_a_redirect_is_an_answer_and_nothing_else(http: Http) -> None:
    async with http_server(host=ALLOWED) as peer, going([ALLOWED]) as outside:
        for status in (301, 302, 303, 307, 308):
            peer.replies(Reply(status, b"", {"Location": http.url()}))
            assert (await post(outside, peer.url(host=ALLOWED))).status == status

    assert http.connections == 0


async def test_a_name_that_leads_to_us_is_refused_whatever_else_it_leads_to(http: Http) -> None:
    for found in (["127.0.0.1"], ["10.0.0.1", "127.0.0.1", "::1"]):
        async with naming(lambda _, found=found: found) as outside:  # type: ignore[misc]
            with pytest.raises(PermanentFailure, match="not public"):
                await post(outside, http.url(host="rebinding.example"))

    assert http.connections == 0


async def test_of_the_addresses_of_a_name_only_those_that_are_allowed_are_connected_to() -> None:
    found = ["127.0.0.1", ALLOWED, "10.0.0.1"]
    async with http_server(host=ALLOWED) as peer, naming(lambda _: found) as outside:
        assert (await post(outside, peer.url(host="both.example"))).status == 200


async def test_a_name_that_leads_somewhere_else_the_second_time_is_looked_at_again() -> None:
    answers = [[ALLOWED], ["127.0.0.1"]]
    async with http_server(host=ALLOWED) as peer, naming(lambda _: answers.pop(0)) as outside:
        peer.replies(Reply(200, b"", {"Connection": "close"}))
        url = peer.url(host="rebinding.example")
        assert (await post(outside, url)).status == 200
        with pytest.raises(PermanentFailure, match=f"rebinding.example:{peer.port} leads to"):
            await post(outside, url)

    assert answers == []


async def test_what_a_name_leads_to_is_an_address_or_refused(http: Http) -> None:
    async with naming(lambda _: ["localhost"]) as outside:
        with pytest.raises(PermanentFailure, match="not public"):
            await post(outside, http.url(host="odd.example"))

    assert http.connections == 0


def nobody(_: str) -> Sequence[str]:
    raise OSError("no such name")


@pytest.mark.parametrize("lookup", [nobody, lambda _: []])
async def test_a_name_that_nobody_knows_is_a_failure_for_now(lookup: Lookup) -> None:
    async with naming(lookup) as outside:
        with pytest.raises(TransientFailure, match=r"https://nobody\.example:443: there is no"):
            await post(outside, "https://nobody.example/secret-path")


async def test_the_system_is_asked_for_names(outside: Outside, http: Http) -> None:
    assert (await post(outside, http.url(host="localhost"))).status == 200
    with pytest.raises(TransientFailure, match="there is no such host"):
        await post(outside, "http://nobody.invalid/")


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
NOT_HTTP = {
    "nothing": Raw(),
    "a piece of a head": Raw(HEAD + b"X: y"),
    "nonsense": Raw(b"\x00\xff nonsense\r\n\r\n:\r\n 001\r\n-\r\n" * 3, "stall"),
    "a number": Raw(b"999 \xff\r\n"),
    "a head without an end": Raw(HEAD + b"X: ", "repeat"),
    "lines without an end": Raw(b"", "repeat"),
    "many lines": Raw(HEAD + b"X: y\r\n" * 100_000, "stall"),
    "no chunks": Raw(HEAD + CHUNKED + b"nonsense\r\n"),
    "nothing at all, for long": Raw(b"", "stall"),
    "half a head, for long": Raw(HEAD, "stall"),
    "wait and wait": Raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "stall"),
}


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_what_is_no_answer_is_a_failure_for_now_and_the_connection_is_given_up(
    http: Http, name: str
) -> None:
    http.replies(NOT_HTTP[name])
    async with going(timeout=SHORT) as outside:
        with pytest.raises(TransientFailure) as failure:
            await post(outside, http.url("/secret-path"))
        await http.until(lambda: not http.open)

    assert f"http://127.0.0.1:{http.port}: " in str(failure.value)
    assert "secret-path" not in str(failure.value)
    assert str(failure.value).isprintable()


BODIES: dict[str, tuple[Raw | Reply, bytes]] = {
    "without an end": (Raw(HEAD + b"\r\n", "repeat"), b"x" * 16384),
    "longer than is read": (Reply(200, b"y" * 1_000_000), b"y" * 16384),
    "that stalls": (Raw(HEAD + b"Content-Length: 9\r\n\r\nabc", "stall"), b"abc"),
    "that breaks off": (Raw(HEAD + b"Content-Length: 9\r\n\r\nabc"), b"abc"),
    "that breaks off in a chunk": (Raw(HEAD + CHUNKED + b"3\r\nabc\r\n9\r\n"), b"abc"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_the_head_is_the_answer_whatever_becomes_of_the_body(http: Http, name: str) -> None:
    says, read = BODIES[name]
    http.replies(says)
    async with going(timeout=SHORT) as outside:
        answer = await post(outside, http.url())
        await http.until(lambda: not http.open)
        http.replies(Reply(200, b"well again"))
        assert (await post(outside, http.url())).body == b"well again"

    assert (answer.status, answer.body) == (200, read)


async def test_nothing_is_unpacked(outside: Outside, http: Http) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    http.replies(Reply(200, bomb[:5000], {"Content-Encoding": "gzip"}))

    assert (await post(outside, http.url())).body == bomb[:5000]


async def test_a_host_that_is_away_rests_and_is_tried_again(http: Http) -> None:
    port = http.port
    async with going(timeout=SHORT) as outside:
        url = f"http://127.0.0.1:{free_port()}/"
        with pytest.raises(TransientFailure, match="Connection refused") as failure:
            await post(outside, url)
        assert not isinstance(failure.value, Absent)
        with pytest.raises(Absent, match="left alone") as absent:
            await post(outside, url)
        assert timedelta() < (absent.value.retry_after or timedelta()) <= SHORT

        assert (await post(outside, f"http://127.0.0.1:{port}/")).status == 200


async def test_after_its_rest_a_host_that_stalled_is_well_again(http: Http) -> None:
    http.replies(Raw(b"", "stall"), Reply(200))
    async with going(timeout=SHORT) as outside:
        with pytest.raises(TransientFailure, match=r"no answer in 0\.4 s"):
            await post(outside, http.url())
        assert (await until_there(outside, http.url())).status == 200
        assert len(http.requests) == 2


async def test_a_host_that_stalls_leaves_places_for_the_others(http: Http) -> None:
    http.replies(Raw(b"", "stall"))
    async with http_server() as well, going(at_once=8) as outside:
        stalled = [asyncio.create_task(post(outside, http.url())) for _ in range(2)]
        await http.until(lambda: len(http.requests) == 2)

        waiting = [asyncio.create_task(post(outside, http.url())) for _ in range(20)]
        assert (await post(outside, well.url())).status == 200
        assert not any(task.done() for task in waiting)

        for task in waiting + stalled:
            task.cancel()
        await asyncio.gather(*waiting, *stalled, return_exceptions=True)
        await http.until(lambda: not http.open)
        assert len(http.requests) == 2


async def test_who_waited_for_a_host_that_did_not_answer_is_sent_away(http: Http) -> None:
    http.replies(Raw(b"", "stall"))
    async with asyncio.timeout(20), going(timeout=SHORT, at_once=4) as outside:
        posts = [post(outside, http.url()) for _ in range(30)]
        first, *others = await asyncio.gather(*posts, return_exceptions=True)

    assert type(first) is InDoubt
    assert {type(other) for other in others} == {Absent}
    assert len(http.requests) == 1


async def test_everybody_comes_to_a_host_that_was_quiet_and_is_well(http: Http) -> None:
    """One host for all of them: so it is with the push service of a browser."""
    async with going(at_once=8) as outside:
        answers = await asyncio.gather(*(post(outside, http.url()) for _ in range(100)))

    assert {answer.status for answer in answers} == {200}
    assert len(http.requests) == 100


async def test_a_host_that_answers_has_all_places(outside: Outside, http: Http) -> None:
    await post(outside, http.url())
    answers = await asyncio.gather(*(post(outside, http.url()) for _ in range(100)))

    assert {answer.status for answer in answers} == {200}
    assert http.connections <= 8


async def test_who_gives_up_leaves_nothing_behind(outside: Outside, http: Http) -> None:
    http.replies(Raw(HEAD + b"Content-Length: 9\r\n\r\nabc", "stall"), Reply(200, b"mine"))
    giving_up = asyncio.create_task(post(outside, http.url()))
    await http.until(lambda: http.requests)
    giving_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving_up

    assert (await post(outside, http.url())).body == b"mine"
    assert [request.connection for request in http.requests] == [1, 2]


@pytest.mark.parametrize("url", ["", "ftp://a.b/", "https://u:p@a.b/", "https://a.b/\r\nX: y"])
async def test_what_is_no_address_fails_for_good(outside: Outside, url: str) -> None:
    with pytest.raises(PermanentFailure):
        await post(outside, url)


async def test_a_host_that_does_not_speak_tls_is_a_failure_for_now(outside: Outside) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 This is no TLS\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransientFailure, match=f"^[^/]*https://127.0.0.1:{port}: TLS failed"):
            await post(outside, f"https://127.0.0.1:{port}/")
