"""Runs the fault proxy: `python -m services.links`, configured by the environment.

LINKS_CONFIG   the links, as JSON text or as the name of a file holding it
LINKS_HOST     address the links listen on (default 127.0.0.1)
LINKS_API      addresses of the control API: HOST[,HOST...]:PORT (default 127.0.0.1:8474)
LINKS_TOKEN    what callers of the control API must know; without one the proxy does not start
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from lab.agreed import ports

from .api import Api, error_response
from .http_server import serve
from .proxy import ConfigError, LinkConfig, Proxy, parse_links


def log(event: str, **details: Any) -> None:
    """Writes one JSON line to stdout."""
    line = {"time": datetime.now(UTC).isoformat(), "component": "links", "event": event, **details}
    print(json.dumps(line), flush=True)


def read_config(value: str) -> list[LinkConfig]:
    """The links from JSON text or from a file. ConfigError if there are none to be read."""
    try:
        text = value if value.lstrip().startswith("[") else Path(value).read_text(encoding="utf-8")
        return parse_links(json.loads(text))
    except (OSError, json.JSONDecodeError) as error:
        raise ConfigError(str(error)) from None


async def run(links: list[LinkConfig], host: str, api_address: str, token: str) -> None:
    """Serves until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    proxy = Proxy(links, log, Random())
    await proxy.start(host)
    api_hosts, _, api_port = api_address.rpartition(":")
    api = Api(proxy, token)
    server = await serve(api.handle, error_response, api.admit, api_hosts.split(","), int(api_port))
    log("ready", api_port=server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    proxy.close()
    await asyncio.sleep(0)  # lets the resets go out


def main() -> int:
    """Exit code 0 after a signal, 2 when the configuration is not usable."""
    try:
        links = read_config(os.environ.get("LINKS_CONFIG", ""))
    except ConfigError as error:
        print(f"LINKS_CONFIG: {error}", file=sys.stderr)
        return 2
    token = os.environ.pop("LINKS_TOKEN", "").strip()
    if not token:
        print("LINKS_TOKEN: not set; expected the token that the control API is to want", file=sys.stderr)
        return 2
    host = os.environ.get("LINKS_HOST", "127.0.0.1")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(links, host, os.environ.get("LINKS_API", f"127.0.0.1:{ports.LINKS}"), token))
    return 0


if __name__ == "__main__":
    sys.exit(main())
