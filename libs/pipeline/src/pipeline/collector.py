"""What Python's garbage collector need not look at."""

import gc


def freeze() -> None:
    """What is loaded by now stays, so collections pass it by: they took 2 to 4 % of a service."""
    gc.collect()
    gc.freeze()
