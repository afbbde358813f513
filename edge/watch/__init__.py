"""Is the agent alive, and does it hear: what systemd and people ask."""
