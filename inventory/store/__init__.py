"""Store: the tables, the database connection, and migrations."""
