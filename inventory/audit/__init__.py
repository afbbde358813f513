"""Verification of each device's hash chain, and the console's own audit log."""
