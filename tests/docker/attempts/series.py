"""Inside a container that may reach Prometheus: every series' name, with its largest sample.

Not their sum: an address that changes hands is scraped under both names for a moment.
"""

import json
import urllib.parse
import urllib.request

QUESTION = urllib.parse.urlencode({"query": 'max by (__name__) ({__name__=~".+"})'})
with urllib.request.urlopen(
    f"http://prometheus:9090/api/v1/query?{QUESTION}", timeout=10
) as answer:
    series = json.load(answer)["data"]["result"]
print(json.dumps({one["metric"]["__name__"]: one["value"][1] for one in series}))
