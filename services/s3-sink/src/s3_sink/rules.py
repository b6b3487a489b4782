"""What the settings say about every partition."""

from dataclasses import dataclass, field
from typing import Literal

from pipeline.retry import Backoff
from s3_sink.cut import CutPolicy
from s3_sink.encoders import MakeEncoder


@dataclass(frozen=True)
class Rules:
    policy: CutPolicy
    make_encoder: MakeEncoder
    tombstones: Literal["write", "skip", "fail"] = "write"
    on_gap: Literal["continue", "stop"] = "continue"
    backoff: Backoff = field(default_factory=Backoff)
