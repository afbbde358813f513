"""The scribe: shifts at a dock, typed to the device, beside the ledger of somebody who knows what was meant."""
