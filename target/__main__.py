"""`python -m target up | down | status | fault | upstream`."""

from target.cli import main

if __name__ == "__main__":
    main()
