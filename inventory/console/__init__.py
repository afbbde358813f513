"""The console: web pages on which supervisors see what devices record, and decide about what waits for a person."""
