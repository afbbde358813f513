"""A server with the vendors' wire formats, backed by a real recogniser, that misbehaves on command.

For tests, and for trying Dockvoice without keys: `dockvoice standin`. It shares only the forms and the transcript
parser with the agent: its recogniser is of another kind, so that an agreement of the two is independent evidence.
"""
