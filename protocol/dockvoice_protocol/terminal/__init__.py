"""What people read on a terminal or in a log: plain text, and tables that fit."""
