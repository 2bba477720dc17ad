"""Connections of the server: one that sends no request is closed, so that others find room."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN_S = 15.0
"""How long after it was opened a connection has sent its first request's headers."""


class Timely(H11Protocol):
    """uvicorn's HTTP/1.1, whose time to keep a connection counts only from its first answer on."""

    within_s = REQUEST_WITHIN_S

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        asyncio.get_running_loop().call_later(self.within_s, self._close_silent)

    def _close_silent(self) -> None:
        has_asked = getattr(self, "cycle", None) is not None
        if not has_asked and not self.transport.is_closing():
            self.transport.close()
