"""Alembic's environment: it uses the connection that the store hands it."""

from alembic import context

from onhook.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
