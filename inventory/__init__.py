"""The receiving side: validates events, applies each one once, and answers with a receipt."""
