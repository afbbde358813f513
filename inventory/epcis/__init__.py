"""GS1 EPCIS 2.0: entries as visibility events for trading partners. `dockvoice epcis`; docs/epcis.md."""
