"""What the console and the API share as servers: settings, database, addresses, headers."""
