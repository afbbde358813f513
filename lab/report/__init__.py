"""What an evaluation shows: figures with their intervals, curves, and a page to look at and listen to."""
