"""From the broker to the tables: each event is checked, applied once and answered with a receipt."""
