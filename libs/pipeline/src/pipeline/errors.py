"""The two kinds of error that a service survives; everything else ends the process.

Exception
├── Transient       heals by itself: retried at the edge, bounded, waiting on stop
│   └── Forbidden   the store or server refuses us: credentials rotate, so retried slowly
├── Poison          this message or file can never be used: set aside with its reason, go on
├── NotFound        the object is not there (the caller decides what that means)
├── PreconditionFailed   a create-only write met an object that exists
└── SettingsError   what the operator must change, all of it at once
"""


class Transient(Exception):
    """A failure that is expected to heal.

    dependency names the server (kafka, s3, postgres), reason is a short bounded code for metrics.
    """

    def __init__(self, message: str, *, dependency: str = "", reason: str = "error") -> None:
        super().__init__(message)
        self.dependency = dependency
        self.reason = reason


class Forbidden(Transient):
    """Access was refused. Retried, because credentials are rotated under running services."""


class Poison(Exception):
    """Input that no retry makes usable. reason is a bounded code, detail is for a person."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class NotFound(Exception):
    """The object (or the bucket, see the message) does not exist."""


class PreconditionFailed(Exception):
    """The object already exists, or is no longer the one that was asked for."""


class SettingsError(Exception):
    """Every problem found in the settings, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
