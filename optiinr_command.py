"""The command `optiinr`, which Ctrl-C ends with a sentence from its first moment on.

It lies outside the package, whose import takes a second or two.
"""

import gc
import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command."""
    gc.disable()  # to look for garbage while all is imported takes a third of that time
    try:
        from optiinr_jax.cli.main import main as run

        run()
    except KeyboardInterrupt:  # later ones are taken care of by `run`
        print("optiinr: interrupted before it began.", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
