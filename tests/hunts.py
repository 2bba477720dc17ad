"""Hunting for the truth in all that a training session tells before its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from lab.investigation.exercises import Course, exercise_of
from lab.investigation.training import Training
from lab.scenario import LoadedScenario
from tests.api_hunter import hunted
from tests.investigating import Client, Reply, client, training

OPENAPI = "/api/openapi.json"
SEED = 7_654_321
FAULT_ID, DECOY_ID = "guilty-one", "harmless-one"
Replies = Mapping[str, Reply]


@dataclass
class Hunt:
    """A session on an incident, and the directory of the server."""

    training: Training
    client: Client
    session: str
    directory: Path

    @property
    def run(self) -> str:
        """The name of the recording's directory."""
        return next((self.directory / "state" / "incidents").glob("[!.]*")).name

    def move(self, times: int, jump: str) -> float:
        """Moves the clock; where it is then, rounded to what can be seen."""
        for _ in range(times):
            self.client.post(f"/sessions/{self.session}/clock", {"jump": jump})
        return float(self.client.get(f"/sessions/{self.session}")["clock"]["as_of_s"])

    def answers(self, *guesses: str) -> dict[str, Reply]:
        """What everything tells that can be asked for."""
        return hunted(self.client, self.session, guesses)

    def same(self, text: str) -> str:
        """A text without the session's id, and without what of a caller's own token is in it."""
        return re.sub(r'"csrf":"[0-9a-f]+"', "", text.replace(self.session, "SESSION"))

    def needles(self, name: str, hints: Iterable[str]) -> dict[str, str]:
        """What no answer may hold, as a regular expression, by what it is."""
        return {
            "the scenario's name": rf"(?<!\w){re.escape(name)}(?!\w)",
            "the seed": rf"(?<![\d.]){SEED}(?!\d)",
            "the recording's directory": re.escape(self.run),
            "a directory of the server": re.escape(str(self.directory.parent)),
            "a fault's or decoy's id": f"{FAULT_ID}|{DECOY_ID}",
            "a hint": "|".join(map(re.escape, hints)),
            "the truth": "injected_s|reverted_s|witnessed|counterfactual|decoy|(faults|effects|courses).json",
            "a traceback": r"Traceback|\.py\b|line \d+, in",
        }


def begun(loaded: LoadedScenario, directory: Path, kind: type[Hunt] = Hunt) -> Hunt:
    """A session on a scenario's incident, begun."""
    course = Course("own", "Own scenarios", (exercise_of(loaded, "own", 1, SEED),))
    made = training(directory / "state", [course])
    asking = client(made)
    return kind(made, asking, asking.post("/sessions", {"exercise": "own-1"})["id"], directory)


def hits(found: Mapping[float, Replies], needles: Mapping[str, str]) -> list[tuple[float, str, str, str]]:
    """Clock, path, what and text of each needle that an answer holds.

    Whoever puts a needle into the request may get it back as what was seen.
    """
    told = []
    for as_of_s, replies in found.items():
        for path, reply in replies.items():
            text = f"{json.dumps(dict(reply.headers))}\n{reply.body.decode('utf-8', 'replace')}"
            for what, needle in needles.items() if path != OPENAPI else ():
                seen = {match[0] for match in re.finditer(needle, text)}
                told += [(as_of_s, path, what, hit) for hit in seen if hit not in unquote_plus(path)]
    return told


def naming(found: Mapping[float, Replies], text: str) -> set[str]:
    """The paths whose answers name something that was not asked for."""
    return {
        path
        for replies in found.values()
        for path, reply in replies.items()
        if text in reply.body.decode("utf-8", "replace") and text not in unquote_plus(path)
    }


def statuses(found: Mapping[float, Replies], *ends: str) -> set[int]:
    """How the paths with these ends were answered, or all of them."""
    return {reply.status for replies in found.values() for path, reply in replies.items() if path.endswith(ends or "")}


def told_as_json(replies: Replies) -> Iterable[tuple[str, Any]]:
    """Path and content of what was answered as JSON, but the description of the API."""
    for path, reply in replies.items():
        if reply.status == 200 and "json" in reply.headers["content-type"] and path != OPENAPI:
            yield path, reply.json
