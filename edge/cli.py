"""The commands; the only place that exits."""


def main() -> None:
    """Run the `dockvoice` command."""
    raise SystemExit(0)
