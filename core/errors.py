"""The error tree: what can go wrong, in words a person can act on.

The docstring of a class is the title people see; ``code`` is stable, documented and
never reused; the fields carry ids only, never content or names. Errors know nothing
of HTTP: ``api.errors`` maps the six branches to a status.
"""

from typing import ClassVar


class MunimentError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str = "", /, **fields: object) -> None:
        """``detail`` says what to do now; ``fields`` are ids and numbers, safe to log."""
        super().__init__(detail or self.title())
        self.detail = detail
        self.fields = fields

    @classmethod
    def title(cls) -> str:
        """The first line of the class docstring, without its full stop."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


class NotFound(MunimentError):
    """There is no such thing, or you may not see it."""

    code = "not_found"


class Forbidden(MunimentError):
    """You may not do this."""

    code = "forbidden"


class Invalid(MunimentError):
    """The input cannot be used as it is."""

    code = "invalid"


class Conflict(MunimentError):
    """The state of things does not allow this now."""

    code = "conflict"


class Unavailable(MunimentError):
    """A part of the service cannot be reached; nothing was changed."""

    code = "unavailable"


class IntegrityFailure(MunimentError):
    """Stored data is not what was stored.

    Raises an alarm wherever it surfaces; it is never retried and never swallowed.
    """

    code = "integrity_failure"
