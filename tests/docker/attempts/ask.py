"""Inside a container that may reach Prometheus: how many samples it has for each question given."""

import json
import sys
import urllib.parse
import urllib.request

samples = {}
for question in sys.argv[1:]:
    asked = urllib.parse.urlencode({"query": question})
    with urllib.request.urlopen(f"http://prometheus:9090/api/v1/query?{asked}", timeout=10) as told:
        samples[question] = str(len(json.load(told)["data"]["result"]))
print(json.dumps(samples))
