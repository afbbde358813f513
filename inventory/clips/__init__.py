"""Recordings that devices send: storage, and requests to listen."""
