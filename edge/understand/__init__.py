"""Utterances become readings. A reading is a proposal and never a decision."""
