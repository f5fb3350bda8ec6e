"""Sessions and API tokens: what somebody presents in place of a login. Only hashes are kept."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex, token_urlsafe
from typing import Any, Literal

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.model import UserId
from fmn.storage.tables import tokens, users

Purpose = Literal["session", "api"]


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; never the token itself."""

    id: str
    """Opaque; for revoking it."""
    user: UserId
    purpose: Purpose
    name: str
    """What its owner called it."""
    scopes: frozenset[str]
    """Of `read`, `write`, `admin`."""
    created: datetime
    expires: datetime
    used: datetime | None
    """When it was last presented, to within five minutes."""


async def issue(  # noqa: PLR0913  # what a token is
    connection: AsyncConnection,
    user: UserId,
    purpose: Purpose,
    *,
    name: str = "",
    scopes: frozenset[str],
    expires: datetime,
) -> str:
    """Make a token and return it: the only time anybody sees it. 256 random bits, base64url."""
    secret = token_urlsafe(32)
    new = insert(tokens).values(
        id=token_hex(8),
        hash=_hash_of(secret),
        user_id=user,
        purpose=purpose,
        name=name,
        scopes=sorted(scopes),
        created=datetime.now(UTC),
        expires=expires,
    )
    await connection.execute(new)
    return secret


async def present(connection: AsyncConnection, secret: str, purpose: Purpose) -> Token | None:
    """Return what this token stands for; None where it is none that works."""
    living = select(tokens).join(users).where(users.c.deleted.is_(None))
    theirs = living.where(
        tokens.c.hash == _hash_of(secret),
        tokens.c.purpose == purpose,
        tokens.c.expires > datetime.now(UTC),
    )
    row = (await connection.execute(theirs)).one_or_none()
    return _token(row) if row else None


async def note_use(connection: AsyncConnection, token: Token) -> None:
    """Note that it was used now."""
    used = update(tokens).where(tokens.c.id == token.id).values(used=datetime.now(UTC))
    await connection.execute(used)


async def tokens_of(connection: AsyncConnection, user: UserId, purpose: Purpose) -> list[Token]:
    """Return the user's tokens that still work, the newest first."""
    theirs = select(tokens).where(
        tokens.c.user_id == user,
        tokens.c.purpose == purpose,
        tokens.c.expires > datetime.now(UTC),
    )
    rows = await connection.execute(theirs.order_by(tokens.c.created.desc(), tokens.c.id))
    return list(map(_token, rows))


async def revoke(connection: AsyncConnection, user: UserId, id_: str) -> bool:
    """Make a token of this user work no more; tell whether there was one."""
    theirs = delete(tokens).where(tokens.c.id == id_, tokens.c.user_id == user)
    return (await connection.execute(theirs)).rowcount > 0


async def forget_tokens(
    connection: AsyncConnection, before: datetime, *, at_most: int = 10_000
) -> int:
    """Erase tokens that expired before, at most so many; return how many went."""
    old = select(tokens.c.id).where(tokens.c.expires < before)
    old = old.order_by(tokens.c.expires).limit(at_most)
    return (await connection.execute(delete(tokens).where(tokens.c.id.in_(old)))).rowcount


def _hash_of(secret: str) -> str:
    # The secret is random and long: nobody finds it by trying, so a plain hash is enough.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        user=row.user_id,
        purpose=row.purpose,
        name=row.name,
        scopes=frozenset(row.scopes),
        created=row.created,
        expires=row.expires,
        used=row.used,
    )
