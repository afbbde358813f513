"""What the console, the API and the connectors ask of the tables: reads only."""
