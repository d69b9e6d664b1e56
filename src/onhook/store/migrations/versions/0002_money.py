"""Accounts, rates, the ledger; replies that can be repeated; when a worker was last alive."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(16), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.String(4), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("mobile_number", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("prepaid", sa.Boolean, nullable=False),
        sa.Column("points_micros", sa.BigInteger, nullable=False),
        sa.Column("bonus_micros", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    _main_account()
    _add(
        "applications",
        sa.Column("account_id", sa.String(16), nullable=False, server_default="main"),
        references="accounts",
    )
    _add(
        "calls",
        sa.Column("account_id", sa.String(16), nullable=False, server_default="main"),
        sa.Column("direction", sa.String(3), nullable=False, server_default="in"),
        sa.Column("tag", sa.Text, nullable=False, server_default=""),
        sa.Column("initial_s", sa.Integer, nullable=False, server_default="60"),
        sa.Column("increment_s", sa.Integer, nullable=False, server_default="60"),
        sa.Column("billed_s", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("written_ms", sa.BigInteger, nullable=False, server_default="0"),
        references="accounts",
    )
    op.create_index("ix_calls_account_id_began_ms", "calls", ["account_id", "began_ms"])
    op.execute("UPDATE calls SET dialog = '' WHERE state = 'ended'")
    with_dialog = sa.text("dialog <> ''")
    op.create_index(
        "ix_calls_with_dialog",
        "calls",
        ["owner"],
        sqlite_where=with_dialog,
        postgresql_where=with_dialog,
    )
    op.create_table(
        "rates",
        sa.Column("direction", sa.String(3), primary_key=True),
        sa.Column("prefix", sa.String(16), primary_key=True),
        sa.Column("currency", sa.String(3), primary_key=True),
        sa.Column("per_minute_micros", sa.BigInteger, nullable=False),
        sa.Column("initial_s", sa.Integer, nullable=False),
        sa.Column("increment_s", sa.Integer, nullable=False),
    )
    op.create_table(
        "revisions",
        sa.Column("subject", sa.String(16), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("entry_id", sa.String(64), primary_key=True),
        sa.Column(
            "account_id", sa.String(16), sa.ForeignKey("accounts.account_id"), nullable=False
        ),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("purse", sa.String(8), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("amount_micros", sa.BigInteger, nullable=False),
        sa.Column("session", sa.String(40), sa.ForeignKey("calls.session")),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("ix_ledger_account_id_at_ms", "ledger", ["account_id", "at_ms"])
    op.create_table(
        "idempotent_replies",
        sa.Column("app_id", sa.String(16), sa.ForeignKey("applications.app_id"), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_idempotent_replies_created_ms", "idempotent_replies", ["created_ms"])
    op.create_table(
        "workers",
        sa.Column("owner", sa.String(40), primary_key=True),
        sa.Column("alive_ms", sa.BigInteger, nullable=False),
    )


def _main_account() -> None:
    """Applications that were made before there were accounts belong to the account ``main``."""
    op.execute(
        "INSERT INTO accounts SELECT 'main', 'main', 'AA', 'SGD', '', '', 'SG', 'Asia/Singapore',"
        " false, 0, 0, min(created_ms) FROM applications HAVING count(*) > 0"
    )


def _add(table: str, *columns: sa.Column[object], references: str) -> None:
    """Adds columns to a table with rows; their defaults are for those rows only."""
    with op.batch_alter_table(table) as batch:
        for column in columns:
            batch.add_column(column)
        batch.create_foreign_key(
            f"fk_{table}_account_id_{references}", references, ["account_id"], ["account_id"]
        )
    with op.batch_alter_table(table) as batch:
        for column in columns:
            batch.alter_column(column.name, server_default=None)
