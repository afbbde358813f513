"""The chain of each device verified, and the chain of what people did here."""
