"""Ingest: consumes events from the broker, validates them, applies each once, and answers with receipts."""
