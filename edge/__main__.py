"""`python -m edge` is the `dockvoice` command."""

from dockvoice_protocol import command as main

if __name__ == "__main__":
    main()
