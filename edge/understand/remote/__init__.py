"""Requests to services: keys, connections, retries, failures."""
