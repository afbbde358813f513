"""Entries reach the inventory: events, the relay of the outbox, and MQTT."""
