"""Thousands of simulated devices on one machine, at a real broker and a real inventory: `dockvoice simulate`."""
