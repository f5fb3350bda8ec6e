"""The tables, as they are now; how they came to be so is in the migrations (`alembic/`).

What a user deletes keeps its row, with the time: it can be undone, and deliveries name it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    text,
)

from fmn.storage.columns import Address, Entry, Json, Moment, Number, Words

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
"""A migration can only change what has a name of its own."""

EMPTY = text("''")

metadata = MetaData(naming_convention=NAMES)


def _one_of_each(name: str, *columns: Column[str], deleted: Column[Moment]) -> Index:
    """No two rows that are not deleted have the same values here."""
    living = deleted.is_(None)
    return Index(name, *columns, unique=True, sqlite_where=living, postgresql_where=living)


users = Table(
    "users",
    metadata,
    Column("id", Words, primary_key=True),  # opaque
    Column("name", Words, nullable=False, unique=True),
    Column("groups", Json, nullable=False),
    Column("created", Moment, nullable=False),
    Column("time_zone", Words, nullable=False, server_default=EMPTY),  # an IANA name
    Column("deleted", Moment),  # the account: then the name is nobody's
)

destinations = Table(
    "destinations",
    metadata,
    Column("id", Words, primary_key=True),  # opaque, never reused
    Column("user_id", ForeignKey(users.c.id), nullable=False),
    Column("position", Integer, nullable=False),  # in the user's order
    Column("name", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("address", Address, nullable=False),
    Column("state", Words, nullable=False),
    Column("reason", Words, nullable=False, server_default=EMPTY),
    Column("until", Moment),  # a pause ends by itself
    Column("digest", Json),
    Column("quiet", Json),
    Column("deleted", Moment),
    Index("ix_destinations_user_id", "user_id"),
)
_one_of_each(
    "uq_destinations_name",
    destinations.c.user_id,
    destinations.c.name,
    deleted=destinations.c.deleted,
)
_one_of_each(
    "uq_destinations_address",
    destinations.c.user_id,
    destinations.c.kind,
    destinations.c.address,
    deleted=destinations.c.deleted,
)

rules = Table(
    "rules",
    metadata,
    Column("id", Words, primary_key=True),  # opaque
    Column("user_id", ForeignKey(users.c.id), nullable=False),
    Column("position", Integer, nullable=False),  # in the user's order
    Column("name", Words, nullable=False),
    Column("name_folded", Words, nullable=False),  # names are unique whatever their case
    # Text, not JSON: what cannot be read must not spoil the rows beside it.
    Column("filters", Words, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("everything", Boolean, nullable=False),
    Column("origin", Words, nullable=False, server_default=EMPTY),
    Column("blocked", Words, nullable=False, server_default=EMPTY),  # why an operator stopped it
    Column("deleted", Moment),
    Index("ix_rules_user_id", "user_id"),
)
_one_of_each("uq_rules_name", rules.c.user_id, rules.c.name_folded, deleted=rules.c.deleted)

rule_destinations = Table(
    "rule_destinations",
    metadata,
    Column("rule_id", ForeignKey(rules.c.id), primary_key=True),
    Column("destination_id", ForeignKey(destinations.c.id), primary_key=True),
    Column("position", Integer, nullable=False),  # in the rule's order
)

preference_changes = Table(
    "preference_changes",
    metadata,
    Column("id", Number, primary_key=True),  # in the order of commits: see preferences.save
    Column("user_id", ForeignKey(users.c.id), nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("preferences", Entry, nullable=False),  # after the change
    Index("ix_preference_changes_user_id", "user_id", "id"),
    sqlite_autoincrement=True,  # a number is never given twice
)

messages = Table(
    "messages",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Words, nullable=False, unique=True),
    Column("facts", Json, nullable=False),
    Column("owners", Json, nullable=False),  # as they were
    Column("body", LargeBinary, nullable=False),
    Column("sent_at", Moment),
    Column("private", Boolean, nullable=False),
    Column("handled_at", Moment, nullable=False, index=True),
    Column("version", Number, nullable=False),  # of the rule set that judged
    Column("notifications", Integer, nullable=False),
    Column("url", Words, index=True),
)

message_keys = Table(
    "message_keys",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),  # 64 bits of a hash
    Column("message", BigInteger, primary_key=True, autoincrement=False),  # its number
    sqlite_with_rowid=False,
)

seen = Table(
    "seen",
    metadata,
    Column("field", Words, primary_key=True),  # of an access key
    Column("value", Words, primary_key=True),
    Column("messages", Number, nullable=False),  # in how many it stood
    Column("public", Boolean, nullable=False),  # whether one of these was not private
    Column("last", Moment, nullable=False, index=True),
)

# Nothing here refers to another table: records come in any order, and outlive what they name.
deliveries = Table(
    "deliveries",
    metadata,
    Column("key", Words, primary_key=True),
    Column("message_id", Words, nullable=False),
    Column("destination_id", Words, nullable=False),
    Column("user_id", Words),
    Column("kind", Words, nullable=False),
    Column("rules", Json, nullable=False),  # ids
    Column("state", Words, nullable=False),
    Column("rank", Integer, nullable=False),  # of the state; it only grows
    Column("attempts", Integer, nullable=False),
    Column("reason", Words),
    Column("at", Moment, nullable=False, index=True),
    Index("ix_deliveries_user_id", "user_id", "at"),
    Index("ix_deliveries_message_id", "message_id"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("destination_id", Words, primary_key=True),
    Column("of", Words, primary_key=True),  # what came back
    Column("at", Moment, nullable=False, index=True),
)

# What waits: no address, that is looked up when it goes. A row is removed once it has gone.
held = Table(
    "held",
    metadata,
    Column("key", Words, primary_key=True),
    Column("destination_id", Words, nullable=False, index=True),
    Column("kind", Words, nullable=False),
    Column("channel", Integer, nullable=False),  # whose lane it waits for
    Column("origin", Words, nullable=False),
    Column("since", BigInteger, nullable=False),  # milliseconds, and
    Column("place", BigInteger, nullable=False),  # within these: its entry in the lane `held`
    Column("due", Moment),  # empty: when the lane has room
    Column("reason", Words, nullable=False),
    Column("rules", Json, nullable=False),  # id → name
    Column("token", Words, nullable=False),
    Column("footer", Words, nullable=False),
    Column("content", Words, nullable=False, index=True),  # its hash
    Column("release_id", Words, index=True),
    Column("released_at", Moment),
    Index("ix_held_channel", "channel", "kind", "since", "place", "key"),
)

contents = Table(
    "contents",
    metadata,
    Column("hash", Words, primary_key=True),
    Column("packed", LargeBinary, nullable=False),  # once for everybody it waits for
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Words, primary_key=True),  # opaque
    Column("hash", Words, nullable=False, unique=True),  # SHA-256 of the token itself
    Column("user_id", ForeignKey(users.c.id), nullable=False, index=True),
    Column("purpose", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False, index=True),
    Column("used", Moment),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", Number, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("by", Words, nullable=False),
    Column("action", Words, nullable=False),
    Column("about", Words, nullable=False),
    Column("detail", Words, nullable=False),
)
