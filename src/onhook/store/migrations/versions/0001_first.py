"""Applications, numbers, calls, notifications and their attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "applications",
        sa.Column("app_id", sa.String(16), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("token_encrypted", sa.Text, nullable=False),
        sa.Column("webhook_secret_encrypted", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "numbers",
        sa.Column("number", sa.String(16), primary_key=True),
        sa.Column("app_id", sa.String(16), sa.ForeignKey("applications.app_id"), nullable=False),
        sa.Column("forward_to", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("session", sa.String(40), primary_key=True),
        sa.Column("txn_ref", sa.String(40), nullable=False, unique=True),
        sa.Column("app_id", sa.String(16), sa.ForeignKey("applications.app_id"), nullable=False),
        sa.Column("owner", sa.String(40), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("from_number", sa.Text, nullable=False),
        sa.Column("to_number", sa.Text, nullable=False),
        sa.Column("began_ms", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("rate", sa.Text, nullable=False),
        sa.Column("dialog", sa.Text, nullable=False),
        sa.Column("answered_ms", sa.BigInteger),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("debit", sa.Text, nullable=False),
        sa.Column("ended_by", sa.String(12), nullable=False),
        sa.Column("cause", sa.String(24), nullable=False),
        sa.Column("sip_cause", sa.Text, nullable=False),
        sa.Column("contact_block", sa.String(12), nullable=False),
        sa.Column("contact_url", sa.Text, nullable=False),
        sa.Column("contact_tag", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
    )
    op.create_index("ix_calls_state", "calls", ["state"])
    op.create_table(
        "notifications",
        sa.Column("notification_id", sa.String(40), primary_key=True),
        sa.Column("session", sa.String(40), sa.ForeignKey("calls.session"), nullable=False),
        sa.Column("app_id", sa.String(16), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_attempt_ms", sa.BigInteger),
        sa.Column("next_ms", sa.BigInteger),
        sa.UniqueConstraint("session", "sequence"),
    )
    op.create_index("ix_notifications_state", "notifications", ["state"])
    op.create_table(
        "attempts",
        sa.Column(
            "notification_id",
            sa.String(40),
            sa.ForeignKey("notifications.notification_id"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text, nullable=False),
    )
