"""The pages: a module for each, with its ways and its tab."""
