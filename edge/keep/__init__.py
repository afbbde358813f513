"""Everything durable: one SQLite journal, and the recordings beside it."""
