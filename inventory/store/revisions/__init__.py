"""How tables of an earlier version become those of this program: Alembic's revisions, one after another."""
