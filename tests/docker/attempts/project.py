"""Inside the transformer's container: whether its dbt project was read when the image was built."""

import json
from pathlib import Path

from transformer.parsed_project import ParsedProject
from transformer.settings import TransformerSettings

kept = ParsedProject(TransformerSettings().project_dir, Path("/tmp"), "sales").load()
print(json.dumps({"kept": f"{len(kept.nodes)} nodes" if kept else "nothing"}))
