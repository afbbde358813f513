"""From the broker to the tables: each event is validated, applied once and answered with a receipt."""
