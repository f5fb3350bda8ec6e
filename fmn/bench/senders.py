"""`fmn bench senders`: what senders do in a second, against the least anybody could do.

The peers answer at once and do nothing; they run in processes of their own, and what they can
take from a client that does nothing either stands beside each figure. All is measured in turn,
several times; machines differ, so read the ratios.

email    one mail for each of 10 recipients of a content, over 10 connections; against a loop
         that hands ready-made mails to aiosmtplib over as many, and against a connection a mail
push     one Web Push for each subscription, encrypted and signed, 50 under way at once
irc      lines to one nick, at a pace of 50 a second; against what its bucket allows
idle     what a connection costs that nothing is said on, 5,000 of them in one process
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fmn.bench import idle
from fmn.bench.clients import AT_ONCE, Bare, blast, by_itself
from fmn.bench.figure import Figure, Said, at_least, no_less, no_more, plain
from fmn.bench.peers import lines_heard, peer
from fmn.bench.rates import alternating, once, per_second
from fmn.bench.samples import dialogue, ready_made, sending, subscription, vapid_key
from fmn.kinds import load
from fmn.senders.email import Email
from fmn.senders.irc import Irc

PUSHES = 50
PUSHED = 500
"""A second, at least."""
BURST, PACE = 4, timedelta(milliseconds=20)
IDLE = 5_000
LARGEST = 30
"""kB of an idle connection."""
EXACT = 0.05
KB = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    mails: int = 3_000
    pushes: int = 2_000
    lines: int = 100
    idle: int = IDLE


async def measured(plan: Plan, said: Said) -> list[Figure]:
    """Return all figures."""
    idle.more_files()
    figures = list[Figure]()
    for measure in (_email, _push, _irc, _idle):
        said(measure.__name__.strip("_"))
        figures += await measure(plan)
    return figures


async def _email(plan: Plan) -> list[Figure]:
    async with peer("smtp") as port:
        settings = Email.Settings(host="127.0.0.1", port=port, connections=AT_ONCE)
        mail = ready_made()
        async with Email(settings) as email, Bare(port) as bare:
            ours, loop, fresh, limit = await alternating(
                plan.rounds,
                lambda: per_second(sending(email.send), times=plan.mails, at_once=AT_ONCE),
                lambda: per_second(lambda: bare.send(mail), times=plan.mails, at_once=AT_ONCE),
                lambda: per_second(
                    lambda: by_itself(port, mail), times=plan.mails // 10, at_once=AT_ONCE
                ),
                lambda: blast(port, dialogue(mail), b"taken\r\n", plan.mails),
            )
    return [
        plain("email", ours, "/s", limit.median),
        plain("ready-made mails", loop, "/s", limit.median),
        at_least("email ÷ ready-made", ours, loop, 0.8),
        at_least("email ÷ new connections", ours, fresh, 3),
    ]


async def _push(plan: Plan) -> list[Figure]:
    push_kind: Any = load("fmn.senders.push")  # which may lack its library, and says so
    async with peer("http") as port:
        told: dict[str, Any] = {
            "vapid_key": vapid_key(),
            "vapid_contact": "mailto:fmn@example.org",
            "private_networks": ("127.0.0.0/8",),
        }
        request = b"POST / HTTP/1.1\r\nHost: peer\r\nContent-Length: 400\r\n\r\n" + b"x" * 400
        async with push_kind(push_kind.Settings.model_validate(told)) as push:
            send = sending(push.send, kind="push", address=subscription(port))
            ours, limit = await alternating(
                plan.rounds,
                lambda: per_second(send, times=plan.pushes, at_once=PUSHES),
                lambda: blast(port, request, b"\r\n\r\n", plan.pushes),
            )
    return [no_less("push", ours, "/s", PUSHED, limit.median)]


async def _irc(plan: Plan) -> list[Figure]:
    async with peer("irc") as port:
        told: dict[str, Any] = {"host": "127.0.0.1", "port": port, "burst": BURST, "pace": PACE}
        async with Irc(Irc.Settings.model_validate(told)) as irc:
            send = sending(irc.send, kind="irc", address="alice")
            await send()  # now the burst is used up
            before, began = await lines_heard(port), time.perf_counter()
            for _ in range(plan.lines):
                await send()
            lines, took = await lines_heard(port) - before, time.perf_counter() - began
    value = took / (lines * PACE.total_seconds())
    exact = abs(value - 1) < EXACT
    return [Figure("irc ÷ its bucket", value, "", 0, "1.00", exact)]


async def _idle(plan: Plan) -> list[Figure]:
    figures = list[Figure]()
    for kind in ("smtp", "irc"):
        async with peer(kind) as port:
            size = await idle.of(kind, port, plan.idle) / KB
        figures.append(no_more(f"one of {plan.idle:,} idle {kind}", once(size), "kB", LARGEST))
    return figures
