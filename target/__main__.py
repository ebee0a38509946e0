"""`python -m target up | down | status | fault`."""

from target.cli import main

if __name__ == "__main__":
    main()
