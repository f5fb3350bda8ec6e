"""What the pages ask of push: which addresses there are, and which settings it needs."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from fmn.emission import Content, Recipient
from fmn.errors import PermanentFailure, TransientFailure
from fmn.kinds import Proof
from fmn.model import Key
from fmn.senders.push import Push
from fmn.senders.push.subscription import Subscription
from fmn.senders.push.vapid import LASTS, Vapid, private_key
from tests.peers.push import Fcm, letters

SECRET = b"0123456789abcdef"
FCM = "fcm:dGVzdA:APA91b_x-y"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def raw(key: ec.EllipticCurvePrivateKey) -> str:
    return letters(key.private_numbers().private_value.to_bytes(32))


POINT = letters(point_of(ec.derive_private_key(7, ec.SECP256R1())))
KEYS = f"p256dh={POINT}&auth={letters(SECRET)}"
GOOD = f"https://push.example/abc#{KEYS}"


def push(**settings: Any) -> Push:
    return Push(Push.Settings(**settings))


@pytest.mark.parametrize(
    "address",
    [
        GOOD,
        f"https://push.example:8443/a/b?token=1#{KEYS}",
        f"https://push.example/abc#p256dh={POINT}=&auth={letters(SECRET)}==",
        FCM,
    ],
)
def test_an_address_is_one(address: str) -> None:
    assert push().fault(address) is None


NOT_ON_THE_CURVE = letters(b"\x04" + b"\x01" * 64)
COMPRESSED = letters(
    ec.derive_private_key(7, ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://push.example/abc",
        f"#{KEYS}",
        f"push.example/abc#{KEYS}",
        f"ftp://push.example/abc#{KEYS}",
        f"http://push.example/abc#{KEYS}",
        f"https://alice:pw@push.example/abc#{KEYS}",
        f"https://push.example/{'x' * 9000}#{KEYS}",
        f"https://push.example/abc#x#{KEYS}",
        f"https://push.example/a bc#{KEYS}",
        f"https://push.example/abc#auth={letters(SECRET)}&p256dh={POINT}",
        f"https://push.example/abc#p256dh={NOT_ON_THE_CURVE}&auth={letters(SECRET)}",
        f"https://push.example/abc#p256dh={COMPRESSED}&auth={letters(SECRET)}",
        f"https://push.example/abc#p256dh={POINT[:-1]}&auth={letters(SECRET)}",
        f"https://push.example/abc#p256dh={POINT}&auth={letters(SECRET[1:])}",
        f"https://push.example/abc#p256dh={POINT}&auth={letters(SECRET)}A",
        f"https://push.example/abc#p256dh={POINT}&auth=A",
        f"{GOOD}\r\nX-Evil: 1",
        f"{GOOD}\n",
        "fcm:",
        "fcm:a b",
        "fcm:a/b",
        "fcm:a\n",
        f"fcm:{'x' * 5000}",
    ],
)
async def test_what_is_no_address_is_said_to_be_none_and_nothing_is_sent(address: str) -> None:
    made = push(vapid_key=raw(new_key()))
    why = made.fault(address)
    assert why
    assert why.isprintable()
    async with made:
        with pytest.raises(PermanentFailure) as failure:
            await made.send(Content("push", "a", "b"), Recipient((Key("m:d"),), address, {}))
    assert str(failure.value).isprintable()
    assert POINT[10:] not in str(failure.value)
    assert letters(SECRET)[1:-1] not in str(failure.value)


ODD = st.text(st.sampled_from("[]@:?%/.\u00e9\u3002a1x-")).map("https://{}".format)


@given(
    (st.text(max_size=300) | ODD).flatmap(lambda text: st.sampled_from([text, f"{text}#{KEYS}"]))
)
@example(f"https://\u00e9]b[@?#{KEYS}")
def test_nothing_people_give_makes_it_fall_over(address: str) -> None:
    made = push()
    made.fault(address)
    assert letters(SECRET) not in made.shown(address)


PRIVATE = ["http://127.0.0.1:80/a", "https://127.0.0.1/a", "https://10.0.0.1/a", "https://[::1]/a"]


@pytest.mark.parametrize("endpoint", PRIVATE)
def test_a_private_address_is_refused_unless_it_is_allowed(endpoint: str) -> None:
    address = f"{endpoint}#{KEYS}"
    ours = ("127.0.0.0/8", "10.0.0.0/8", "::1/128")
    assert push().fault(address)
    assert push(private_networks=ours).fault(address) is None


async def test_a_name_of_a_private_address_is_refused_when_it_is_reached() -> None:
    made = push(vapid_key=raw(new_key()))
    address = f"https://localhost/abc#{KEYS}"
    async with made:
        with pytest.raises(PermanentFailure, match="localhost"):
            await made.send(Content("push", "a", "b"), Recipient((Key("m:d"),), address, {}))


def test_an_address_is_shown_without_what_is_secret() -> None:
    assert push().shown(GOOD) == "push service push.example"
    assert push().shown(f"https://alice:pw@push.example:1/abc#{KEYS}") == (
        "push service push.example"
    )
    assert push().shown(FCM) == "Android app"
    assert push().proof(GOOD) is Proof.CODE


def test_nothing_that_is_secret_is_in_the_repr_of_a_subscription() -> None:
    shown = repr(Subscription.of(GOOD))
    assert "abc" not in shown
    assert str(SECRET) not in shown


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://push.example/abc?d", "https://push.example"),
        ("HTTPS://Push.EXAMPLE:443/abc", "https://push.example"),
        ("https://push.example:8443/abc", "https://push.example:8443"),
        ("https://b\u00fccher.example/abc", "https://xn--bcher-kva.example"),
        ("https://[2001:DB8::1]/abc", "https://[2001:db8::1]"),
    ],
)
def test_a_push_service_is_named_as_an_origin_is(endpoint: str, origin: str) -> None:
    """RFC 6454, 6.2."""
    assert Subscription.of(f"{endpoint}#{KEYS}").origin == origin


def test_people_give_the_parts_and_they_make_the_address() -> None:
    (form,) = push().forms
    given_ = {"endpoint": "https://push.example/abc", "p256dh": POINT, "auth": letters(SECRET)}
    assert form.address(given_) == GOOD
    assert {each.name for each in form.fields if each.secret} == {"endpoint", "auth"}


async def test_android_is_offered_where_there_is_an_account(fcm: Fcm, tmp_path: Path) -> None:
    made = push(fcm_credentials=fcm.credentials(tmp_path))
    assert made.lacks is None
    assert made.public_key == ""
    _, android = made.forms
    assert android.address({"token": "abc"}) == "fcm:abc"
    assert [each.secret for each in android.fields] == [True]


def test_it_says_what_it_lacks() -> None:
    assert push().lacks == (
        "senders.push.vapid_key is not set and senders.push.fcm_credentials is not set"
    )
    assert push(vapid_key=raw(new_key())).lacks is None


async def test_what_it_lacks_is_a_failure_for_now() -> None:
    for address in (GOOD, FCM):
        async with push() as made:
            with pytest.raises(TransientFailure, match="is not set"):
                await made.send(Content("push", "a", "b"), Recipient((Key("m:d"),), address, {}))


def as_sec1(key: ec.EllipticCurvePrivateKey) -> str:
    form = PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def as_der(key: ec.EllipticCurvePrivateKey) -> str:
    return letters(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def as_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


FORMS = {"32 bytes": raw, "pkcs8": as_pem, "sec1": as_sec1, "der": as_der}


@pytest.mark.parametrize("form", FORMS)
def test_our_key_may_be_written_in_several_ways(form: str, tmp_path: Path) -> None:
    key = new_key()
    text = FORMS[form](key)
    file = tmp_path / "vapid"
    file.write_text(f"{text}\n")
    for made in (push(vapid_key=text), push(vapid_key_file=str(file))):
        assert made.lacks is None
        assert made.public_key == letters(point_of(key))


def locked(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")
    ).decode()


BAD: dict[str, Callable[[], str]] = {
    "words": lambda: "hush-hush",
    "nothing": lambda: letters(bytes(32)),
    "short": lambda: letters(b"\x01" * 31),
    "other curve": lambda: as_pem(ec.generate_private_key(ec.SECP384R1())),
    "rsa": lambda: as_pem(rsa.generate_private_key(65537, 2048)),
    "locked": lambda: locked(new_key()),
    "not ascii": lambda: "schlüssel",
}


@pytest.mark.parametrize("name", BAD)
def test_a_key_that_is_none_is_lacking_and_not_shown(name: str, tmp_path: Path) -> None:
    file = tmp_path / "vapid"
    text = BAD[name]()
    file.write_text(text)
    wrong = "is no private key of P-256, as PEM or base64url"
    assert push(vapid_key=text).lacks == f"senders.push.vapid_key {wrong}"
    assert push(vapid_key_file=str(file)).lacks == f"senders.push.vapid_key_file {wrong}"
    assert push(vapid_key=text).public_key == ""


def test_a_file_that_went_away_is_said(tmp_path: Path) -> None:
    file = tmp_path / "vapid"
    file.write_text(raw(new_key()))
    made = push(vapid_key_file=str(file))
    file.unlink()
    assert made.lacks == "senders.push.vapid_key_file cannot be read"


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"private_key": 1}', "null"])
def test_an_account_that_is_none_is_lacking(text: str, tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text(text)
    made = push(vapid_key=raw(new_key()), fcm_credentials=str(file))
    assert made.lacks == ("senders.push.fcm_credentials is not the JSON file of a service account")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ttl": "29d"},
        {"timeout": "46s"},
        {"vapid_contact": "admin@fmn.example"},
        {"fcm_url": "fcm.example"},
        {"vapid_key_file": "/nowhere"},
        {"private_networks": ["somewhere"]},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Push.Settings(**wrong)


def test_settings_keep_the_key_to_themselves() -> None:
    made = Push.Settings(vapid_key="hush-hush", private_networks=("10.0.0.0/8",))
    assert "hush-hush" not in repr(made)
    assert made.private_networks == (ip_network("10.0.0.0/8"),)


def test_a_signature_is_kept_until_shortly_before_its_end() -> None:
    now = 1_000_000.0
    vapid = Vapid(new_key(), "", lambda: now)
    first, other = vapid.header("https://a.example"), vapid.header("https://b.example")
    assert first != other
    now += LASTS / 2
    assert vapid.header("https://a.example") == first
    now += LASTS / 2 - 60
    assert vapid.header("https://a.example") != first


def test_a_key_read_from_its_own_text_is_the_same() -> None:
    key = new_key()
    assert private_key(raw(key)).private_numbers() == key.private_numbers()
