"""Chat through Apprise, in processes of its own, against servers on loopback."""

import ssl
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from fmn.emission import FOOTER, Content, Recipient
from fmn.errors import (
    Absent,
    AddressGone,
    AddressRefused,
    InDoubt,
    PermanentFailure,
    TransientFailure,
)
from fmn.model import Key
from fmn.senders.chat import Chat
from fmn.senders.chat.services import SERVICES
from fmn.senders.chat.words import APART
from tests.peers import free_port
from tests.peers.chat import Chats, certified, chat_server, resolving, speaking

pytestmark = pytest.mark.real

LOOPBACK = ("127.0.0.1/32",)
TOKEN = "aB3dE5gH7jK9"  # noqa: S105  # nobody's
LINK = "https://koji.example/task?id=1_2*3"
CONTENT = Content("chat", "kernel *failed*", f"kernel failed <!channel> {LINK}\n{FOOTER}")
TITLE, TEXT = r"kernel \*failed\*", f"kernel failed <{APART}!channel> {LINK}\nWhy"


def chat(**more: Any) -> Chat:
    networks = tuple(map(ip_network, more.pop("private_networks", LOOPBACK)))
    return Chat(Chat.Settings(private_networks=networks, **{"timeout": "20s", **more}))


def to(address: str) -> Recipient:
    return Recipient(keys=(Key("m1:d1"),), address=address, rules={}, footer="Why")


def mattermost(peer: Chats, host: str = "127.0.0.1") -> Recipient:
    return to(f"mattermost:{host}:{peer.port}/{TOKEN}")


async def test_mattermost_is_told(chats: Chats) -> None:
    async with chat() as sender:
        assert sender.at_once == 4
        await sender.send(CONTENT, mattermost(chats))

    (told,) = chats.told
    assert told.path == f"/hooks/{TOKEN}"
    assert told.json == {"text": f"{TITLE}\r\n{TEXT}", "username": "fmn"}


async def test_rocketchat_is_told(chats: Chats) -> None:
    async with chat() as sender:
        await sender.send(CONTENT, to(f"rocketchat:127.0.0.1:{chats.port}/h00kh00k/{TOKEN}"))

    (told,) = chats.told
    assert told.path == f"/hooks/h00kh00k/{TOKEN}"
    assert told.json["text"].endswith(TEXT)
    assert TITLE in told.json["text"]


async def test_ntfy_is_told(chats: Chats) -> None:
    async with chat() as sender:
        await sender.send(CONTENT, to(f"ntfy:127.0.0.1:{chats.port}/my-topic"))

    assert chats.told[0].json == {"topic": "my-topic", "title": CONTENT.subject, "message": TEXT}


async def test_gotify_is_told(chats: Chats) -> None:
    async with chat() as sender:
        await sender.send(CONTENT, to(f"gotify:127.0.0.1:{chats.port}/{TOKEN}"))

    (told,) = chats.told
    assert told.path == "/message"
    assert told.headers["x-gotify-key"] == TOKEN
    assert (told.json["title"], told.json["message"]) == (CONTENT.subject, TEXT)


