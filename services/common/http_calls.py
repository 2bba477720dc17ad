"""Calls to other services by HTTP with JSON bodies, as a part of the caller's trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from services.common.calls import CallFailedError, connection_status
from services.common.trace import TraceContext

CONNECTIONS_MAX = 64
KEEP_ALIVE_S = 60
STATUS_BY_HTTP = {503: "unavailable", 502: "dependency_failed"}


class JsonClient:
    """The service at `base_url`. The deadline of a call is its caller's."""

    def __init__(self, base_url: str) -> None:
        self._url = base_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEEP_ALIVE_S),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def get(self, path: str, query: Mapping[str, Any], span: TraceContext, baggage: str) -> Any:
        """The answer's document; CallFailedError where the answer is none or has another status than 200."""
        return await self._ask("GET", path, span, baggage, params=query)

    async def post(self, path: str, body: Any, span: TraceContext, baggage: str) -> Any:
        """The same by POST; 202 is an answer too."""
        return await self._ask("POST", path, span, baggage, json=body)

    async def _ask(self, method: str, path: str, span: TraceContext, baggage: str, **content: Any) -> Any:
        headers = {"traceparent": span.traceparent, "X-Request-Id": span.trace_id}
        if baggage:
            headers["baggage"] = baggage
        try:
            async with self._session.request(method, self._url + path, headers=headers, **content) as response:
                if response.status not in (200, 202):
                    raise CallFailedError(STATUS_BY_HTTP.get(response.status, "error"))
                return await response.json()
        except (aiohttp.ClientError, OSError) as error:
            raise CallFailedError(connection_status(error)) from error
        except ValueError as error:
            raise CallFailedError("error") from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()
