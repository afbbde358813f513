"""One file for each version of the tables: `upgrade` migrates from the version before.

A version that adds tables or columns changes `inventory.store.tables`, raises VERSION there, and has a file here, whose
`revision` is its number and whose `down_revision` that of the one before. Its `upgrade` must work on tables with rows.
"""
