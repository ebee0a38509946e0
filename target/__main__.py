"""`python -m target up | down | status | fault | upstream`."""

import gc

if __name__ == "__main__":
    gc.disable()  # nothing of what is imported is garbage, and most commands are over before there is any
    from target.cli import main

    try:
        main()
    finally:
        gc.freeze()
