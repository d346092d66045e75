"""Runs the command line as ``python -m ibtrain``."""

from ibtrain.cli.entry import main

if __name__ == "__main__":
    main()
