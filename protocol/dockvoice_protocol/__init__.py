"""What the agent and the inventory share: messages and their topics, the audit chain, forms, settings, MQTT."""
