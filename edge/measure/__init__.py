"""The agent measured: recordings with truth go the production way, and what came of them is counted and shown."""
