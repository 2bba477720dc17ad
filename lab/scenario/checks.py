"""Checks across fields of a scenario: do faults, targets, windows, levers and load fit each other and the system?

The checks read the plain data and take what they can from it, so that they also run on a file in which other
things are wrong: all problems of a file come at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from lab.errors import ParameterError, UserError, nearest
from lab.files.reading import Reading
from lab.files.units import duration_s, format_duration, rate_per_s, written_time
from lab.files.yamlmodel import check
from lab.files.yamlsource import KeyPath
from lab.injection.dry_run import pulls
from lab.injection.faults import FaultType, Parameters, fault_types, witnesses_of
from lab.recording.shapes import MAX_INTERVALS
from lab.registration.known import slis_of
from lab.registration.world import registered
from lab.scenario.model import MAX_REQUESTS, MAX_USES
from lab.systems.topology import System
from lab.systems.world_checks import sli_problems
from lab.systems.worlds import world_of

# Windows given in decimal fractions may miss each other by a rounding error.
_ROUNDING_S = 1e-6


@dataclass(slots=True)
class _Use:
    """A fault or decoy as far as the file defines it; None for what is missing."""

    path: KeyPath
    id: str | None
    at_s: float | None
    end_s: float | None
    kind: FaultType | None = None
    target: str | None = None
    parameters: Parameters | None = None


@dataclass(slots=True)
class CrossChecks(Reading):
    """Runs all checks on construction; `parameters` holds the validated `with:` by the path of the use."""

    system: System | None
    parameters: dict[KeyPath, Parameters] = field(default_factory=dict)

    def __post_init__(self) -> None:
        length_s = self._quantity(("duration",), duration_s)
        uses = [self._use(path, length_s) for path in self._mappings("faults", "decoys", limit=MAX_USES)]
        self._check_ids(uses)
        for use in uses:
            self._check_window(use, length_s)
        self._check_levers(uses)
        self._check_load(length_s)
        self._check_scrapes(length_s)
        self._check_tolerance()
        self._check_slis()
        self._check_steady(uses, length_s or 0.0)
        self._check_degraded()
        if not self.problems:
            self._check_shown(uses)

    def _use(self, path: KeyPath, length_s: float | None) -> _Use:
        at_s, for_s = (self._quantity((*path, key), duration_s) for key in ("at", "for"))
        end_s = None if at_s is None or for_s is None else at_s + for_s
        if path[0] == "decoys" and (*path, "for") not in self.document.values:
            end_s = length_s
        use = _Use(path, self._text((*path, "id")), at_s, end_s)
        use.kind = self._kind(path)
        use.target = self._target(path, use.kind)
        if use.kind and isinstance(self.document.get((*path, "with")), dict | None):
            parameters, problems = check(self.document, use.kind.parameters, (*path, "with"))
            self.problems += problems
            if parameters is not None:
                if self.system and use.target:
                    parameters = use.kind.completed(parameters, self.system, use.target)
                use.parameters = self.parameters[path] = parameters
        return use

    def _kind(self, path: KeyPath) -> FaultType | None:
        name, types = self._text((*path, "type")), fault_types()
        if name is None:
            return None
        decoy_wanted = path[0] == "decoys"
        word = "decoy" if decoy_wanted else "fault"
        if name not in types:
            hint = nearest(name, (n for n, kind in types.items() if kind.is_decoy == decoy_wanted))
            self._report((*path, "type"), f"unknown {word} {name!r}", hint=hint)
            return None
        if types[name].is_decoy != decoy_wanted:
            other = "fault" if decoy_wanted else "decoy"
            hint = f"list it under {other}s"
            self._report((*path, "type"), f"{name!r} is a {other}, not a {word}", expected=f"a {word}", hint=hint)
        self._check_witnesses(path, types[name])
        return types[name]

    def _check_shown(self, uses: list[_Use]) -> None:
        for use in uses:
            if self.system and use.kind and not use.kind.is_decoy and not witnesses_of(use.kind, world_of(self.system)):
                what = f"nothing shows {use.kind.name!r} in system {self.system.name!r}"
                hint = "no signal of every system does; its world would have to declare witnesses for it"
                self._report((*use.path, "type"), what, expected="a fault that can be seen", hint=hint)

    def _check_witnesses(self, path: KeyPath, kind: FaultType) -> None:
        from lab.signals.catalogue import known_signals

        if any(isinstance(world, UserError) for world in registered().values()):
            return  # the signal may be one of a world that cannot be loaded, which is said by itself
        known = known_signals()
        world = world_of(self.system) if self.system else None
        for witness in witnesses_of(kind, world):
            if witness.signal not in known:
                what = f"{kind.name!r} has a witness with the unknown signal {witness.signal!r}"
                close = nearest(witness.signal, known)
                close = f"; {close}" if close.startswith("did") else ""
                is_own = world is None or witness in kind.witnesses
                hint = f"this is a defect of {f'the module {kind.module}' if is_own else 'the world'}{close}"
                self._report((*path, "type"), what, expected="a signal that `docs/signals.md` lists", hint=hint)

    def _target(self, path: KeyPath, kind: FaultType | None) -> str | None:
        name = self._text((*path, "target"))
        if name is None or self.system is None:
            return None
        elements = self.system.elements()
        fitting = [n for n, k in elements.items() if kind is None or _fits(kind, k)]
        if name in fitting:
            return name
        place, system = (*path, "target"), self.system.name
        if name not in elements:
            what = "link" if "->" in name else "component"
            self._report(place, f"system {system!r} has no {what} {name!r}", hint=nearest(name, fitting or elements))
        elif kind is not None:
            expected = _any_of(kind.target_kinds)
            hint = f"in {system!r}: {', '.join(fitting) or 'none'}"
            what = f"{kind.name!r} has no effect on {name!r}"
            self._report(place, what, seen=_any_of({elements[name]}), expected=expected, hint=hint)
        return None

    def _check_ids(self, uses: list[_Use]) -> None:
        first: dict[str, _Use] = {}
        for use in uses:
            if use.id is None:
                continue
            if use.id in first:
                hint = self._first_given((*first[use.id].path, "id"))
                self._report((*use.path, "id"), f"duplicate id {use.id!r}", hint=hint)
            first.setdefault(use.id, use)

    def _check_window(self, use: _Use, length_s: float | None) -> None:
        if self._quantity((*use.path, "for"), duration_s) == 0:
            self._report((*use.path, "for"), "the window has no length", expected="a duration longer than 0s")
        if use.at_s is None or length_s is None:
            return
        length = written_time(length_s)
        if use.at_s >= length_s:
            seen, expected = written_time(use.at_s), f"a time before {length}, the duration"
            self._report((*use.path, "at"), "it begins past the end of the scenario", seen=seen, expected=expected)
        elif use.end_s is not None and use.end_s > length_s + _ROUNDING_S:
            seen = f"{written_time(use.at_s)} + {written_time(use.end_s - use.at_s)} = {written_time(use.end_s)}"
            what, expected = "it lasts past the end of the scenario", f"an end by {length}, the duration"
            self._report((*use.path, "for"), what, seen=seen, expected=expected)

    def _check_levers(self, uses: list[_Use]) -> None:
        holders: dict[tuple[str, str], list[_Use]] = {}
        for use in uses:
            for lever in dict.fromkeys(self._pulls(use)):
                earlier = holders.setdefault(lever, [])
                other = next((o for o in earlier if _overlap(o, use)), None)
                if other is not None and other.at_s is not None and other.end_s is not None:
                    line, _ = self.document.values[other.path]
                    seen = f"{lever[0]} on {lever[1]}, held by {other.id!r} (line {line})"
                    seen += f" from {written_time(other.at_s)} to {written_time(other.end_s)}"
                    expected = "windows that do not overlap, or another lever"
                    self._report((*use.path, "at"), "two uses of one lever overlap", seen=seen, expected=expected)
                earlier.append(use)

    def _pulls(self, use: _Use) -> tuple[tuple[str, str], ...]:
        if self.system is None or use.kind is None or use.target is None or use.parameters is None:
            return ()
        try:
            return pulls(use.kind, use.target, use.parameters, self.system)
        except UserError as error:
            parameter = error.parameter if isinstance(error, ParameterError) else ""
            place = ("with", parameter) if parameter in use.kind.parameters.model_fields else ("type",)
            for problem in error.problems:
                what = f"{use.kind.name!r} cannot be planned: {problem.what}"
                self._report((*use.path, *place), what, problem.seen, problem.expected, problem.hint)
        except Exception as error:  # a plug-in's own: nothing it does may keep the other files from being checked
            what = f"{use.kind.name!r} fails while it is planned: {type(error).__name__}: {error}"
            self._report((*use.path, "type"), what, hint=f"this is a defect of the module {use.kind.module}")
        return ()

    def _check_load(self, length_s: float | None) -> None:
        has_load = self.document.get(("load",)) is not None
        if self.system is not None and has_load != (self.system.users is not None):
            what = "a load, but nobody sends requests" if has_load else "no load: how many requests come?"
            hint = f"system {self.system.name!r} has {'no' if has_load else 'a'} component of kind 'users'"
            expected = "no key 'load'" if has_load else "load: {stages: [{for: 10m, rate: 20/s}]}"
            self._report(("load",), what, expected=expected, hint=hint, at_key=has_load)
        stages = self.document.get(("load", "stages"))
        count = len(stages) if isinstance(stages, list) else 0
        lengths = [self._quantity(("load", "stages", i, "for"), duration_s) for i in range(count)]
        rates = [self._quantity(("load", "stages", i, "rate"), rate_per_s) for i in range(count)]
        total_s, requests = 0.0, 0.0
        for stage_s, rate in zip(lengths, rates, strict=True):
            total_s += stage_s or 0.0
            requests += (stage_s or 0.0) * (rate or 0.0)
        # Before the recording begins, people come as often as in its first stage.
        requests += (self.system.warmup_s if self.system else 0.0) * ((rates[0] if rates else None) or 0.0)
        if requests > MAX_REQUESTS:
            seen, expected = f"{requests:.0f} in the warm-up and all stages", f"at most {MAX_REQUESTS}"
            self._report(("load", "stages"), "too many requests", seen=seen, expected=expected)
        if length_s is None:
            return
        if count and None not in lengths and abs(total_s - length_s) > _ROUNDING_S:
            seen, expected = f"{format_duration(total_s)} in all", f"{format_duration(length_s)}, the duration"
            self._report(("load", "stages"), "the stages do not add up to the duration", seen=seen, expected=expected)
        limit_s = self._quantity(("safety", "max_duration"), duration_s)
        if limit_s is not None and length_s > limit_s:
            expected = f"at most {format_duration(limit_s)}"
            what = "the duration is longer than safety.max_duration"
            self._report(("duration",), what, seen=format_duration(length_s), expected=expected)

    def _check_scrapes(self, length_s: float | None) -> None:
        """Signals have a value per scrape: one value shows nothing, and there is a limit to what recordings hold."""
        if self.system is None or length_s is None:
            return
        interval_s = self.system.scrape_interval_s
        if length_s / interval_s > MAX_INTERVALS:
            seen = f"{length_s / interval_s:,.0f}: {format_duration(length_s)} by {format_duration(interval_s)}"
            hint = "scrape less often (`observe: {scrape_interval: …}`), or let the scenario be shorter"
            expected = f"at most {MAX_INTERVALS:,} in a recording"
            self._report(("duration",), "too many scrape intervals", seen=seen, expected=expected, hint=hint)
        if length_s >= 2 * interval_s:
            return
        what = f"the duration is shorter than two scrape intervals of system {self.system.name!r}"
        expected = f"at least {format_duration(2 * self.system.scrape_interval_s)}"
        self._report(("duration",), what, seen=format_duration(length_s), expected=expected)

    def _check_tolerance(self) -> None:
        """Only jobs have periods."""
        path: KeyPath = ("grading", "onset_within")
        if self.system is not None and "period" in (self._text(path) or "") and not self.system.periods_s:
            what = f"the system {self.system.name!r} has no jobs, so no periods"
            self._report(path, what, seen=str(self._text(path)), expected="a duration with its unit: 60s")

    def _check_slis(self) -> None:
        if self.system is None:
            return
        kinds = {component.kind for component in self.system.components.values()}
        world, goals = self.system.world, {slo.sli for slo in self.system.slos}
        for section, is_live in ((("steady_state",), False), (("safety", "stop_when"), True)):
            bounds = self.document.get(section)
            for i in range(len(bounds) if isinstance(bounds, list) else 0):
                path = (*section, i, "sli")
                self.problems += sli_problems(self.document, path, world.name if world else None, kinds)
                sli = slis_of(world.name if world else None).get(self._text(path) or "")
                if sli is not None and sli.with_slo and sli.name not in goals and not is_live:
                    what = f"{sli.name} is recorded only where the system has an SLO on it"
                    hint = f"the SLOs of system {self.system.name!r} are on: {', '.join(sorted(goals)) or 'nothing'}"
                    self._report(path, what, hint=hint)

    def _check_steady(self, uses: list[_Use], length_s: float) -> None:
        """What is judged before the first fault or decoy takes a scrape interval before it."""
        if self.system is None or not self.document.get(("steady_state",)):
            return
        interval_s = self.system.scrape_interval_s
        if length_s < 2 * interval_s:  # which is reported already
            return
        for use in uses:
            if use.at_s is not None and use.at_s < interval_s:
                what = "begins before the steady state can be judged"
                expected = f"at least {format_duration(interval_s)}, a scrape interval"
                self._report((*use.path, "at"), what, seen=format_duration(use.at_s), expected=expected)

    def _check_degraded(self) -> None:
        """Only a control can be degraded: by its users, or where it serves their requests and can be saturated."""
        if self.document.get(("degraded",)) is None:
            return
        if self.document.get(("faults",)):
            what, expected = "a scenario with faults is declared degraded", "a control: no faults"
            hint = "`degraded` declares that the load alone breaks an SLO; with a fault, both could be the cause"
            self._report(("degraded",), what, expected=expected, hint=hint, at_key=True)
        name = self._text(("degraded", "element"))
        if name is None or self.system is None:
            return
        if self.system.users is None:
            what = f"system {self.system.name!r} takes no requests"
            self._report(("degraded",), what, expected="no key 'degraded': it means a load", at_key=True)
            return
        elements = self.system.elements()
        serving = [n for n, kind in elements.items() if _serves(kind)]
        degradable = [self.system.users, *serving]
        if name not in elements:
            what = f"system {self.system.name!r} has no component {name!r}"
            self._report(("degraded", "element"), what, hint=nearest(name, degradable))
        elif name not in degradable:
            what, seen = f"{name!r} cannot be saturated by requests", f"kind {elements[name]}"
            expected = f"{self.system.users}, or a component that serves them: {', '.join(serving)}"
            self._report(("degraded", "element"), what, seen=seen, expected=expected)


def _serves(element_kind: str) -> bool:
    return element_kind not in ("users", "job", "link")


def _fits(kind: FaultType, element_kind: str) -> bool:
    """Whether a fault takes elements of this kind; `component` stands for all that serve requests."""
    return element_kind in kind.target_kinds or ("component" in kind.target_kinds and _serves(element_kind))


def _any_of(kinds: Collection[str]) -> str:
    """What an element of one of these kinds is called: `a link`, `a component of kind cache or database`."""
    own = sorted({*kinds} - {"component", "link"})
    words = ["a component that serves requests"] if "component" in kinds else []
    words += [f"a component of kind {' or '.join(own)}"] if own else []
    return " or ".join([*words, "a link"] if "link" in kinds else words)


def _overlap(one: _Use, other: _Use) -> bool:
    if one.at_s is None or one.end_s is None or other.at_s is None or other.end_s is None:
        return False
    return max(one.at_s, other.at_s) < min(one.end_s, other.end_s) - _ROUNDING_S
