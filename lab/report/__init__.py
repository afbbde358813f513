"""The report of an evaluation: figures with their intervals, curves, and a page with pictures and sound."""
