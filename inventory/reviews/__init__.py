"""Decisions of people: reviews of devices, and flags that rules raise."""
