"""Everything that the API answers about a session, asked for in every way that its own description allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any
from urllib.parse import quote, urlencode

from lab.mcp.tools import tools
from tests.investigating import Client, Reply

ODD = (
    "",
    "*",
    "..",
    "../../truth/faults.json",
    "truth",
    "%2e%2e/truth",
    "null",
    "-1",
    "1e9",
    "f1",
    "run.json",
    "\x00",
    "é" * 20,
)
"""What somebody would try who looks for more than there is."""
LATER_S = (None, 0.0, 1e9)
MOST_NAMES = 60
"""Of each sort of name, that are asked for."""


def hunted(client: Client, session: str, guesses: Sequence[str]) -> dict[str, Reply]:
    """Answers by path with query: of what there is by the clock, and of later times, guesses and odd values."""
    hunter = _Hunter(client, session, [*guesses, *ODD])
    return {path: client.ask("GET", path) for path in dict.fromkeys(hunter.paths())}


class _Hunter:
    def __init__(self, client: Client, session: str, guesses: Sequence[str]) -> None:
        self.client, self.session, self.guesses = client, session, guesses
        self.base = f"/sessions/{quote(session)}"

    def paths(self) -> Iterator[str]:
        for path in self._below_the_prefix():
            yield f"/api/v1{path}"
        yield "/api/openapi.json"
        for guess in self.guesses:
            yield f"/static/{quote(guess, safe='/%')}"
            yield f"/{quote(guess, safe='/%')}"

    def _below_the_prefix(self) -> Iterator[str]:
        yield from ("/me", "/exercises", "/sessions", "/vocabulary", "/group", "/group/export?format=csv")
        for plain in ("", "/alerts", "/changes", "/system", "/signals", "/metrics", "/tables", "/jobs", "/versions",
                      "/reference", "/remedies", "/board", "/debrief", "/postmortem", "/postmortem/draft", "/calendar",
                      "/calendar?part=differences", "/datasets", "/lineage"):  # fmt: skip
            yield self.base + plain
        yield from (f"/sessions/{quote(guess, safe='')}/alerts" for guess in self.guesses)
        for guess in filter(None, self.guesses):
            yield self._asked("/datasets", dataset=guess)
            yield self._asked("/lineage", job=guess)
            yield self._asked("/moment", of=guess)
        yield from self._series()
        yield from self._traces()
        yield from self._logs()
        yield from self._tables()
        names = [one["name"] for one in self.client.get(f"{self.base}/reference")]
        yield from (f"{self.base}/reference/{quote(name, safe='')}" for name in (*names, *self.guesses))

    def _asked(self, path: str, **query: Any) -> str:
        given = {key: value for key, value in query.items() if value is not None}
        return f"{self.base}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")

    def _series(self) -> Iterator[str]:
        signals = self.client.get(f"{self.base}/signals")["signals"]
        known = [f"{one['signal']}:{subject}" for one in signals for subject in one["subjects"]]
        guessed = [f"{signals[0]['signal']}:{guess}" for guess in self.guesses if guess]
        for name in (*known[:MOST_NAMES], *guessed, *filter(None, self.guesses)):
            yield self._asked("/series", of=[name])
        for until_s in LATER_S:
            yield self._asked("/series", of=known[:12], until_s=until_s, since_s=0.0)
        for one in self.client.get(f"{self.base}/metrics")["metrics"][:MOST_NAMES]:
            for series in one["series"][:3]:
                names = (one["metric"], *(str(series.get(key) or "") for key in ("service", "peer", "attribute")))
                yield self._asked("/metric-series", of=["|".join(names)], until_s=1e9)
        yield from (self._asked("/metric-series", of=[guess]) for guess in self.guesses if guess)

    def _traces(self) -> Iterator[str]:
        found = []
        for order, until_s in ((order, until_s) for order in ("slowest", "latest", "first") for until_s in LATER_S):
            path = self._asked("/traces", order=order, until_s=until_s, limit=50)
            found += [one["trace_id"] for one in self.client.get(path)["traces"]][:10]
            yield path
        yield from (self._asked(f"/traces/{name}") for name in dict.fromkeys(found))
        for guess in filter(None, self.guesses):
            yield self._asked(f"/traces/{quote(guess, safe='')}")
            yield self._asked("/traces", service=guess)
            yield self._asked("/traces", status=guess)

    def _logs(self) -> Iterator[str]:
        yield self._asked("/logs", limit=500, until_s=1e9)
        for guess in filter(None, self.guesses):
            for key in ("contains", "service", "event", "severity", "trace_id"):
                yield self._asked("/logs", **{key: guess})
        yield self._asked("/logs", before=2**50)

    def _tables(self) -> Iterator[str]:
        for table in self.client.get(f"{self.base}/tables"):
            name, columns = table["name"], [column["name"] for column in table["columns"]]
            for order, until_s in (("latest", 1e9), ("first", None)):
                yield self._asked(f"/tables/{name}/rows", order=order, until_s=until_s, limit=200)
            yield from (self._asked(f"/tables/{name}/rows", where=[f"{columns[0]}:{guess}"]) for guess in self.guesses)
            for column in chain(columns, self.guesses):
                place = f"/tables/{name}/columns/{quote(column, safe='')}/distribution"
                yield from (self._asked(place, until_s=until_s) for until_s in LATER_S)
        yield from (self._asked(f"/tables/{quote(guess, safe='')}/rows") for guess in self.guesses)


def operations_asked(openapi: Any, session: str, replies: dict[str, Reply]) -> tuple[set[str], set[str]]:
    """The names of all operations that only look at a session, and of those for which there was an answer."""
    looking = {tool.name: tool.path for tool in tools(openapi, session) if tool.method == "get"}
    answered = set()
    for name, path in looking.items():
        parts = path.split("/")
        for asked, reply in replies.items():
            given = asked.partition("?")[0].split("/")
            is_it = len(given) == len(parts) and all(
                part.startswith("{") or part == one for part, one in zip(parts, given, strict=True)
            )
            if is_it and reply.status < 500:
                answered.add(name)
    return set(looking), answered


def later_times(answer: Any, as_of_s: float) -> Iterator[float]:
    """Times in an answer that the clock has not come to: when something was, and when it ended."""
    if isinstance(answer, dict):
        times = [answer[key] for key in ("time_s", "at_s") if isinstance(answer.get(key), int | float)]
        times += [time for time in answer.get("times_s", ()) if isinstance(time, int | float)]
        if answer.keys() & {"span_id", "spans"} and "time_s" in answer:  # a span is seen when it has ended
            times.append(answer["time_s"] + answer["duration_s"])
        yield from (time for time in times if time > as_of_s + 1e-9)
        for inner in answer.values():
            yield from later_times(inner, as_of_s)
    elif isinstance(answer, list):
        for inner in answer:
            yield from later_times(inner, as_of_s)
