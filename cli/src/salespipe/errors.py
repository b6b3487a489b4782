"""What the command line tells a person when something is wrong: what, why, what to do, a code.

Every code has a heading of the same name in docs/errors.md (a test keeps them equal).
"""

from enum import StrEnum


class Code(StrEnum):
    """One code a cause; never reused."""

    NO_STACK = "SP001"
    BAD_SETTING = "SP002"
    CANCELLED = "SP003"
    PORT_TAKEN = "SP012"
    LOW_MEMORY = "SP013"
    LOW_DISK = "SP014"
    PYTHON_TOO_OLD = "SP015"
    NO_JAVA = "SP016"
    PACKAGE_MISSING = "SP017"
    FOLDER_UNREACHABLE = "SP018"
    JARS_UNAVAILABLE = "SP019"
    SERVER_FAILED = "SP020"
    SERVICE_FAILED = "SP021"
    NO_SALE_IN_TIME = "SP022"
    SUPERVISOR_DIED = "SP023"
    PROVISIONING_FAILED = "SP025"
    UNKNOWN_SERVICE = "SP030"
    NOT_SCALABLE = "SP031"
    UNKNOWN_TOOL = "SP032"
    UNREACHABLE = "SP040"
    BAD_QUERY = "SP041"
    REFUSED_BY_SERVICE = "SP042"


class SalespipeError(Exception):
    """An error that a person can act on; printed as error[CODE], facts, fix, docs."""

    def __init__(self, code: Code, message: str, *, fix: str = "", **facts: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix
        self.facts = facts

    def lines(self) -> list[str]:
        """The error as it is printed, a line each."""
        facts = self.facts | ({"fix": self.fix} if self.fix else {})
        facts["docs"] = f"docs/errors.md#{self.code.lower()}"
        return [
            f"error[{self.code}]: {self.message}",
            *(f"  {name + ':':<6}{text}" for name, text in facts.items()),
        ]
