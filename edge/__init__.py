"""The edge agent: hears dictation, understands it, agrees it, keeps it and delivers it."""
