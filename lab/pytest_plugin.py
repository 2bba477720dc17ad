"""The pytest plugin: collects `*.scenario.yaml`, an item for each seed and engine, when engines are named.

Without `--lab-engine` or the ini option `lab_engines` it does nothing at all. Whatever is heavy is imported when a
scenario is collected, so that an installed lab does not slow pytest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from lab.engines.host import EngineHost
    from lab.judging.assess import Assessment
    from lab.runs.campaign import JobResult
    from lab.scenario import LoadedScenario
    from lab.testbeds.installed import Chosen

pytest.register_assert_rewrite("lab.driver_suite", "lab.world_suite")  # its failures say what was compared

SUFFIX = ".scenario.yaml"
_HOST = pytest.StashKey["EngineHost"]()
_ENGINES = pytest.StashKey[tuple[str, ...]]()
_TESTBED = pytest.StashKey["Chosen"]()
_HELD = pytest.StashKey["ExitStack"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos-lab", "chaos lab: scenarios as tests")
    group.addoption(
        "--lab-engine", action="append", default=[], metavar="ENGINE",
        help="Collect *.scenario.yaml and grade this engine on them: a name, rules:FILE, cmd:PROGRAM or a URL; "
        "may be repeated.",
    )  # fmt: skip
    group.addoption(
        "--lab-seeds", metavar="COUNT|A-B", help="Number of seeds (3), or a range of them (5-9), instead of the file's."
    )
    group.addoption("--lab-runs-dir", metavar="DIR", help="Where recordings are kept (default: runs).")
    group.addoption("--lab-testbed", metavar="NAME", help="Where scenarios run (default: the embedded simulator).")
    group.addoption(
        "--lab-testbed-option", action="append", default=[], metavar="NAME=VALUE",
        help="An option of that testbed, such as time-scale=5; may be repeated.",
    )  # fmt: skip
    parser.addini("lab_engines", "Engines to grade on *.scenario.yaml, one a line.", type="linelist", default=[])
    parser.addini("lab_seeds", "Number of seeds (3), or a range of them (5-9), instead of the file's.", default="")
    parser.addini("lab_testbed", "Where scenarios run, instead of the embedded simulator.", default="")
    options = "Options of that testbed, NAME=VALUE, one a line."
    parser.addini("lab_testbed_options", options, type="linelist", default=[])
    parser.addini("lab_runs_dir", "Where recordings of scenarios are kept.", default="")


def pytest_configure(config: pytest.Config) -> None:
    asked = config.getoption("lab_engine") or config.getini("lab_engines")
    config.stash[_ENGINES] = tuple(dict.fromkeys(asked))
    if not asked:
        return
    from lab.engines import engine_problems
    from lab.errors import UserError

    problems = [str(problem) for engine in config.stash[_ENGINES] for problem in engine_problems(engine)]
    try:
        _seeds(config)
        config.stash[_TESTBED] = _testbed(config)
    except UserError as error:
        problems.append(str(error))
    if problems:
        raise pytest.UsageError("\n".join(problems))
    config.addinivalue_line("markers", "lab: a scenario of the chaos lab")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _HELD in config.stash:
        config.stash[_HELD].close()
    host = config.stash.get(_HOST, None)
    if host is not None:
        host.__exit__(None, None, None)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    if file_path.name.endswith(SUFFIX) and parent.config.stash.get(_ENGINES, ()):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


class ScenarioFile(pytest.File):
    """One scenario file."""

    def collect(self) -> Iterator[ScenarioItem]:
        from lab.errors import UserError
        from lab.scenario import load_scenario

        try:
            loaded = load_scenario(self.path)
        except UserError as error:
            raise self.CollectError(str(error)) from None
        tags = loaded.scenario.tags
        for tag in tags:
            self.config.addinivalue_line("markers", f"{tag}: a tag of scenarios")
        for seed in _seeds(self.config).of((loaded.scenario.seed,)):
            for engine in self.config.stash[_ENGINES]:
                name = f"{loaded.scenario.name}:{seed}:{_as_id(engine)}"
                item = ScenarioItem.from_parent(self, name=name, loaded=loaded, seed=seed, engine=engine)
                for mark in ("lab", *tags):
                    item.add_marker(mark)
                yield item


class ScenarioItem(pytest.Item):
    """One scenario with one seed, graded for one engine."""

    def __init__(self, *, loaded: LoadedScenario, seed: int, engine: str, **more: Any) -> None:
        super().__init__(**more)
        self.loaded, self.seed, self.engine = loaded, seed, engine
        self.user_properties += [("scenario", loaded.scenario.name), ("seed", str(seed)), ("engine", engine)]

    def runtest(self) -> None:
        from pathlib import Path

        from lab.contracts import Outcome
        from lab.runs.campaign import Job, run_job

        config = self.config
        runs_dir = config.getoption("lab_runs_dir") or config.getini("lab_runs_dir") or "runs"
        root = Path(config.invocation_params.dir, runs_dir)
        job = Job(self.loaded, self.seed, (self.engine,), config.stash[_TESTBED])
        _hold(self.session)
        result = run_job(job, root, _host(self.session, root))
        if result.problem:
            raise NotGradedError(result)
        [case] = result.assessments
        if case.outcome is Outcome.INCONCLUSIVE:
            pytest.skip(f"inconclusive: {_why(case)}")
        if case.outcome is Outcome.FAIL:
            raise ScenarioFailed(case)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The answer, the truth, why it failed and the command that repeats it; a traceback would show none of it."""
        import shlex

        from lab.cli.selection import name_of
        from lab.cli.testbed_options import place_words
        from lab.cli.texts import columns
        from lab.cli.verdicts import case_text

        error = excinfo.value
        if isinstance(error, ScenarioFailed):
            outcome = case_text(error.case)
        elif isinstance(error, NotGradedError):
            outcome = columns([("not graded", error.result.problem)])
        else:
            return super().repr_failure(excinfo, style)
        words = ["lab", "run", name_of(self.loaded), "--seed", str(self.seed), "--engine", self.engine]
        words += place_words(self.config.stash[_TESTBED])
        return "\n".join([str(error), outcome, columns([("replay", shlex.join(words))])])

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


