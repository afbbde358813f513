"""A server that answers in the wire shapes of the vendors, with a real recogniser behind it, and misbehaves on command.

For tests, and for trying Dockvoice without keys: `dockvoice standin`. It shares with the agent the forms and how a
transcript is read, and nothing of what asks it: its recogniser is of another kind than the agent's own, so that where
the two agree, nothing agreed with itself.
"""
