"""What happened and what would have, as the OpenAPI document says it."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from fmn.web.api.shapes.preferences import Id


class NamedRule(BaseModel):
    """A rule by id and name, also one that was deleted since."""

    id: Id
    name: str


class Delivery(BaseModel):
    """What became of one message at one of your destinations."""

    message: str = Field(description="Its id.")
    summary: str = Field(description="Empty where the history has it no more.")
    url: str | None
    app: str | None
    destination: str = Field(description="The destination's name.")
    kind: str
    rules: list[NamedRule] = Field(description="The rules that chose the destination.")
    state: Literal["suppressed", "retrying", "held", "dead", "failed", "sent"]
    reason: str | None = Field(description="Why it was not sent, or not yet.")
    attempts: int
    at: datetime


class Deliveries(BaseModel):
    """One page of deliveries, the newest first."""

    deliveries: list[Delivery]
    next: str | None = Field(description="For `after`, on the next page; null on the last.")


class Answer(BaseModel):
    """What one filter said to a message."""

    kind: str
    negated: bool
    holds: bool = Field(description="With the negation.")
    deciding: list[str] = Field(description="The values that made it so.")


class Sign(BaseModel):
    """A key by which a rule is found."""

    key: str = Field(examples=["owner alice"], description="In words, at most 300 characters.")
    present: bool = Field(description="Whether the message has it.")


KEYS = (
    "The keys that would have brought the rule up, those of the message first, at most 1,000; "
    "null: it has none, and is looked at for every message."
)


class Verdict(BaseModel):
    """What one rule said to a message."""

    rule: str = Field(description="Its name.")
    id: Id
    matched: bool
    why: str | None = Field(description="What kept it from matching, whatever its filters say.")
    filters: list[Answer]
    keys: list[Sign] | None = Field(description=KEYS)


class Outcome(BaseModel):
    """What became of a message at one destination."""

    destination: str
    kind: str
    state: str
    reason: str | None
    attempts: int
    at: datetime
    rules: list[str]


class Why(BaseModel):
    """Why you got a message, and why not."""

    message: str
    user: str
    by: Literal["then", "now"] = Field(description="The preferences in force then, or now.")
    version: int = Field(description="The change of preferences by which was judged; 0: none.")
    rules: list[Verdict]
    deliveries: list[Outcome]


class Day(BaseModel):
    """What a draft would have sent on one day, in your time zone."""

    day: date
    matches: float
    known: float = Field(description="How many of them your other rules already bring.")
    estimated: bool


class MessageFacts(BaseModel):
    """A message, as a preview shows it."""

    id: str
    topic: str
    app: str | None
    summary: str
    url: str | None
    sent_at: datetime | None


class Example(BaseModel):
    """One of the newest messages that a draft would have sent."""

    message: MessageFacts
    filters: list[Answer]
    keys: list[Sign] | None = Field(description=KEYS)
    other_rules: list[str] = Field(description="Names of your other rules that match it.")


class Preview(BaseModel):
    """What a draft would have sent in the last days."""

    total: float
    known: float = Field(description="How many of them your other rules already bring.")
    estimated: bool
    partial: bool = Field(description="Time was over before all days were judged.")
    keyed: bool = Field(
        description="Whether the history is filed by what the rule asks for; if not, all of it may "
        "match."
    )
    keys: list[str] | None = Field(
        description="The keys by which the rule will be found, at most 1,000; null: it has none, "
        "and will be looked at for every message.",
        examples=[["owner alice"]],
    )
    days: list[Day] = Field(description="The oldest first; the last one is today.")
    overlap: dict[str, float] = Field(description="Another rule → how many it brings, too.")
    examples: list[Example]


class Value(BaseModel):
    """A value that the history holds, and in how many messages it stood."""

    value: str
    messages: int


class Values(BaseModel):
    """Values of public messages, the most frequent first."""

    values: list[Value]
