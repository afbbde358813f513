"""Read-only queries of the console, the API and the connectors."""
