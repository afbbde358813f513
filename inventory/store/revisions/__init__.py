"""Migrations of the tables from earlier versions: Alembic's revisions."""
