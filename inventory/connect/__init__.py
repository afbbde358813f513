"""Connectors: what devices recorded is posted into the systems that customers have, once, and told where it is refused.

What connectors fill is in `ports`; what is to be done next, and what became of it, is decided for all of them alike.
"""
