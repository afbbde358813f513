"""Kinds of values that are more than a number, a name or letters: decimals, dates, yes and no. A module each."""
