"""The scribe: shifts at a dock, typed to the device, compared with a ledger of the intended entries."""
