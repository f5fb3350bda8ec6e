"""What is said of an address that cannot be: of every kind there is, and never with a secret."""

from collections.abc import Iterator

import pytest

from fmn.kinds import AddressForm, Kind, kinds, load

SECRET = "hush0hush0hush0hush0hush0hush00"  # noqa: S105  # of nobody
HOSTS = ("example.org", "127.0.0.1", "host:port", "", f"user:{SECRET}@example.org")
ENDINGS = ("", " ", "\n", "/", "#", f"#secret={SECRET}", f"#secret=whsec_{SECRET}", "é", "x" * 3000)


def a_kind(name: str) -> Kind:
    """Return a kind as it is without any setting."""
    made = load(kinds("fmn.senders")[name])
    kind: Kind = made(made.Settings())
    return kind


def wrong(kind: Kind) -> Iterator[str]:
    """Yield addresses that hold a secret, most of them wrong in some way."""
    for host in HOSTS:
        filled = [_filled(form, host) for form in kind.forms]
        on_the_web = [f"{scheme}{host}/{SECRET}" for scheme in ("https://", "http://", "")]
        for address in (*filled, *on_the_web, SECRET, f"{SECRET}:{host}", f"fcm:{SECRET}/"):
            yield from (f"{address}{ending}" for ending in ENDINGS)


def _filled(form: AddressForm, host: str) -> str:
    given = {each.name: SECRET if each.secret else host for each in form.fields}
    return form.address(given)


@pytest.mark.parametrize("name", sorted(kinds("fmn.senders")))
def test_no_fault_tells_a_secret(name: str) -> None:
    kind = a_kind(name)
    found = {address: kind.fault(address) for address in wrong(kind)}
    assert sum(fault is not None for fault in found.values()) > 100
    assert [address for address, fault in found.items() if fault and _tells(fault)] == []


def _tells(fault: str) -> bool:
    return any(SECRET[at : at + 8] in fault for at in range(len(SECRET) - 8))
