"""Transcription services: their wire formats, and readings of transcripts."""
