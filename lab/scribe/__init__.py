"""The scribe: simulates an operator's shifts by typed or spoken lines, and compares records with intended entries."""
