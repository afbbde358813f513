"""What people and programs are shown: lines, tables, words and levels."""
