"""GS1 EPCIS 2.0: what was recorded, for partners who read visibility events. `dockvoice epcis`; docs/epcis.md."""
