"""salespipe: run the app; an error is a message with a code, never a bare traceback."""

import sys

from salespipe import verbs
from salespipe.app import app
from salespipe.errors import SalespipeError

verbs.register(app)


def main() -> None:
    debug = "--debug" in sys.argv
    try:
        app(args=[word for word in sys.argv[1:] if word != "--debug"])
    except SalespipeError as error:
        if debug:
            raise
        print("\n".join(error.lines()), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