TEAMS = (
    "/workflows/643e69f83c8944/triggers/manual/paths/invoke?api-version=2016-06-01"
    "&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0"
)
FIXED = {
    f"slack:T1JJ3T3L2/B1BRTD4JD/{TOKEN * 2}": (
        "hooks.slack.com",
        f"/services/T1JJ3T3L2/B1BRTD4JD/{TOKEN * 2}",
    ),
    f"discord:123456789012345678/{TOKEN * 5}": (
        "discord.com",
        f"/api/webhooks/123456789012345678/{TOKEN * 5}",
    ),
    f"telegram:123456789:{TOKEN * 3}/-100123456": (
        "api.telegram.org",
        f"/bot123456789:{TOKEN * 3}/sendMessage",
    ),
    f"mattermost:chat.example.org/{TOKEN}": ("chat.example.org", f"/hooks/{TOKEN}"),
    f"rocketchat:rocket.example.org/h00kh00k/{TOKEN}": (
        "rocket.example.org",
        f"/hooks/h00kh00k/{TOKEN}",
    ),
    f"msteams:prod-00.westeurope.logic.azure.com/643e69f83c8944/{TOKEN}": (
        "prod-00.westeurope.logic.azure.com",
        f"{TEAMS}&sig={TOKEN}",
    ),
    f"googlechat:AAAAabc_-12/AIzaSyDdI0hCZt/{TOKEN}": (
        "chat.googleapis.com",
        f"/v1/spaces/AAAAabc_-12/messages?token={TOKEN}&key=AIzaSyDdI0hCZt",
    ),
    f"zulip:acme/fmn/{'a1B2c3D4' * 4}/größe": ("acme.zulipchat.com", "/api/v1/messages"),
    "ntfy:ntfy.sh/my-topic": ("ntfy.sh", "/"),
    f"gotify:push.example.org/{TOKEN}": ("push.example.org", "/message"),
    f"webex:{TOKEN * 8}": ("api.ciscospark.com", f"/v1/webhooks/incoming//{TOKEN * 8}"),
    f"pushover:{'u1' * 15}/{'t2' * 15}": ("api.pushover.net", "/1/messages.json"),
    f"pushbullet:o.{TOKEN * 2}": ("api.pushbullet.com", "/v2/pushes"),
}
"""Address → the host and the path where the service's own documentation wants it."""


HOSTS = sorted({host for host, _ in FIXED.values()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("everywhere")


@pytest.fixture(scope="module")
def context(folder: Path) -> ssl.SSLContext:
    return certified(folder, HOSTS)


async def test_every_service_is_told_at_its_own_host_over_tls(
    folder: Path, context: ssl.SSLContext
) -> None:
    """No name leads outside: this process's own children find one peer under all of them."""
    async with chat_server(context=context) as peer:
        with resolving(folder, peer):
            async with chat() as sender:
                for address in FIXED:
                    await sender.send(CONTENT, to(address))

    assert {address.partition(":")[0] for address in FIXED} == set(SERVICES)
    for told, (host, path) in zip(peer.told, FIXED.values(), strict=True):
        assert told.headers["host"].partition(":")[0] == host
        assert told.path == path
        assert f"<{APART}!channel".encode() in told.plain
        assert b"<!channel" not in told.plain
        assert LINK.encode() in told.plain


async def test_a_name_that_leads_into_a_private_network_is_refused_for_good(
    folder: Path, context: ssl.SSLContext
) -> None:
    async with chat_server("127.0.0.2", context) as peer:
        with resolving(folder, peer, "127.0.0.2"):
            async with chat() as sender:
                with pytest.raises(PermanentFailure, match=r"Slack: .* not public"):
                    await sender.send(CONTENT, to(next(iter(FIXED))))

    assert peer.asked.is_set() is False


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_into_a_private_network_nor_elsewhere(
    chats: Chats, status: int
) -> None:
    async with chat_server("127.0.0.2") as private, chat_server() as public:
        for target in (f"127.0.0.2:{private.port}", f"127.0.0.1:{public.port}"):
            chats.refuse(status, Location=f"http://{target}/hooks/x")
            async with chat() as sender:
                with pytest.raises(AddressRefused, match=f"{status} .*redirects are not followed"):
                    await sender.send(CONTENT, mattermost(chats))

    assert len(chats.told) == 2
    assert private.told == public.told == []


async def test_a_host_in_a_private_network_is_refused_before_anybody_is_asked() -> None:
    async with chat_server("127.0.0.2") as private, chat() as sender:
        with pytest.raises(PermanentFailure, match="not a public address"):
            await sender.send(CONTENT, mattermost(private, "127.0.0.2"))

    assert speaking() == []


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (404, AddressRefused),
        (410, AddressGone),
        (401, AddressRefused),
        (403, AddressRefused),
        (400, PermanentFailure),
        (413, PermanentFailure),
        (408, TransientFailure),
        (429, TransientFailure),
        (500, TransientFailure),
        (503, TransientFailure),
    ],
)
async def test_the_status_says_whether_it_is_for_good(
    chats: Chats, status: int, failure: type[Exception]
) -> None:
    chats.refuse(status, b'{"message": "no such hook"}', Content_Type="application/json")
    async with chat() as sender:
        with pytest.raises(failure, match=f"Mattermost at .*: {status} .*no such hook") as raised:
            await sender.send(CONTENT, mattermost(chats))

    assert type(raised.value) is failure
    assert len(chats.told) == 1


