"""What people give of a chat service, and what may be said there."""

import re
import subprocess
import sys
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fmn.kinds import Proof
from fmn.senders.chat import Chat
from fmn.senders.chat.services import SERVICES
from fmn.senders.chat.words import APART, cut, said

TOKEN = "aB3dE5gH7jK9"  # noqa: S105  # nobody's
GIVEN = {
    "slack": {"team": "T1JJ3T3L2", "webhook": "B1BRTD4JD", "token": TOKEN * 2},
    "discord": {"webhook": "123456789012345678", "token": TOKEN * 5},
    "telegram": {"token": f"123456789:{TOKEN * 3}", "chat": "-100123456"},
    "mattermost": {"host": "chat.example.org:8443", "token": TOKEN},
    "rocketchat": {"host": "chat.example.org", "webhook": "h00kH00kH00k", "token": TOKEN},
    "msteams": {
        "host": "prod-00.westeurope.logic.azure.com:443",
        "workflow": "643e69f83c8944",
        "signature": TOKEN,
    },
    "googlechat": {"space": "AAAAabc_-12", "key": "AIzaSyDdI0hCZt", "token": TOKEN},
    "zulip": {"organization": "acme", "bot": "fmn", "token": "a1B2c3D4" * 4, "channel": "builds"},
    "ntfy": {"host": "ntfy.sh", "topic": "my-topic-42"},
    "gotify": {"host": "push.example.org", "token": TOKEN},
    "webex": {"token": TOKEN * 8},
    "pushover": {"user": "u1" * 15, "token": "t2" * 15},
    "pushbullet": {"token": f"o.{TOKEN * 2}"},
}
CHAT = Chat(Chat.Settings())
FORMS = dict(zip(SERVICES, CHAT.forms, strict=True))
ADDRESSES = {name: FORMS[name].address(given) for name, given in GIVEN.items()}
FIELDS = [(name, field) for name, given in GIVEN.items() for field in given]


def secrets(name: str) -> list[str]:
    return [GIVEN[name][field.name] for field in FORMS[name].fields if field.secret]


def test_each_service_is_tried_here() -> None:
    assert list(GIVEN) == list(SERVICES)
    assert ADDRESSES["slack"] == f"slack:T1JJ3T3L2/B1BRTD4JD/{TOKEN * 2}"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_form_makes_is_an_address(name: str) -> None:
    assert CHAT.fault(ADDRESSES[name]) is None
    assert CHAT.proof(ADDRESSES[name]) is Proof.CODE
    assert all(field.label and field.hint for field in FORMS[name].fields)


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_secret_in_an_address_is_not_shown(name: str) -> None:
    shown = CHAT.shown(ADDRESSES[name])

    assert shown.startswith(SERVICES[name].title)
    assert secrets(name)
    assert not any(secret in shown for secret in secrets(name))


def test_a_host_that_people_gave_is_shown() -> None:
    assert CHAT.shown(ADDRESSES["mattermost"]) == "Mattermost at chat.example.org:8443"
    assert CHAT.shown(ADDRESSES["slack"]) == "Slack"


@pytest.mark.parametrize(("name", "field"), FIELDS)
@pytest.mark.parametrize(
    "more",
    ["/x", "?a=b", "#a", "@evil.example", "%2Fx", "\n", "\r\nX: y", " ", "\x00", "&a", ","],
)
def test_no_field_becomes_more_than_it_is(name: str, field: str, more: str) -> None:
    given = GIVEN[name] | {field: GIVEN[name][field] + more}
    fault = CHAT.fault(FORMS[name].address(given))

    assert fault is not None
    assert not any(secret in fault for secret in secrets(name))


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_no_field_may_be_empty(name: str, field: str) -> None:
    assert CHAT.fault(FORMS[name].address(GIVEN[name] | {field: ""})) is not None


@pytest.mark.parametrize(
    "host", ["localhost", "a..b", "-a.example", "a.example:0", "a.example:65536", "::1", "[::1]"]
)
def test_a_host_is_a_whole_name(host: str) -> None:
    assert "Server" in (CHAT.fault(f"mattermost:{host}/{TOKEN}") or "")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1:8065", "169.254.169.254", "127.1", "1.2"),
        *("0x7f.1", "0X7F.1:8065", "127.0x1", "chat.0x"),
    ],
)
def test_a_host_in_a_private_network_is_none(host: str) -> None:
    assert CHAT.fault(f"mattermost:{host}/{TOKEN}") is not None


