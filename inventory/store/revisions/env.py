"""Alembic's env.py, run for every command, in the transaction of `inventory.store.migrations`."""

from __future__ import annotations

from alembic import context

from inventory.store.tables import metadata, versions

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=versions.name
)
context.run_migrations()
