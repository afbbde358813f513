"""The tables, the connection to the database, and migrations from earlier versions."""
