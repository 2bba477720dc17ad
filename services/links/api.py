"""The control API: JSON in, JSON out, errors as {"error": message}.

    GET    /healthz                       GET  /links          GET /links/{link}         GET /metrics
    PUT    /links/{link}/faults/{kind}    body: the fault's values and "lease_s"
    DELETE /links/{link}/faults/{kind}    DELETE /faults       both may be repeated
    POST   /leases/renew                  body: {} for all, or "link" and "kind"

All but /healthz want `Authorization: Bearer TOKEN`; /metrics as well, for it shows the faults. Else 401, before any
body is read.
Link names are percent-encoded in paths (`features-%3Edb`). A renewal that finds nothing is 404: the fault is over.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from lab.agreed.leases import LEASE_MAX_S
from services.common import metrics

from .faults import FAULTS, FaultError, number, parse_fault, values
from .http_server import HttpError, Request, Response
from .link import Link
from .metrics import ProxyMetrics
from .proxy import Proxy

LEASE_MIN_S = 0.05


def json_response(status: int, document: Any) -> Response:
    """A JSON answer."""
    return Response(status, json.dumps(document).encode() + b"\n")


def error_response(error: HttpError) -> Response:
    """An error in the API's form."""
    return replace(json_response(error.status, {"error": str(error)}), headers=error.headers)


class Api:
    """Answers requests about one proxy, to those who have the token. Raises HttpError for what it refuses."""

    def __init__(self, proxy: Proxy, token: str) -> None:
        self._proxy = proxy
        self._token = token.encode()

    def admit(self, path: str, headers: Mapping[str, str]) -> None:
        """HttpError 401 unless the request carries the token, or asks for health only. Takes the same time always."""
        if path == "/healthz":
            return
        authorization = headers.get("authorization", "")
        scheme, _, given = authorization.partition(" ")
        is_right = hmac.compare_digest(given.strip().encode(), self._token)
        if scheme.lower() != "bearer" or not is_right:
            seen = "a wrong token" if authorization else "no token"
            message = f"{seen}; expected the header 'Authorization: Bearer TOKEN' with the proxy's token of .env"
            raise HttpError(401, message, {"WWW-Authenticate": 'Bearer realm="control"'})

    def handle(self, request: Request) -> Response:
        """Answers one request."""
        path = [unquote(part) for part in request.path.strip("/").split("/")]
        if (request.method, path) == ("GET", ["metrics"]):
            return Response(200, metrics.page(ProxyMetrics(self._proxy)), metrics.CONTENT_TYPE)
        return json_response(200, self._route(request, path))

    def _route(self, request: Request, path: list[str]) -> dict[str, Any]:
        document: dict[str, Any]
        match request.method, path:
            case "GET", ["healthz"]:
                document = {"status": "ok"}
            case "GET", ["links"]:
                document = {"links": [self._describe(link) for link in self._proxy.links.values()]}
            case "GET", ["links", name]:
                document = self._describe(self._link(name))
            case "PUT", ["links", name, "faults", kind]:
                document = self._inject(self._link(name), kind, _read_object(request.body))
            case "DELETE", ["links", name, "faults", kind]:
                document = self._revert(self._link(name), kind)
            case "DELETE", ["faults"]:
                document = {"reverted": self._proxy.revert(self._proxy.leases.active())}
            case "POST", ["leases", "renew"]:
                document = self._renew(_read_object(request.body))
            case _:
                raise HttpError(404, f"no such resource: {request.method} {request.path}")
        return document

    def _link(self, name: str) -> Link:
        if name not in self._proxy.links:
            raise HttpError(404, f"unknown link {name!r}, expected one of {', '.join(self._proxy.links)}")
        return self._proxy.links[name]

    def _inject(self, link: Link, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        if "lease_s" not in body:
            raise HttpError(400, "every fault needs 'lease_s'")
        try:
            lease_s = number("lease_s", body.pop("lease_s"), LEASE_MIN_S, LEASE_MAX_S)
            fault = parse_fault(kind, body)
        except FaultError as error:
            raise HttpError(400, str(error)) from None
        self._proxy.inject(link.name, fault, lease_s)
        return self._describe(link)

    def _revert(self, link: Link, kind: str) -> dict[str, Any]:
        if kind not in FAULTS:
            raise HttpError(400, f"unknown fault {kind!r}, expected one of {', '.join(FAULTS)}")
        return {"reverted": self._proxy.revert([(link.name, kind)])}

    def _renew(self, body: dict[str, Any]) -> dict[str, Any]:
        if not body:
            return {"renewed": self._proxy.renew()}
        if set(body) != {"link", "kind"}:
            raise HttpError(400, "expected an empty object, or link and kind")
        count = self._proxy.renew(self._link(str(body["link"])).name, str(body["kind"]))
        if not count:
            raise HttpError(404, f"no fault {body['kind']!r} on {body['link']}")
        return {"renewed": count}

    def _describe(self, link: Link) -> dict[str, Any]:
        now_s = time.monotonic()
        return {
            "link": link.name,
            "listen": link.port,
            "upstream": f"{link.upstream_host}:{link.upstream_port}",
            "connections": len(link.connections),
            "faults": {
                kind: {
                    "values": values(lease.fault),
                    "lease_s": lease.lease_s,
                    "expires_in_s": round(lease.expires_s - now_s, 3),
                }
                for kind, lease in self._proxy.leases.of_link(link.name).items()
            },
        }


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        raise HttpError(400, "the body is not JSON") from None
    if not isinstance(document, dict):
        raise HttpError(400, "expected a JSON object")
    return document
