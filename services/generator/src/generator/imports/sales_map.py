"""The map: which column, constant or sum of the file becomes which field of the sale event.

file: {format: csv, separator: ";", encoding: latin-1, decimal: ","}
occurred_at: {column: When, format: "%d/%m/%Y %H:%M", timezone: Europe/Madrid}
store_id: {const: S001}
region: {column: Area, default: Unknown}
product_id: Article                      # short for {column: Article}
quantity: Units
net_amount: {sum: [Amount, -Voucher]}
unmapped: extra                          # or drop, the default
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pipeline.contracts import sale_event
from pipeline.errors import SettingsError

NUMBERS = {
    "quantity": sale_event.QUANTITY_PLACES,
    "unit_price": sale_event.MONEY_PLACES,
    "discount_amount": sale_event.MONEY_PLACES,
    "net_amount": sale_event.MONEY_PLACES,
}
TIME = "occurred_at"
GIVEN = ("schema_version", "event_id", "batch_id")  # fields that the import itself fills
_REQUIRED = tuple(name for name in sale_event.REQUIRED if name != "event_id")
_WAYS = ("column", "columns", "const", "sum", "template")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileFormat(_Strict):
    """How the file is written. columns names them where the file has no header."""

    format: Literal["csv", "json", "parquet", "whitespace", "fixed"] | None = None
    separator: str = Field(",", min_length=1, max_length=1)
    quote: str = Field('"', max_length=1)
    header: bool = True
    columns: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    skip: int = Field(0, ge=0)
    encoding: str = "utf-8-sig"
    decimal: Literal[".", ","] = "."
    thousands: str = Field("", max_length=1)
    remove: str = ""  # characters to take out of numbers, say "$ "

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.format == "fixed" and (not self.widths or len(self.widths) != len(self.columns)):
            raise ValueError("fixed needs widths and as many columns")
        if not self.header and not self.columns and self.format != "parquet":
            raise ValueError("a file without header needs columns")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(str(error)) from error
        return self

    def of(self, path: Path) -> str:
        """The format, told by the file's name where the map does not say."""
        if self.format:
            return self.format
        names = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
        last = names[-1] if names else ""
        return {".parquet": "parquet", ".pq": "parquet"}.get(
            last, "json" if last in (".json", ".jsonl", ".ndjson") else "csv"
        )


class Source(_Strict):
    """Where a field's value comes from: exactly one of column, columns, const, sum, template.

    columns are joined by a space; sum adds columns, a leading minus subtracts; template fills
    {column} names in. default stands in for an empty value, values translates it. format and
    timezone are for occurred_at; round allows more places than the contract and rounds to it.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()
    const: str | None = None
    sum: tuple[str, ...] = ()
    template: str | None = None
    default: str | None = None
    values: dict[str, str] = {}
    format: str | None = None  # strptime's; iso (the default), epoch, epoch_ms
    timezone: str = "UTC"
    round: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [way for way in _WAYS if getattr(self, way) not in (None, ())]
        if len(ways) != 1:
            raise ValueError(f"give exactly one of {', '.join(_WAYS)}")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no time zone {self.timezone!r}") from error
        return self

    def terms(self) -> list[tuple[int, str]]:
        """(sign, column) of a sum."""
        return [(-1, t[1:].strip()) if t.startswith("-") else (1, t) for t in self.sum]


def _source(given: Any) -> Any:
    if isinstance(given, str):
        return {"column": given}
    if isinstance(given, dict):
        text = {k: str(given[k]) for k in ("const", "default") if given.get(k) is not None}
        return {**given, **text}
    return given


class SalesMap(_Strict):
    """A checked map. fields is in the order of the contract."""

    file: FileFormat = FileFormat()
    fields: dict[str, Annotated[Source, BeforeValidator(_source)]]
    unmapped: Literal["drop", "extra"] = "drop"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [name for name in _REQUIRED if name not in self.fields]
        if "unit_price" not in self.fields and "net_amount" not in self.fields:
            missing.append("net_amount (or unit_price)")
        if missing:
            raise ValueError(f"not mapped: {', '.join(missing)}")
        wrong = [n for n, s in self.fields.items() if s.sum and n not in NUMBERS]
        if wrong:
            raise ValueError(f"sum is for amounts, not for {', '.join(wrong)}")
        return self

    def identity(self) -> bytes:
        """The map's meaning as bytes: another map of the same file makes other batches."""
        return hashlib.sha256(self.model_dump_json().encode()).digest()


def parse_map(text: str, name: str = "map") -> SalesMap:
    """Raises SettingsError with every problem of the map."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError((f"{name}: not YAML: {error}",)) from error
    if not isinstance(given, dict):
        raise SettingsError((f"{name}: expected fields and their columns",))
    known = [field for field in sale_event.FIELDS if field not in GIVEN]
    problems = [
        f"{name}: {key}: no such field (known: {', '.join(known)})"
        for key in given
        if key not in known and key not in ("file", "unmapped")
    ]
    options = {key: given[key] for key in ("file", "unmapped") if key in given}
    fields = {key: given[key] for key in known if key in given}
    try:
        sales_map = SalesMap.model_validate({**options, "fields": fields})
    except ValidationError as error:
        problems += [_problem(name, dict(detail)) for detail in error.errors()]
    if problems:
        raise SettingsError(tuple(problems))
    return sales_map


def read_map(path: Path) -> SalesMap:
    try:
        return parse_map(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise SettingsError((f"{path}: {error.strerror}",)) from error


def _problem(name: str, detail: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in detail["loc"] if part != "fields")
    given = json.dumps(detail.get("input"), default=str)
    shown = "" if len(given) > 80 else f" (it is {given})"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{name}: {where}: {message}{shown}" if where else f"{name}: {message}"
