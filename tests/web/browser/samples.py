"""A site as one that is in use: people with rules of every kind, and two weeks of history."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fmn
from fmn import config
from fmn.bus.facts import Decoder
from fmn.bus.file import read_lines
from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Directory, Snapshot
from fmn.emission import Handled, LogLine, Outcome, State
from fmn.model import Destination, DestinationState, Message, MessageId, Notification
from fmn.preferences.codec import read_book
from fmn.preferences.values import Book, Preferences, rule_set
from fmn.processes.worker import notification
from fmn.storage.engine import Engine, writing
from fmn.storage.history import record
from fmn.storage.preferences import save
from fmn.web.parts import Parts

DEMO = Path(fmn.__file__).parent / "demo"
DAYS = 14
TIMES = 12
"""How often the demo's messages came in these days."""

ALICE = r"""
users:
  alice:
    groups: [python-sig]
    destinations:
      email: {kind: email, address: alice@example.org}
      irc: {kind: irc, address: alice}
      work: {kind: email, address: alice@work.example.org}
      phone: {kind: email, address: alice@phone.example.org}
      old: {kind: email, address: alice@old.example.org}
      older: {kind: email, address: alice@older.example.org}
      team: {kind: irc, address: "#team"}
      barn: {kind: birds, address: "owl:barn/of-the-barn-0"}
    rules:
      - name: When something breaks that I or my groups own
        filters:
          - {kind: owner, users: [me], groups: [mine]}
          - {kind: severity, at_least: warning}
        destinations: [email, irc]
      - name: What others do that concerns me, but for test builds
        filters:
          - {kind: user, users: [me]}
          - {kind: agent, users: [me], negate: true}
          - {kind: application, names: [copr], negate: true}
        destinations: [email, old]
      - name: Who joins or leaves my groups
        filters:
          - {kind: group, groups: [mine]}
        destinations: [email, irc]
      - name: Everything about teapots and kettles
        filters:
          - {kind: artifact, types: [rpms, containers], names: ["teapot*", "kettle*"]}
        destinations: [irc, phone]
      - name: Words of the kitchen, whoever says them
        filters:
          - {kind: text, words: [teapot, "pour to the"]}
          - {kind: severity, in: [info, warning, error]}
        destinations: [work]
      - name: Updates that somebody voted down
        filters:
          - {kind: topic, patterns: ["*.bodhi.*"]}
          - {kind: field, path: comment.karma, at_most: -1}
        destinations: [email]
      - name: Builds that are done
        filters:
          - {kind: regex, patterns: ['(?i)\bcomplete\b', 'completed push to stable']}
        destinations: [email, irc]
      - name: Everything but the chatter of machines
        everything: true
        enabled: false
        filters:
          - {kind: severity, in: [debug], negate: true}
        destinations: [email]
"""

STATES = {
    "team": (DestinationState.UNCONFIRMED, ""),
    "barn": (DestinationState.UNCONFIRMED, ""),
    "work": (DestinationState.UNCONFIRMED, ""),
    "phone": (DestinationState.PAUSED, ""),
    "old": (DestinationState.BOUNCING, "550 5.1.1 no such mailbox"),
    "older": (DestinationState.GONE, "410 gone for good"),
}


def a_book(parts: Parts) -> Book:
    """Return the demo's people, alice with rules of every kind and destinations in every state."""
    senders = list(parts.kinds)
    demo = (DEMO / "rules.yaml").read_text()
    book = read_book(demo, where="demo", filters=parts.filters, senders=senders)
    (alice,) = read_book(ALICE, where="alice", filters=parts.filters, senders=senders).users
    others = (user for user in book.users if user.user != "alice")
    return replace(book, users=tuple(map(_confirmed, (alice, *others))))


def directory_of(book: Book) -> Directory:
    """Return what the book says of owners and groups."""
    owners = {ownership.artifact: ownership for ownership in book.owners}
    return Fixed(Snapshot(owners, {user.user: frozenset(user.groups) for user in book.users}))


async def settle_in(engine: Engine, book: Book, directory: Directory) -> None:
    """Save everybody's preferences, and the history of two weeks that they made."""
    async with writing(engine) as connection:
        for user in book.users:
            await save(connection, user, by=user.user)
    async with writing(engine) as connection:
        await record(connection, list(_history(book, directory, datetime.now(UTC))))


def _history(book: Book, directory: Directory, now: datetime) -> Iterator[LogLine]:
    rules = rule_set(book.users, groups=directory)
    for message in _messages(now):
        owned = directory.with_owners(message)
        made = [notification(owned, each) for each in rules.match(owned).destinations]
        at = message.sent_at or now
        yield Handled(owned, at, len(book.users), len(made))
        yield from (_outcome(one, at + timedelta(seconds=2)) for one in made)


def _messages(now: datetime) -> Iterator[Message]:
    decoder = Decoder(config.Bus(), warn=lambda *_: None)
    bus = config.Bus()
    once = [
        decoder.line(line) for _, line in read_lines(str(DEMO / "messages.jsonl"), bus.max_body)
    ]
    step = timedelta(days=DAYS) / (len(once) * TIMES)
    for place, message in enumerate(once * TIMES):
        at = now - timedelta(days=DAYS) + step * (place + 1) - timedelta(minutes=1)
        yield replace(message, id=MessageId(f"{message.id}-{place}"), sent_at=at)


def _outcome(notification: Notification, at: datetime) -> Outcome:
    told = notification.destination
    rules = tuple(notification.rules)
    if told.state is DestinationState.ACTIVE:
        return Outcome(notification.key, told.kind, rules, State.SENT, at, attempts=1)
    reason = str(told.state)
    return Outcome(notification.key, told.kind, rules, State.SUPPRESSED, at, reason=reason)


def _confirmed(user: Preferences) -> Preferences:
    told = {one.id: _in_state(one) for one in user.destinations}
    rules = (
        replace(rule, destinations=tuple(told[one.id] for one in rule.destinations))
        for rule in user.rules
    )
    return replace(user, destinations=tuple(told.values()), rules=tuple(rules))


def _in_state(destination: Destination) -> Destination:
    active = (DestinationState.ACTIVE, "")
    state, reason = STATES.get(destination.name, active)
    return replace(destination, state=state, reason=reason)
