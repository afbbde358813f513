"""The commands of `dockvoice inventory`, and the options that all commands of the inventory share."""
