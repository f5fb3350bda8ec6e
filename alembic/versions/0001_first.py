"""Users, destinations, rules, the feed of changes, history."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
LIVING = sa.text("deleted IS NULL")


def upgrade() -> None:
    _make_preferences()
    _make_names_unique()
    _make_feed()
    _make_history()


def _make_preferences() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "destinations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.JSON(), nullable=True),
        sa.Column("quiet", sa.JSON(), nullable=True),
        sa.Column("deleted", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_destinations"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_destinations_user_id"),
    )
    op.create_table(
        "rules",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("deleted", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_rules"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_rules_user_id"),
    )
    op.create_table(
        "rule_destinations",
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "destination_id", name="pk_rule_destinations"),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], name="fk_rule_destinations_rule_id"),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name="fk_rule_destinations_destination_id"
        ),
    )


def _make_names_unique() -> None:
    for name, table, columns in (
        ("uq_destinations_name", "destinations", ["user_id", "name"]),
        ("uq_destinations_address", "destinations", ["user_id", "kind", "address"]),
        ("uq_rules_name", "rules", ["user_id", "name_folded"]),
    ):
        op.create_index(
            name, table, columns, unique=True, sqlite_where=LIVING, postgresql_where=LIVING
        )


def _make_feed() -> None:
    op.create_table(
        "preference_changes",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("preferences", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_preference_changes"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_preference_changes_user_id"),
        sqlite_autoincrement=True,
    )


def _make_history() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("owners", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("handled_at", MOMENT, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("notifications", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
    )
    op.create_index("ix_messages_handled_at", "messages", ["handled_at"])
    op.create_table(
        "deliveries",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_at", "deliveries", ["at"])
