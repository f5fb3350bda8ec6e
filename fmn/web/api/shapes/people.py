"""People, the audit log, and problems, as the OpenAPI document says them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from fmn.web.api.shapes.preferences import In


class Fault(BaseModel):
    """What is wrong with one of the things that were sent."""

    field: str = Field(
        description="Where it stands; empty for the whole.", examples=["filters[0].kind"]
    )
    message: str = Field(examples=["expected one of agent, application, artifact"])


class Problem(BaseModel):
    """Why it was not done: RFC 9457."""

    type: Literal["about:blank"] = "about:blank"
    title: str = Field(description="The status in words.", examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What is wrong, and what to do.")
    errors: list[Fault] = Field(description="Each field that is wrong, where fields are.")


class Presented(BaseModel):
    """What is known of the token that was sent."""

    name: str = Field(description="What its owner called it.", examples=["laptop"])
    scopes: list[Literal["read", "write", "admin"]]
    created: datetime
    expires: datetime


class Me(BaseModel):
    """Whose token it is."""

    name: str
    time_zone: str = Field(description="An IANA name; empty until one is known.")
    created: datetime
    groups: list[str]
    token: Presented


class User(BaseModel):
    """Somebody with an account."""

    name: str
    created: datetime


class Users(BaseModel):
    """One page of users, by name."""

    users: list[User]
    next: str | None = Field(description="For `after`, on the next page; null on the last.")


class Reason(In):
    """Why a rule is stopped: its owner reads it."""

    reason: str = Field(min_length=1, max_length=300, examples=["It sends a mail a second."])


class AuditEntry(BaseModel):
    """One look at, or change of, what is somebody else's."""

    number: int
    at: datetime
    by: str
    action: str
    about: str
    detail: str


class AuditEntries(BaseModel):
    """One page of the audit log, the newest first."""

    entries: list[AuditEntry]
    next: int | None = Field(description="For `before`, on the next page; null on the last.")
