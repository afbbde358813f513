"""Connectors post entries to other systems exactly once, and report refusals.

`ports` is the interface of a connector; order, retries and state are the same for all of them (`engine`, `ledger`).
"""
