"""Rules and destinations, as the OpenAPI document says them.

Documentation only: what comes in is checked by the one codec of preferences, as in the pages.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from fmn.kinds import Proof
from fmn.model import DestinationState
from fmn.preferences.written import Digest, Quiet

Id = Annotated[
    str,
    Field(pattern="^[A-Za-z0-9_-]{1,64}$", description="Opaque.", examples=["3f9a1c20b7de4455"]),
]
RuleName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="Unique among your rules, whatever its case.",
        examples=["My packages, when something breaks"],
    ),
]
DestinationName = Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$", examples=["email"])]
Address = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="What that kind understands: a mailbox, a nick or room.",
        examples=["alice@example.org"],
    ),
]


class In(BaseModel):
    """Something that comes in: what nobody knows is refused."""

    model_config = ConfigDict(extra="forbid")


class Filter(In):
    """Stands for one of the installed kinds of filter; see `document`."""

    kind: str


class SenderKind(RootModel[str]):
    """Stands for the kinds of sender that people may choose; see `document`."""


class RuleBody(In):
    """A rule: when all of its filters hold, its destinations hear of the message."""

    id: Id | None = Field(default=None, description="Not needed; that of the address counts.")
    name: RuleName
    enabled: bool = True
    everything: bool = Field(
        default=False, description="Must be true where no filter asks for something."
    )
    filters: Annotated[list[Filter], Field(min_length=1)] = []
    destinations: list[DestinationName] = Field(
        min_length=1, description="Names of your destinations.", examples=[["email"]]
    )


class Rule(BaseModel):
    """A rule, and what is known of it. What can be written is as in YAML."""

    id: Id
    name: RuleName
    enabled: bool
    everything: bool
    filters: list[Filter] = Field(default=[], description="Missing where there are none.")
    destinations: list[DestinationName] = Field(description="Names of destinations.")
    sentence: str = Field(
        examples=["When a message comes from koji, tell email."], description="The rule in words."
    )
    origin: str = Field(description="`default` where every new user gets it; else empty.")
    blocked: str = Field(description="Why an operator stopped it; else empty.")


class Rules(BaseModel):
    """All of one user's rules, in the user's order."""

    rules: list[Rule]


class Switch(In):
    """Turns a rule on or off, and changes nothing else."""

    enabled: bool


class DestinationBody(In):
    """A kind and an address where you want to hear: as one text, or by the fields of a form."""

    name: DestinationName
    kind: SenderKind
    address: Address | None = Field(default=None, description="Missing where there are `fields`.")
    form: str = Field(
        default="",
        description="Title of the form, where the kind has several: see `SenderKind`.",
        examples=["E-mail"],
    )
    fields: dict[str, str] | None = Field(
        default=None,
        description="Instead of `address`: what the fields of that form hold.",
        examples=[{"address": "alice@example.org"}],
    )


class Destination(BaseModel):
    """A destination and its state. Only an active one hears of anything."""

    id: Id
    name: DestinationName
    kind: str = Field(examples=["email"])
    address: str = Field(
        description="As it is shown: without what is secret in it. The export has it in full.",
        examples=["alice@example.org"],
    )
    state: DestinationState
    reason: str = Field(description="Why it is in that state; may be empty.")
    until: datetime | None = Field(description="When a pause ends by itself.")
    proof: Proof | None = Field(
        description="How it is confirmed: see `/confirmation`; null where nothing can just now."
    )
    digest: Digest | None = None
    quiet: Quiet | None = None


class Destinations(BaseModel):
    """All of your destinations, in your order."""

    destinations: list[Destination]


class Code(In):
    """What was sent to an address, to prove that you read what is sent there."""

    code: str = Field(max_length=1000, examples=["K7QX-3MZA"])


class Pause(In):
    """Until when to pause; null is until you resume."""

    until: datetime | None = Field(
        default=None,
        description="With a time zone; within 366 days.",
        examples=["2026-12-24T18:00:00Z"],
    )


class WrittenDestination(In):
    """A destination; its name is the key it stands under."""

    id: Id | None = None
    kind: SenderKind
    address: Address
    digest: Digest | None = None
    quiet: Quiet | None = None


class PreferencesBody(In):
    """One user's preferences, as `fmn rules export` writes them."""

    groups: list[str] = []
    destinations: dict[str, WrittenDestination] = {}
    rules: list[RuleBody] = []


class Change(BaseModel):
    """What an import changes, or would."""

    changes: list[str] = Field(description="Lines that go (`-`) and come (`+`), and some around.")
    unconfirmed: list[str] = Field(description="Destinations that hear nothing yet.")
