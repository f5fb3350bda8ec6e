"""Whose fault it is that nothing was written on Matrix, and whether it was."""

import json
from typing import Any

import pytest

from fmn.errors import FmnError, InDoubt, PeerAway
from fmn.errors import TransientFailure as Transient
from fmn.senders.matrix import Matrix
from tests.peers import free_port
from tests.peers.http import Http, Raw, Reply, Request, http_server
from tests.senders.test_matrix import CONTENT, SHORT, TOKEN, scripted, to

ALICE = to("@alice:fmn.test")
PASSWORD = {"access_token": "", "password": "hunter2"}
ELSEWHERE = {"homeserver": "https://m.example", "user": "@b:m.example", "access_token": "x"}
OTHERS = {"instances": {"m.example": ELSEWHERE}}
ERROR = b'{"errcode": "M_UNKNOWN", "error": "no"}'
ROOM = {"@alice:fmn.test": ["!there:fmn.test"], "membership": "join", "access_token": "mine"}


def there(**instead: Reply | Raw) -> Any:
    """Answer as a homeserver that knows everything, but for targets that hold these words."""

    def answer(request: Request) -> Reply | Raw:
        for word, reply in instead.items():
            if word in request.target:
                return reply
        return Reply(200, json.dumps(ROOM).encode())

    return answer


async def failing(matrix: Matrix) -> FmnError:
    with pytest.raises(FmnError) as raised:
        await matrix.send(CONTENT, ALICE)
    assert not [word for word in ("hunter2", TOKEN) if word in str(raised.value)]
    return raised.value


@pytest.mark.parametrize(("more", "failure"), [({}, PeerAway), (OTHERS, Transient)])
async def test_where_nobody_listens_the_only_homeserver_is_away(
    more: dict[str, Any], failure: type[FmnError]
) -> None:
    async with scripted(free_port(), **more) as matrix:
        failed = await failing(matrix)

    assert type(failed) is failure
    assert isinstance(failed, Transient)
    assert failed.retry_after


LOGINS = [
    Reply(403, b'{"errcode": "M_FORBIDDEN", "error": "Invalid password"}'),
    Reply(403, b'{"errcode": "M_USER_DEACTIVATED"}'),
    Reply(429, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 5000}'),
    Reply(500, ERROR),
    Reply(200, b"{}"),
]


@pytest.mark.parametrize(("more", "failure"), [({}, PeerAway), (OTHERS, Transient)])
@pytest.mark.parametrize("answer", LOGINS, ids=str)
async def test_a_login_that_is_refused_is_a_fault_that_hits_all(
    http: Http, answer: Reply, more: dict[str, Any], failure: type[FmnError]
) -> None:
    http.answer = there(login=answer)
    async with scripted(http.port, **PASSWORD, **more) as matrix:
        for _ in range(2):
            assert type(await failing(matrix)) is failure


async def test_a_token_that_is_not_valid_is_a_fault_that_hits_all(http: Http) -> None:
    http.replies(Reply(401, b'{"errcode": "M_UNKNOWN_TOKEN"}'))
    async with scripted(http.port) as matrix:
        assert type(await failing(matrix)) is PeerAway


ANSWERS = [
    ("direct", Reply(502, b"<html>Bad Gateway</html>"), PeerAway),
    ("direct", Reply(503, b"{}"), PeerAway),
    ("direct", Reply(504, b""), PeerAway),
    ("direct", Raw(b"", "stall"), PeerAway),
    ("direct", Reply(302, b"", {"Location": "/"}), PeerAway),
    ("direct", Reply(500, ERROR), Transient),
    ("member", Reply(502, ERROR), Transient),  # the person's own server
    ("member", Raw(b"", "stall"), Transient),
    ("member", Raw(b""), Transient),
    ("send", Reply(500, ERROR), Transient),
    ("send", Reply(429, b'{"errcode": "M_LIMIT_EXCEEDED"}'), Transient),
    ("send", Reply(404, b"<html>"), Transient),
]


@pytest.mark.parametrize(("word", "answer", "failure"), ANSWERS, ids=str)
async def test_who_is_to_blame(
    http: Http, word: str, answer: Reply | Raw, failure: type[FmnError]
) -> None:
    http.answer = there(**{word: answer})
    async with scripted(http.port, timeout=SHORT) as matrix:
        assert type(await failing(matrix)) is failure


LOST = [
    Raw(b""),
    Raw(b"", "stall"),
    Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    Reply(200, b"nonsense"),
]


@pytest.mark.parametrize("answer", LOST, ids=str)
@pytest.mark.parametrize(
    ("login", "failure"),
    # One device for all processes: its transaction ids make a retry harmless. Another for each:
    # it is another process that may try again.
    [({}, Transient), (PASSWORD, InDoubt)],
    ids=["token", "password"],
)
async def test_what_was_written_and_not_answered_is_in_doubt_unless_all_are_one_device(
    http: Http, answer: Reply | Raw, login: dict[str, Any], failure: type[FmnError]
) -> None:
    http.answer = there(send=answer)
    async with scripted(http.port, timeout=SHORT, **login) as matrix:
        assert type(await failing(matrix)) is failure

    assert "/send/" in [one for one in http.requests if one.method == "PUT"][-1].target


@pytest.mark.parametrize("word", ["direct", "member", "login"])
async def test_an_answer_that_was_lost_before_anything_was_written_is_no_doubt(word: str) -> None:
    async with http_server() as http, scripted(http.port, **PASSWORD) as matrix:
        http.answer = there(**{word: Raw(b"")})
        assert type(await failing(matrix)) is Transient
