"""Interpreters turn utterances into readings. A reading is a proposal, never a decision."""
