"""The agent's commands: each module has one, or a group of them."""
