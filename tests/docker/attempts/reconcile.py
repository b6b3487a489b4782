"""Inside the cli's container, with the operator's token: the loader looks at all of the bucket."""

import json
import urllib.request
from pathlib import Path

TOKEN = Path("/run/secrets/api_token").read_text()
request = urllib.request.Request(
    "http://loader:8080/v1/reconcile", b"", {"Authorization": f"Bearer {TOKEN}"}
)
with urllib.request.urlopen(request, timeout=60) as answer:
    print(json.dumps({"status": str(answer.status)}))
