"""Inside a container: who hears of alerts. Each one is a line: address, state, labels."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            line = {"path": self.path, "status": alert["status"], **alert["labels"]}
            print(json.dumps(line), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The lines are the answer."""


HTTPServer(("0.0.0.0", 8080), Receiver).serve_forever()