def test_a_host_in_a_private_network_that_is_allowed_is_one() -> None:
    chat = Chat(Chat.Settings(private_networks=(ip_network("10.0.0.0/8"),)))

    assert chat.fault(f"mattermost:10.0.0.1:8065/{TOKEN}") is None
    assert chat.fault(f"mattermost:192.168.0.1:8065/{TOKEN}") is not None


def test_only_an_address_in_our_own_networks_is_spoken_to_without_tls() -> None:
    service, ours = SERVICES["mattermost"], [ip_network("10.0.0.0/8")]

    def scheme(host: str) -> str:
        return service.url({"host": host, "token": TOKEN}, ours).partition(":")[0]

    assert scheme("10.0.0.1:8065") == "mmost"
    assert scheme("chat.example.org") == "mmosts"
    assert scheme("11.0.0.1") == "mmosts"


@pytest.mark.parametrize(
    "address", ["", "slak:a", "nosuch:a/b", "https://hooks.slack.com/services"]
)
def test_for_an_unknown_service_it_says_which_there_are(address: str) -> None:
    fault = CHAT.fault(address) or ""

    assert all(name in fault for name in SERVICES)
    assert CHAT.shown(address) == "chat"


def test_the_operator_says_which_services_there_are() -> None:
    chat = Chat(Chat.Settings(services=("slack", "ntfy")))

    assert [form.title for form in chat.forms] == ["Slack", "ntfy"]
    assert "not an address of slack, ntfy:" in (chat.fault(ADDRESSES["discord"]) or "")
    assert chat.fault(ADDRESSES["ntfy"]) is None


def test_a_service_that_nobody_knows_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValidationError, match=r"'slak' is none of slack, discord, .*pushbullet"):
        Chat.Settings(services=("slak",))


def test_it_says_what_it_lacks() -> None:
    without = "import sys; sys.modules['apprise'] = None\nfrom fmn.senders.chat import Chat\n"
    ask = f"{without}print(Chat(Chat.Settings()).lacks)"
    said = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True)

    assert said.stdout == "apprise is not installed: it comes with the extra fmn[chat]\n"
    assert CHAT.lacks is None
    assert Chat(Chat.Settings(services=())).lacks == "senders.chat.services is empty"


@pytest.mark.parametrize(
    "call",
    [
        *("@everyone", "@here", "@Channel", "@all", "@**all**", "@_**everyone**"),
        *("@channel_", "@all_", "@channel1", "@everyones"),
        *("<!channel>", "<!here|here>", "<@U12345>", "<@&123>", "<@all>", "<users/all>"),
    ],
)
@pytest.mark.parametrize("reads", ["raw", "markdown", "escaped"])
def test_nobody_is_called_by_what_a_text_says(call: str, reads: str) -> None:
    plain = said(f"look {call} now", reads).replace("\\", "")  # type: ignore[arg-type]

    assert call not in plain
    assert plain.replace(APART, "") == f"look {call} now"


@pytest.mark.parametrize("link", ["[bank](https://evil.example)", "<https://evil.example|bank>"])
def test_no_link_hides_behind_words(link: str) -> None:
    assert link not in said(link, "raw")


@pytest.mark.parametrize(
    "text",
    ["https://b.example/a_b*c?d=e_f#g~h", "a@b.example", "1 < 2"],
)
@pytest.mark.parametrize("reads", ["raw", "markdown", "escaped"])
def test_links_stay_as_they_are(text: str, reads: str) -> None:
    assert said(text, reads) == text  # type: ignore[arg-type]


def test_where_markdown_is_read_signs_lose_their_meaning() -> None:
    assert said("*a* _b_ `c` # ~~d~~ \\", "markdown") == r"\*a\* \_b\_ \`c\` \# \~\~d\~\~ \\"
    assert said("*a*", "raw") == "*a*"


@given(st.text(alphabet=st.sampled_from("@<!#&[]() ehrvyonal|*_:/\n"), max_size=60))
def test_what_is_said_is_the_text_itself(text: str) -> None:
    assert said(text, "raw").replace(APART, "") == text
    assert not re.search(r"@everyone|@here|@all|<!|<@|\]\(", said(text, "raw"))


@given(st.text(max_size=50), st.integers(20, 40))
def test_a_text_that_is_cut_says_so(text: str, longest: int) -> None:
    short = cut(text, longest)

    assert len(short) <= longest
    assert short == text or short.endswith("(cut here)")
