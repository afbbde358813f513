"""Sound becomes utterances: sources, voice activity, endpointing."""
