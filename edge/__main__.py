"""`python -m edge` is the `dockvoice` command."""

from dockvoice_protocol.command import main

if __name__ == "__main__":
    main()
