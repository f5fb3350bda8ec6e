"""What the pages need: accounts, tokens, audit, and a history that can be searched.

Messages get a number, so that their keys are small; keys of messages from before are not made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _widen_preferences()
    _number_messages()
    _make_history_searchable()
    _make_tokens_and_audit()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))


def _widen_preferences() -> None:
    op.add_column("users", _text("time_zone"))
    op.add_column("users", sa.Column("deleted", MOMENT, nullable=True))
    op.add_column("destinations", _text("reason"))
    op.add_column("destinations", sa.Column("until", MOMENT, nullable=True))
    op.add_column("rules", _text("origin"))
    op.add_column("rules", _text("blocked"))
    op.create_index("ix_destinations_user_id", "destinations", ["user_id"])
    op.create_index("ix_rules_user_id", "rules", ["user_id"])
    op.create_index("ix_preference_changes_user_id", "preference_changes", ["user_id", "id"])


def _number_messages() -> None:
    op.rename_table("messages", "messages_old")
    op.drop_index("ix_messages_handled_at", "messages_old")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE messages_old RENAME CONSTRAINT pk_messages TO pk_messages_old")
    op.create_table(
        "messages",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("owners", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("handled_at", MOMENT, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("notifications", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
    )
    op.create_index("ix_messages_handled_at", "messages", ["handled_at"])
    op.create_index("ix_messages_url", "messages", ["url"])
    columns = "id, facts, owners, body, sent_at, private, handled_at, version, notifications"
    op.execute(
        f"INSERT INTO messages ({columns}, url) "  # noqa: S608  # the names are above
        f"SELECT {columns}, facts ->> 'url' FROM messages_old ORDER BY handled_at"
    )
    op.drop_table("messages_old")


def _make_history_searchable() -> None:
    op.create_table(
        "message_keys",
        sa.Column("key", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("message", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("key", "message", name="pk_message_keys"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seen",
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("messages", NUMBER, nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("last", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("field", "value", name="pk_seen"),
    )
    op.create_index("ix_seen_last", "seen", ["last"])
    op.create_index("ix_deliveries_user_id", "deliveries", ["user_id", "at"])
    op.create_index("ix_deliveries_message_id", "deliveries", ["message_id"])


def _make_tokens_and_audit() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("used", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("hash", name="uq_tokens_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tokens_user_id"),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_index("ix_tokens_expires", "tokens", ["expires"])
    op.create_table(
        "audit_entries",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_at", "audit_entries", ["at"])