GONE_AT = {"slack": AddressGone, "discord": AddressGone, "telegram": AddressRefused}


async def test_404_is_the_end_only_where_the_service_says_so(
    folder: Path, context: ssl.SSLContext
) -> None:
    """Slack and Discord answer it for a webhook that was deleted."""
    async with chat_server(context=context) as peer:
        peer.refuse(404)
        with resolving(folder, peer):
            async with chat() as sender:
                for address in FIXED:
                    failure = GONE_AT.get(address.partition(":")[0], AddressRefused)
                    with pytest.raises(failure) as raised:
                        await sender.send(CONTENT, to(address))
                    assert type(raised.value) is failure


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_what_was_taken_is_not_said_again_however_slow_the_rest_of_the_answer(
    chats: Chats, status: int
) -> None:
    chats.answer = f"HTTP/1.1 {status} Taken\r\nContent-Length: 99999\r\n\r\n".encode()
    chats.drips = b"y"
    async with chat(timeout="3s", processes=1) as sender:
        await sender.send(CONTENT, mattermost(chats))

    assert len(chats.told) == 1


async def test_slack_has_taken_it_even_if_its_words_do_not_come(
    folder: Path, context: ssl.SSLContext
) -> None:
    async with chat_server(context=context) as peer:
        peer.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        with resolving(folder, peer):
            async with chat() as sender:
                await sender.send(CONTENT, to(next(iter(FIXED))))

    assert len(peer.told) == 1


async def test_a_refusal_counts_however_slow_its_words_are(chats: Chats) -> None:
    chats.answer = b"HTTP/1.1 410 Gone\r\nContent-Length: 99999\r\n\r\nno such hook "
    chats.drips = b"y"
    async with chat(timeout="3s", processes=1) as sender:
        with pytest.raises(AddressGone, match="410 Gone: no such hook"):
            await sender.send(CONTENT, mattermost(chats))


async def test_what_apprise_does_not_take_fails_for_good_and_is_not_the_hosts_fault(
    chats: Chats,
) -> None:
    nothing = replace(CONTENT, subject="", text="")
    async with chat() as sender:
        with pytest.raises(PermanentFailure, match="does not take it"):
            await sender.send(nothing, mattermost(chats))
        await sender.send(CONTENT, mattermost(chats))

    assert len(chats.told) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_when_to_come_back_is_passed_on(chats: Chats, status: int) -> None:
    chats.refuse(status, Retry_After="7")
    async with chat() as sender:
        with pytest.raises(TransientFailure) as raised:
            await sender.send(CONTENT, mattermost(chats))

    assert raised.value.retry_after == timedelta(seconds=7)


async def test_where_discord_is_busy_nobody_waits_in_the_process(
    folder: Path, context: ssl.SSLContext
) -> None:
    """Apprise by itself would sleep, then ask again."""
    async with chat_server(context=context) as peer:
        peer.refuse(429, X_RateLimit_Remaining="0", X_RateLimit_Reset="9999999999")
        with resolving(folder, peer):
            async with chat() as sender:
                with pytest.raises(TransientFailure, match="Discord: 429"):
                    await sender.send(CONTENT, to(list(FIXED)[1]))

    assert len(peer.told) == 1


