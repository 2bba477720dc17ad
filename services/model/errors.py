"""The one kind of failure that clients see: a status code of gRPC and a message."""

from __future__ import annotations

HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
}


class ServingError(Exception):
    """A request, a configuration or a version cannot be served. `code` is a name of gRPC's status codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid_argument(message: str) -> ServingError:
    """The request is wrong, in any state of the server."""
    return ServingError("INVALID_ARGUMENT", message)
