"""The dossier of a trailer: its visits, what it rests on, its page and its file."""
