"""Decisions by people: devices' reviews, and flags raised by rules."""
