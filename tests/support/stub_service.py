"""A service that does nothing but answer: run as `python -m MODULE` in place of the real one.

It tells its environment at /, is ready at once, and ends in peace on SIGTERM. STUB_EXIT_WITH ends
it at start with that code and a message. The transformer's stub makes the first sale visible.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from salespipe.state import MODULES

_MAIN = "from support.stub_service import main\n\nmain({name!r})\n"


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(name: str) -> None:
    refused = os.environ.get("LOADER_STUB_EXIT_WITH") if name == "loader" else None
    if refused:
        sys.stderr.write("error: loader cannot start: LOADER_STUB_EXIT_WITH is no setting\n")
        sys.exit(int(refused))
    if name == "transformer" and "TRANSFORMER_STUB_NO_SALE" not in os.environ:
        _first_sale()
    port = int(os.environ["HTTP_PORT"])
    HTTPServer(("127.0.0.1", port), _Answers).serve_forever()


def write_stubs(folder: Path) -> Path:
    """Packages with the services' names; put the folder on PYTHONPATH."""
    for name, module in MODULES.items():
        package = folder / module
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_MAIN.format(name=name))
    return folder


def _first_sale() -> None:
    import psycopg2

    with psycopg2.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists marts.fct_sales as select 1 as event_id")
        cursor.execute("grant select on marts.fct_sales to operator")
    connection.close()
