"""Errors a user can act on. Each carries what was expected, what came, and the next step."""

import re

# Messages quote files: no character of theirs may move a terminal's cursor or turn its text round, and none may be one
# that UTF-8 cannot write.
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class SmallbertError(Exception):
    """Base of every error the project raises on purpose.

    Args:
        message: what was expected and what came instead.
        hint: what to do next, one sentence.

    The command line prints ``message`` and ``hint`` without a traceback and ends with
    :attr:`exit_code`.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        message = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", message)
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class UsageError(SmallbertError):
    """A parameter, command or profile is not what was expected."""

    exit_code = 2


class DataError(SmallbertError):
    """A corpus, embedding store or results file cannot be used as it is."""

    exit_code = 3


class MachineError(SmallbertError):
    """The machine lacks something: a package, a device, disk space."""

    exit_code = 4


class StageError(SmallbertError):
    """A notebook of the report failed while running."""

    exit_code = 5
