"""The tables: what is kept, the way to the database, and tables of earlier versions brought up to date."""
