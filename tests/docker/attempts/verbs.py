"""Inside a container: verbs that change something, without a token and with a wrong one."""

import json
import urllib.error
import urllib.request

VERBS = ("generator:8080/v1/pause", "loader:8080/v1/reconcile", "transformer:8080/v1/runs")


def ask(verb: str, authorization: str) -> str:
    request = urllib.request.Request(f"http://{verb}", b"", {"Authorization": authorization})
    try:
        urllib.request.urlopen(request, timeout=5).close()
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    return "done"


tokens = {"without a token": "", "with a wrong one": "Bearer wrong"}
print(json.dumps({f"{v} {how}": ask(v, token) for v in VERBS for how, token in tokens.items()}))
