"""Who signed what: keys of devices, the chain of events, and the chain of what people did here."""
