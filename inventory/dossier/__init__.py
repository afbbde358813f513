"""The dossier of a trailer: its visits, its evidence, its page and its file."""
