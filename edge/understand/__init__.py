"""Utterances become readings: proposals of what was said, never more than proposals."""
