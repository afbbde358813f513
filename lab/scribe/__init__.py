"""The scribe: simulates an operator's shifts by typed or spoken lines, and compares the records with the intended
entries.
"""
