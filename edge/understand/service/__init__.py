"""Strict JSON of services."""
