from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.egress import fault

GOOD = [
    "https://hooks.example.org/fmn",
    "http://hooks.example.org",
    "HTTPS://Hooks.Example.ORG:8443/a/b?c=d&e=%2F#f",
    "https://my_host.example.org./",
    "https://xn--bcher-kva.example/",
    "https://bücher.example/pfad",
    "http://192.0.2.1:8080/",
    "http://[2001:db8::1]:8080/",
    "http://localhost/",
    "https://a.b/" + "x" * 1900,
]
BAD = [
    "",
    "example.org",
    "//example.org/",
    "ftp://example.org/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https:///path",
    "https://",
    "https://:443/",
    "https://user@example.org/",
    "https://user:password@example.org/",
    "https://:password@example.org/",
    "https://@example.org@127.0.0.1/",
    "https://example.org:0/",
    "https://example.org:65536/",
    "https://example.org:port/",
    "https://example.org\\@127.0.0.1/",
    "https://example.org/a b",
    "https://example.org/\r\nHost: other",
    "https://example.org/\x00",
    "https://example.org/\u2028",
    "https://exa mple.org/",
    "https://-example.org/",
    "https://example..org/",
    "https://" + "a" * 64 + ".org/",
    "https://" + "a." * 127 + "org/",
    "https://exa%6dple.org/",
    "https://[::1/",
    "https://[nonsense]/",
    "https://\u00e9]b[@?#secret=0123456789abcdef",
    "https://a.b/" + "x" * 2000,
    # an address of IPv4 to some, a name to others
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.0.1./",
    "http://1.2.3.4.5/",
    "http://256.1.1.1/",
    "http://\uff12\uff11\uff13\uff10\uff17\uff10\uff16\uff14\uff13\uff13/",  # wide digits
]


@pytest.mark.parametrize("url", GOOD)
def test_an_address_to_post_to_has_no_fault(url: str) -> None:
    assert fault(url) is None


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_address_to_post_to_has_one_and_it_does_not_repeat_it(url: str) -> None:
    why = fault(url)

    assert why
    assert not url or url not in why


ODD = st.text(st.sampled_from("[]@:?#%/.\u00e9\u3002a1x-"))
"""Of these an address is made, and what is nearly one."""


@given(st.text() | ODD)
def test_whatever_is_given_there_is_an_answer(text: str) -> None:
    assert fault(text) is not None
    for given_ in (f"https://{text}", f"http://a.b/{text}", f"http://a.b:{text}/"):
        why = fault(given_)
        assert why is None or why.isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.1.2.3]/",
        "http://127\u30020\u30020\u30021/",  # dots of another script
    ],
)
def test_an_ip_address_is_looked_at_where_that_is_asked_for(url: str) -> None:
    assert fault(url) is None
    assert fault(url, ()) == "an address that is not public"
    assert fault(url, [ip_network("0.0.0.0/0"), ip_network("::/0")]) is None


def test_a_name_is_not_looked_up_for_that() -> None:
    assert fault("http://localhost/", ()) is None
