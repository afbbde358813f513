"""A server that answers in the vendors' wire formats, with a real recogniser behind it, and misbehaves on command.

For tests, and for trying Dockvoice without keys: `dockvoice standin`. It shares only the forms and the parser of
transcripts with the agent, and nothing of its clients: its recogniser is of another kind than the agent's own, so that
an agreement of the two is independent evidence.
"""
