"""Data of a site: its master data, roster, expected lists and words, created and published."""
