"""Checks across fields of a system: whether steps, links, jobs, SLOs and the world fit together.

Like the checks of scenarios these read plain data, so that all problems of a file come at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

from lab.errors import nearest
from lab.files.reading import Reading
from lab.files.yamlsource import KeyPath
from lab.registration.observability import HOST
from lab.systems import amounts
from lab.systems.job_checks import JobChecks
from lab.systems.topology import MAX_COMPONENTS, MAX_RETRIES, ComponentKind
from lab.systems.world_checks import StepRead, WorldChecks, sli_problems

_UNCALLED = ("users", "job")
_KINDS = get_args(ComponentKind)


@dataclass(slots=True)
class SystemChecks(Reading):
    """Runs all checks on construction."""

    kinds: dict[str, str | None] = field(init=False)
    steps: list[StepRead] = field(init=False)

    def __post_init__(self) -> None:
        parts = self.document.get(("components",))
        if not isinstance(parts, dict) or len(parts) > MAX_COMPONENTS:
            return
        kinds = {name: self._text(("components", name, "kind")) for name in parts}
        self.kinds = {name: kind if kind in _KINDS else None for name, kind in kinds.items()}
        self.steps = [self._step(path) for path in self._step_paths()]
        self._check_names()
        self._check_calls()
        self._check_links()
        self._check_users()
        self._check_circles()
        self._check_amounts()
        self.problems += JobChecks(self.document, self.kinds).problems
        self._check_pools()
        self._check_messages()
        self._check_slos()
        self.problems += WorldChecks(self.document, self.kinds, self.steps).problems

    def _step_paths(self) -> Iterator[KeyPath]:
        for name in self.kinds:
            steps = self.document.get(("components", name, "steps"))
            for i, step in enumerate(steps if isinstance(steps, list) else []):
                if isinstance(step, dict):
                    yield "components", name, "steps", i

    def _step(self, path: KeyPath) -> StepRead:
        name, call, operation = (self._text((*path, key)) for key in ("name", "call", "operation"))
        return StepRead(path, str(path[1]), name, call, operation, call if call in self.kinds else None)

    def _check_names(self) -> None:
        """No component is called `host`; each step once in its component; `unless` and `after` name earlier steps."""
        if HOST in self.kinds:
            hint = "telemetry calls the machine under all components so"
            self._report(("components", HOST), f"no component may be called {HOST!r}", at_key=True, hint=hint)
        earlier: dict[str, dict[str, StepRead]] = {name: {} for name in self.kinds}
        for step in self.steps:
            known = earlier[step.caller]
            for key in ("unless", "after"):
                name = self._text((*step.path, key))
                if name is not None and name not in known:
                    hint = nearest(name, known) or "this is the first step"
                    what = f"{step.caller!r} has no earlier step {name!r}"
                    self._report((*step.path, key), what, expected="the name of an earlier step", hint=hint)
            if step.name is not None and step.name in known:
                hint = self._first_given((*known[step.name].path, "name"))
                self._report((*step.path, "name"), f"duplicate step {step.name!r}", hint=hint)
            if step.name is not None:
                known.setdefault(step.name, step)

    def _check_calls(self) -> None:
        serving = [name for name, kind in self.kinds.items() if kind not in _UNCALLED]
        called = {step.callee for step in self.steps}
        for step in self.steps:
            place = (*step.path, "call")
            if step.call is not None and step.callee is None:
                self._report(place, f"unknown component {step.call!r}", hint=nearest(step.call, serving))
            elif step.callee is not None and step.callee not in serving:
                what = f"{step.callee!r} takes no calls"
                seen, hint = f"a component of kind {self.kinds[step.callee]}", f"one of: {', '.join(serving)}"
                self._report(place, what, seen=seen, expected="a component that serves requests", hint=hint)
        if self._all_calls_known() and {"users", "job"} & set(self.kinds.values()):
            for name in serving:
                # A component without callers shows no symptoms.
                if name not in called and self.kinds[name] is not None:
                    hint = "what works by itself is of kind 'job'"
                    what = f"no step calls {name!r}"
                    self._report(("components", name), what, hint=hint, at_key=True)

    def _all_calls_known(self, caller: str | None = None) -> bool:
        return all(s.call is None or s.callee is not None for s in self.steps if caller in (None, s.caller))

    def _check_links(self) -> None:
        links = self.document.get(("links",))
        if not isinstance(links, dict):
            return
        calls = {f"{step.caller}->{step.callee}": step for step in reversed(self.steps) if step.callee is not None}
        for name in links:
            ends = name.split("->")
            unknown = [end for end in ends if end not in self.kinds]
            if len(ends) != 2 or name in calls:
                continue
            for end in unknown:
                what, hint = f"link {name!r} leads to no component {end!r}", nearest(end, self.kinds)
                what = what if end == ends[1] else f"link {name!r} begins at no component {end!r}"
                self._report(("links", name), what, hint=hint, at_key=True)
            if not unknown and self._all_calls_known(ends[0]):
                hint = nearest(name, set(calls) - set(links))
                what = f"no step calls over link {name!r}"
                self._report(("links", name), what, hint=hint, at_key=True)
        for name, step in calls.items():
            if name not in links:
                hint = nearest(name, set(links) - set(calls))
                what = f"step calls over {name!r}, which is not under links"
                self._report((*step.path, "call"), what, expected=f"{name} under links", hint=hint)

    def _check_users(self) -> None:
        users = [name for name, kind in self.kinds.items() if kind == "users"]
        whole = "at most one component of kind 'users', with exactly one step: the entry call"
        if not {"users", "job", None} & set(self.kinds.values()):
            what, expected = "nothing ever happens in this system", "a component of kind 'users' or 'job'"
            self._report(("components",), what, expected=expected, at_key=True)
        for name in users[1:]:
            hint = f"the first is {users[0]!r}"
            self._report(("components", name, "kind"), "more than one component is of kind 'users'", "", whole, hint)
        for name in users:
            path: KeyPath = ("components", name, "steps")
            steps = self.document.get(path)
            if steps is None or (isinstance(steps, list) and len(steps) != 1):
                seen = f"{len(steps or [])} steps"
                self._report(path, f"{name!r} does not have one step", seen=seen, expected=whole)
            elif (*path, 0, "run") in self.document.values:
                self._report((*path, 0, "run"), "users run no code of the system", expected="the entry: 'call'")
            elif self.document.get((*path, 0, "when")) is not None:
                what, hint = f"{name!r} would never call", "a request has no value before the system handled it"
                self._report((*path, 0, "when"), what, expected="an entry call without 'when'", hint=hint, at_key=True)

    def _check_circles(self) -> None:
        """No component calls itself, be it by way of others."""
        made: dict[str, list[StepRead]] = {name: [] for name in self.kinds}
        for step in self.steps:
            made[step.caller].append(step)
        seen: set[str] = set()

        def follow(name: str, above: tuple[str, ...]) -> None:
            seen.add(name)
            for step in made[name]:
                if step.callee in (*above, name):
                    circle = " -> ".join((*(*above, name)[(*above, name).index(step.callee) :], step.callee))
                    self._report((*step.path, "call"), "the calls run in a circle", seen=circle)
                elif step.callee is not None and step.callee not in seen:
                    follow(step.callee, (*above, name))

        for name in sorted(made, key=lambda name: self.kinds[name] not in _UNCALLED):
            if name not in seen:
                follow(name, ())

    def _check_amounts(self) -> None:
        """No request, and no run of a job, leads to more calls than can be simulated."""
        calls = [(step, step.callee) for step in self.steps if step.callee is not None]
        for limit, word, how, is_retried in (
            (amounts.MAX_CALLS, "calls", "each step once", False),
            (amounts.MAX_ATTEMPTS, "attempts", "each step with all its retries", True),
        ):
            plans: dict[str, list[amounts.Call]] = {name: [] for name in self.kinds}
            for step, callee in calls:
                plans[step.caller].append(amounts.Call(callee, 1 + self._retries(step) if is_retried else 1))
            found = amounts.calls_of_a_visit(plans)
            root = max(found, key=lambda name: (found[name], self.kinds[name] in _UNCALLED), default=None)
            if root is None or found[root] <= limit:
                continue
            worst = amounts.most_multiplying(plans, found, root)
            times = f"{amounts.multiplies(plans, found, worst):.3g}"
            self._report(
                ("components", worst, "steps"),
                f"one {'run' if self.kinds[root] == 'job' else 'request'} of {root!r} can lead to too many {word}",
                seen=f"{amounts.shown_count(found[root])} {word}, {how}",
                expected=f"at most {limit:,}",
                hint=f"{worst!r} multiplies most, by {times}: let it {'try' if is_retried else 'call'} less often, "
                "or let fewer components lie below it",
            )
            return

    def _retries(self, step: StepRead) -> int:
        value = self.document.get((*step.path, "retries"))
        return value if type(value) is int and 0 <= value <= MAX_RETRIES else 0

    def _check_pools(self) -> None:
        """What hands out workers takes calls, and connections are for calls that use them."""
        for name, kind in self.kinds.items():
            for key in ("handling", "queue"):
                path: KeyPath = ("components", name, key)
                if kind in _UNCALLED and path in self.document.values:
                    what = f"{name!r} is of kind {kind}, which takes no calls and has no {key!r}"
                    self._report(path, what, at_key=True)
        for step in self.steps:
            path = (*step.path, "pool")
            if step.call is None and path in self.document.values:
                self._report(path, "own code needs no connections", expected="'pool' beside 'call'", at_key=True)
        sharing = {f"{s.caller}->{s.callee}" for s in self.steps if (*s.path, "pool") not in self.document.values}
        calling = {f"{step.caller}->{step.callee}" for step in self.steps}
        links = self.document.get(("links",))
        for link in sorted(calling - sharing) if isinstance(links, dict) else ():
            path = ("links", link, "pool")
            if self.document.get(path) is not None:
                what, hint = f"nothing uses the pool of {link!r}", "each step over the link has a pool of its own"
                self._report(path, what, expected="a pool that some step uses", hint=hint, at_key=True)

    def _check_messages(self) -> None:
        """What waits for no answer says nothing of answers; users wait for theirs."""
        for step in self.steps:
            path = (*step.path, "wait")
            if self.document.get(path) is not False:
                continue
            if step.call is None:
                self._report(path, "own code is waited for", expected="'wait' beside 'call'", at_key=True)
            if self.kinds.get(step.caller) == "users":
                self._report(path, f"{step.caller!r} must wait: the entry call is how requests end", at_key=True)
            for key in ("timeout", "retries", "backoff", "fallback"):
                if (*step.path, key) in self.document.values:
                    what = f"{key!r} of a call that is not waited for"
                    hint = "its sender does not learn what became of it"
                    self._report((*step.path, key), what, hint=hint, at_key=True)

    def _check_slos(self) -> None:
        first: dict[str, KeyPath] = {}
        for path in self._mappings("slos", limit=1000):
            name = self._text((*path, "name"))
            if name is not None and name in first:
                self._report((*path, "name"), f"duplicate SLO {name!r}", hint=self._first_given(first[name]))
            if name is not None:
                first.setdefault(name, (*path, "name"))
            self.problems += sli_problems(self.document, (*path, "sli"), self._world, self.kinds.values())

    @property
    def _world(self) -> str | None:
        return self._text(("world", "name")) if self.document.get(("world",)) is not None else None
