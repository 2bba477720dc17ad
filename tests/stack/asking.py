"""What a stack answers when it is asked directly: its database, its cache, its model server, its rules."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lab.agreed import ports
from lab.testbeds.stack.cache import PASSWORD as CACHE_PASSWORD
from lab.testbeds.stack.session import Session
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.features import INDEX
from tests.waiting import PATIENCE_S

_ANSWER_OF_RULES = """
import http.client, random, socket, statistics, time
connection = http.client.HTTPConnection("links", 18080)
connection.connect()
connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
took = []
for _ in range(9):
    time.sleep(random.random() * 0.02)
    began = time.perf_counter()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    took.append(time.perf_counter() - began)
print(statistics.median(took))
"""


def answer_of_rules_s(stack: Session) -> float:
    """How long the rules take to answer one request over the proxy: the median of some."""
    return float(stack.compose.execute("features", ["python", "-c", _ANSWER_OF_RULES]))


def rows(stack: Session, statement: str) -> list[Any]:
    """What a statement of the lab's role returns."""
    with stack.levers.database.connect() as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def redis_of(stack: Session) -> Iterator[Any]:
    """The cache, as the lab's user."""
    import redis

    host, port = stack.compose.address("cache", 6379)
    with redis.Redis(host, port, password=stack.passwords[CACHE_PASSWORD]) as client:
        yield client


def predicted(stack: Session) -> tuple[int, Any]:
    """(HTTP status, answer) of the model server for one row of its inputs."""
    from lab.worlds.shop.features import INPUT_NAMES

    url = f"{stack.compose.url('model', ports.MODEL_REST)}/v1/models/model:predict"
    body = json.dumps({"inputs": [[0.0] * len(INPUT_NAMES)]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def profile(feature: str) -> Any:
    """A feature of all users of the shop, as they are."""
    return np.array(make_catalog(11).profile[:, INDEX[feature]])
