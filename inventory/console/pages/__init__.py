"""The pages: modules with the routes of a row, or of two, of `PAGES` in app.py."""
