"""What an operator may set, with its default."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from pipeline.settings import Settings

MIB = 1 << 20


class LoaderSettings(Settings):
    """LOADER_*: how files are found, judged and loaded."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="LOADER_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    # names this warehouse in the ledger: one ledger can serve several
    target: str = "postgres"
    # keys that are looked at, by prefix, comma separated; empty: the whole bucket
    prefixes: str = ""
    group_id: str = "loader"

    reconcile_seconds: float = Field(15, gt=0)
    # an object younger than this is not missed, its notification is still under way
    min_age_seconds: float = Field(20, ge=0)
    # the recent hours that a partial listing covers
    recent_hours: int = Field(48, ge=1)

    # transactions at a time
    concurrency: int = Field(2, ge=1, le=16)
    # objects in work at a time: small ones go together, large ones wait for memory. More than the
    # store's client has connections (32): those that are read need none any more
    files_at_once: int = Field(48, ge=1, le=64)
    # bytes of decoded files held at once
    memory_bytes: int = Field(192 * MIB, ge=8 * MIB)
    # a file may hold this much when unpacked; larger ones are quarantined
    max_file_bytes: int = Field(1024 * MIB, ge=MIB)
    max_line_bytes: int = Field(MIB, ge=1024)

    # share of rejected lines above which a file is quarantined: the sink's own, others
    max_reject_pct: float = Field(100, ge=0, le=100)
    max_reject_pct_foreign: float = Field(50, ge=0, le=100)
    on_drift: Literal["extra", "quarantine"] = "extra"
    on_overwrite: Literal["alert", "ignore"] = "alert"
    default_currency: str = Field("USD", pattern="^[A-Za-z]{3}$")
    # times a process may die over a file before the file is set aside
    max_attempts: int = Field(12, ge=1)

    @field_validator("prefixes")
    @classmethod
    def _no_leading_slash(cls, value: str) -> str:
        if any(prefix.strip().startswith("/") for prefix in value.split(",")):
            raise ValueError("a key never begins with a slash")
        return value

    @property
    def prefix_list(self) -> tuple[str, ...]:
        return tuple(filter(None, map(str.strip, self.prefixes.split(",")))) or ("",)
