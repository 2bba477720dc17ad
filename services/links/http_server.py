"""As much of HTTP/1.1 as a control API needs: one request per connection, bodies of known length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

_BODY_MAX_BYTES = 65536
_REQUEST_TIMEOUT_S = 10.0
_LINGER_S = 1.0


class HttpError(Exception):
    """Ends a request with this status and message."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `path` is still percent-encoded and has no query."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with its body."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The bytes on the wire."""
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nConnection: close\r\n"
        )
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"{head}{more}\r\n".encode() + self.body


Handler = Callable[[Request], Response]
ErrorHandler = Callable[[HttpError], Response]
Admit = Callable[[str, Mapping[str, str]], None]
"""Given a path and the headers (names in lower case), raises HttpError unless the request may pass."""


async def serve(
    handler: Handler, on_error: ErrorHandler, admit: Admit, hosts: Sequence[str], port: int
) -> asyncio.Server:
    """Answers requests with `handler`; what cannot be read as one, or is not admitted, is answered with `on_error`."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            try:
                request = await asyncio.wait_for(_read_request(reader, admit), _REQUEST_TIMEOUT_S)
                writer.write(handler(request).encode())
            except HttpError as error:
                writer.write(on_error(error).encode())
                await _let_finish(reader, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client left, or never finished its request
        finally:
            writer.close()

    return await asyncio.start_server(connected, hosts, port)


async def _let_finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Throws away what a refused client still sends: closing on it would reset the connection under the answer."""
    await writer.drain()
    writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while await reader.read(_BODY_MAX_BYTES):
                pass


async def _read_request(reader: asyncio.StreamReader, admit: Admit) -> Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError:
        raise HttpError(400, "request head too long") from None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise HttpError(400, "not an HTTP/1.1 request")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    path = parts[1].partition("?")[0]
    admit(path, headers)
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit():
        raise HttpError(400, "expected a Content-Length")
    if int(length) > _BODY_MAX_BYTES:
        raise HttpError(413, f"body longer than {_BODY_MAX_BYTES} bytes")
    return Request(parts[0], path, await reader.readexactly(int(length)))
