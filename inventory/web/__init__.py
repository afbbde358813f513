"""Server parts shared by console and API: settings, database, addresses, headers."""
