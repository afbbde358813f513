"""Recordings that devices send: where they are kept, who hears them."""
