"""Recognisers on the device: their weights, how they listen, how likely they are right."""
