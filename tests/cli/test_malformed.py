"""The verbs that look at the queues say what they can, whatever stands there."""

import json

from redis import Redis

from fmn.cli.pages import QueuesOfPages
from fmn.queues import keys
from fmn.queues.connection import connect
from fmn.render.content import Templates
from fmn.web.pages.admin import sums_of
from fmn.web.pages.admin_dead import readable
from tests.cli.conftest import Fmn, json_lines


def test_what_operators_ask_is_answered_whatever_the_queues_hold(fmn: Fmn, valkey: str) -> None:
    with Redis.from_url(valkey) as server:
        server.set(keys.CHANNELS, 1)
        server.hset(keys.counts(0), mapping={"made email": "many", b"\xff": "x", "worker ": "1"})
        server.hset(keys.counts(0), mapping={"taken": "-5", "unknown 2": "3", "wait x": "y"})
        for stream in (keys.channel(0), keys.outbox(0, "email"), keys.log(0), keys.dead(0)):
            server.xadd(stream, {"v": "1", "n": "lots", "d": b"\xff"})
            server.xadd(stream, {b"\xff": b"\xff"})
        server.zadd(keys.retry(0, "email"), {b"no head": 1, b"x 1 -9\n": 2, b"x 1 4\n": 3})
    environ = {"FMN_QUEUES__URL": valkey}

    ledger = json.loads(fmn("ledger", "--json", environ=environ, expect=1).stdout)
    assert ledger["messages"]["waiting"] == 2
    assert ledger["messages"]["residual"] == -5 - 2  # counted as taken by somebody; never taken
    assert ledger["notifications"]["retrying"] == 4
    assert ledger["unknown_versions"] == {"2": 3}
    fmn("ledger", environ=environ, expect=1)
    report = json.loads(fmn("report", "--json", environ=environ).stdout)
    assert report["lanes"][0]["retrying"] == 4
    fmn("report", environ=environ)

    letters = json_lines(fmn("dead", "list", "--json", environ=environ).stdout)
    assert [letter["what"] for letter in letters] == ["dead letter", "dead letter"]
    assert "n is no count: b'lots'" in letters[0]["why"]
    shown = json.loads(fmn("dead", "show", letters[0]["id"], environ=environ).stdout)
    assert ["n", "lots"] in shown["held"]["fields"]
    assert "v is no version" in fmn("dead", "list", environ=environ).stderr


def test_a_key_of_another_type_is_named_and_not_a_crash(fmn: Fmn, valkey: str) -> None:
    with Redis.from_url(valkey) as server:
        server.set(keys.CHANNELS, 1)
        server.set(keys.counts(0), "a string")
    said = fmn("ledger", environ={"FMN_QUEUES__URL": valkey}, expect=1).stderr
    assert "WRONGTYPE" in said


async def test_the_pages_of_operators_have_an_answer_too(valkey: str) -> None:
    async with connect(valkey) as connection:
        await connection.do("SET", keys.CHANNELS, 1)
        await connection.do("HSET", keys.counts(0), "taken", "?", "made email", "1", "unknown 2", 3)
        await connection.do("XADD", keys.dead(0), "*", "d", b"\xff")
        await connection.do("ZADD", keys.alive(0), "-inf", b"\xff", 1, "worker@a")
        queues = QueuesOfPages(connection, Templates(), 2)
        sums = list(sums_of(await queues.ledger()))
        load = await queues.load()
        letters = [readable(letter) for letter in await queues.dead_letters()]
        crew = [name for name, _ in await queues.processes()]
    assert [(one.of, one.residual) for one in sums] == [("messages", 0), ("notifications", 1)]
    assert load["channels"][0]["messages"] == 0
    assert [letter["what"] for letter in letters] == ["dead letter"]
    assert crew == ["worker@a"]