class ScenarioFailed(AssertionError):
    """The engine did not pass the case."""

    def __init__(self, case: Assessment) -> None:
        self.case = case
        super().__init__(f"{case.scenario} seed {case.seed} {case.engine}: {_why(case)}")


class NotGradedError(Exception):
    """The run proves nothing, or something went wrong in it."""

    def __init__(self, result: JobResult) -> None:
        self.result = result
        super().__init__(f"{result.scenario} seed {result.seed}: not graded: {result.problem}")


def _as_id(engine: str) -> str:
    """An engine's spec without what pytest reads in a node id: double colons, and brackets, which mean parameters."""
    return re.sub(":{2,}", ":", engine).translate(str.maketrans("[]", "()"))


def _why(case: Assessment) -> str:
    from lab.cli.verdicts import reasons

    return "; ".join(reasons(case)) or "nothing could be judged"


def _seeds(config: pytest.Config) -> Any:
    from lab.cli.selection import parse_seeds

    given = config.getoption("lab_seeds")
    option = "--lab-seeds" if given else "lab_seeds"
    return parse_seeds(given or config.getini("lab_seeds") or None, option=option)


def _testbed(config: pytest.Config) -> Chosen:
    """The testbed that is asked for, with its options; UserError where it cannot be."""
    from lab.errors import UserError
    from lab.testbeds.driver import DEFAULT
    from lab.testbeds.installed import choose, is_list, load_driver

    name = config.getoption("lab_testbed") or config.getini("lab_testbed") or DEFAULT
    fields = load_driver(name).options.model_fields
    given: dict[str, Any] = {}
    for text in config.getoption("lab_testbed_option") or config.getini("lab_testbed_options"):
        option, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--lab-testbed-option is {text!r}, expected NAME=VALUE")
        field = option.strip().replace("-", "_")
        several = field in fields and is_list(fields[field].annotation)
        given[field] = [*given.get(field, []), value.strip()] if several else value.strip()
    return choose(name, given)


def _hold(session: pytest.Session) -> None:
    """Keeps what the testbed needs over all scenarios of the session, from the first of them on."""
    stash = session.config.stash
    if _HELD not in stash:
        chosen = stash[_TESTBED]
        scenarios = [item.loaded for item in session.items if isinstance(item, ScenarioItem)]
        held = ExitStack()
        held.enter_context(chosen.driver.holding(scenarios, chosen.options))
        stash[_HELD] = held


def _host(session: pytest.Session, root: Path) -> EngineHost:
    """One engine host for the whole session, so that an engine's process starts once; truth is out of its reach."""
    from lab.engines.host import EngineHost
    from lab.engines.options import EngineOptions

    stash = session.config.stash
    if _HOST not in stash:
        scenarios = [item for item in session.items if isinstance(item, ScenarioItem)]
        hidden = {root.resolve(), *(item.path.resolve().parent for item in scenarios)}
        names = {item.loaded.scenario.name for item in scenarios}
        options = EngineOptions(hidden=tuple(sorted(hidden)), names=tuple(sorted(names)))
        stash[_HOST] = EngineHost(options).__enter__()
    return stash[_HOST]