async def test_what_is_secret_is_not_in_what_a_peer_says(chats: Chats) -> None:
    chats.refuse(400, f"/hooks/{TOKEN} or {TOKEN.upper()}: no".encode())
    async with chat() as sender:
        with pytest.raises(PermanentFailure) as raised:
            await sender.send(CONTENT, mattermost(chats))

    assert TOKEN.lower() not in str(raised.value).lower()
    assert "/hooks/… or …: no" in str(raised.value)


async def test_a_long_text_is_one_message_that_says_it_was_cut(chats: Chats) -> None:
    long = replace(CONTENT, subject="s" * 500, text="word " * 10_000)
    async with chat() as sender:
        for name, address in {
            "mattermost": f"mattermost:127.0.0.1:{chats.port}/{TOKEN}",
            "rocketchat": f"rocketchat:127.0.0.1:{chats.port}/h00kh00k/{TOKEN}",
        }.items():
            chats.told.clear()
            await sender.send(long, to(address))
            (told,) = chats.told
            assert len(told.json["text"]) <= SERVICES[name].longest + 20
            assert told.json["text"].endswith("(cut here)")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff nonsense\r\n\r\n:\r\n" * 3,
        b"x" * 1_000_000,
        b"999 \xff\r\n",
        b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 5_000_000,
        b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nx",
    ],
)
async def test_an_answer_that_is_none_is_a_failure_for_now(chats: Chats, answer: bytes) -> None:
    chats.answer = answer
    async with chat() as sender:
        with pytest.raises(TransientFailure, match=f"Mattermost at 127.0.0.1:{chats.port}") as why:
            await sender.send(CONTENT, mattermost(chats))

    assert str(why.value).isprintable()
    assert len(str(why.value)) < 500


async def test_a_peer_that_is_away_is_a_failure_for_now_that_names_it() -> None:
    port = free_port()
    async with chat() as sender:
        with pytest.raises(TransientFailure, match=f"127.0.0.1:{port}: Connection refused"):
            await sender.send(CONTENT, mattermost(Chats(port)))


async def test_a_peer_that_says_nothing_costs_itself_only(chats: Chats) -> None:
    async with chat(timeout="2s", processes=1) as sender, chat_server() as other:
        await sender.send(CONTENT, mattermost(other))
        chats.answer = None
        with pytest.raises(TransientFailure, match="no answer in time"):
            await sender.send(CONTENT, mattermost(chats))
        with pytest.raises(Absent, match="left alone for a while"):
            await sender.send(CONTENT, mattermost(chats))
        await sender.send(CONTENT, mattermost(other))

    assert len(chats.told) == 1
    assert len(other.told) == 2


LOST = [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n", None]


@pytest.mark.parametrize("answer", LOST)
async def test_what_was_told_and_not_answered_is_in_doubt(
    chats: Chats, answer: bytes | None
) -> None:
    chats.answer = answer
    async with chat(timeout="2s") as sender:
        with pytest.raises(TransientFailure) as failed:
            await sender.send(CONTENT, mattermost(chats))

    assert len(chats.told) == 1
    assert type(failed.value) is InDoubt


@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
async def test_where_nobody_listens_there_is_no_doubt(host: str) -> None:
    async with chat() as sender:
        with pytest.raises(TransientFailure) as failed:
            await sender.send(CONTENT, mattermost(Chats(free_port()), host))

    assert type(failed.value) is TransientFailure


async def test_with_a_certificate_nobody_knows_there_is_no_doubt(
    folder: Path, context: ssl.SSLContext, tmp_path: Path
) -> None:
    """`folder` holds the certificate that is trusted; the server has another."""
    assert context
    async with chat_server(context=certified(tmp_path, HOSTS)) as peer:
        with resolving(folder, peer):
            async with chat() as sender:
                with pytest.raises(TransientFailure, match="not trusted") as failed:
                    await sender.send(CONTENT, mattermost(peer, "chat.example.org"))

    assert type(failed.value) is TransientFailure
    assert peer.told == []
