"""Alembic's way to our tables; run by `models.database.upgrade`, with the connection it is given."""

from alembic import context

from models.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
