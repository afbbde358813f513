"""Readings become entries: deterministic code decides, and asks where it is not sure."""
