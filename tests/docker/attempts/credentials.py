"""Inside the container that makes the secrets: all of them, by name."""

import json
from pathlib import Path

credentials = json.loads(Path("/volumes/secrets/credentials.json").read_text())
credentials.pop("cluster")
print(json.dumps({f"{g}/{n}": s for g, names in credentials.items() for n, s in names.items()}))
