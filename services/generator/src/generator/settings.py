"""What an operator may set, with its default. A knob that is not set is the scenario's."""

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from generator.knobs import SCENARIOS, Knobs
from generator.windows import parse_duration
from pipeline.settings import Settings

_KNOBS = (
    "delay_rate",
    "shuffle_rate",
    "repeat_rate",
    "repeat_times",
    "discard_rate",
    "discard_counted",
    "malformed_rate",
    "return_rate",
    "odd_rate",
    "flat",
)


class GeneratorSettings(Settings):
    """GENERATOR_*: how many sales, when, and how broken."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="GENERATOR_", frozen=True, extra="ignore", env_ignore_empty=True,
        protected_namespaces=(),
    )  # fmt: skip

    seed: int = Field(42, ge=0)
    # the length of a batch; it is published when its window is over
    schedule: str = "PT1H"
    # events an hour, on average over a week
    rate: int = Field(3000, ge=1, le=4_000_000_000)
    backfill_hours: int = Field(48, ge=0, le=24 * 366)
    scenario: str = "default"
    paused: bool = False
    # the batch under way is remembered by Kafka under this consumer group
    group_id: str = "generator"

    delay_rate: float | None = Field(None, ge=0, le=1)
    delay_max: str | None = None
    shuffle_rate: float | None = Field(None, ge=0, le=1)
    repeat_rate: float | None = Field(None, ge=0, le=1)
    repeat_times: int | None = Field(None, ge=1, le=100)
    discard_rate: float | None = Field(None, ge=0, le=1)
    discard_counted: bool | None = None
    malformed_rate: float | None = Field(None, ge=0, le=1)
    return_rate: float | None = Field(None, ge=0, le=0.1)
    odd_rate: float | None = Field(None, ge=0, le=1)
    flat: bool | None = None
    event_schema: Literal["v1", "extra", "next"] | None = Field(
        None, validation_alias="GENERATOR_SCHEMA"
    )

    # aiokafka's lz4 is its slowest level: zstd takes a sixth of the time and half the bytes
    compression: Literal["zstd", "lz4", "snappy", "gzip", "none"] = "zstd"
    # bytes of a record batch, and of those under way
    batch_bytes: int = Field(1024 * 1024, ge=16 * 1024, le=8 * 1024 * 1024)
    in_flight: int = Field(16, ge=1, le=256)
    # without an acknowledgement for so long, the batch begins anew on a new connection
    ack_seconds: float = Field(60, gt=0)

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        # pydantic keeps the name schema for itself
        names = super().variables()
        return tuple(name.replace("EVENT_SCHEMA", "SCHEMA") for name in names)

    @field_validator("schedule", "delay_max")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @field_validator("scenario")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in SCENARIOS:
            raise ValueError(f"no such scenario; known: {', '.join(SCENARIOS)}")
        return value

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        self.knobs()
        return self

    def knobs(self, scenario: str | None = None) -> Knobs:
        """The scenario's (or this one's), with what is set on top. Raises ValueError."""
        changes = {name: value for name in _KNOBS if (value := getattr(self, name)) is not None}
        if self.delay_max is not None:
            changes["delay_max"] = parse_duration(self.delay_max)
        if self.event_schema is not None:
            changes["schema"] = self.event_schema
        return SCENARIOS[scenario or self.scenario].changed(changes)
