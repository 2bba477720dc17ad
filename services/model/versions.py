"""Which versions are served: watches the base paths, loads what the policy wants, unloads the rest."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from .config import ModelConfig
from .errors import ServingError, invalid_argument
from .graph import Graph, load

_VERSION_NAME = re.compile(r"\d{1,18}", re.ASCII)
Log = Callable[..., None]


class State(IntEnum):
    """The states of a version, numbered as in ModelVersionStatus."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class Servable:
    """A version in service; who holds one can use it, even while it is being unloaded."""

    model: str
    version: int
    graph: Graph


@dataclass(slots=True)
class Version:
    """One version and how far it got. `code` and `message` say why it is not there, else OK."""

    model: str
    number: int
    folder: Path
    state: State = State.START
    code: str = "OK"
    message: str = ""
    servable: Servable | None = None
    tries_count: int = 0
    retry_at_s: float = 0.0


@dataclass(slots=True)
class _Model:
    config: ModelConfig | None
    versions: dict[int, Version] = field(default_factory=dict)
    wanted: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Options:
    """As TF Serving's flags: how often to look, how often and after what time to try again to load."""

    poll_s: float = 1.0
    load_retries_max: int = 5
    load_retry_s: float = 60.0
    labels_may_be_early: bool = False


DEFAULTS = Options()


class VersionManager:
    """Answers which graph serves a request. Lookups never wait for a load: they read a map that is replaced whole."""

    def __init__(self, log: Log, options: Options = DEFAULTS) -> None:
        self._log = log
        self._options = options
        self._models: dict[str, _Model] = {}
        self._available: Mapping[str, Mapping[int, Servable]] = {}
        self._labels: Mapping[str, Mapping[str, int]] = {}
        self._changing = threading.RLock()
        self._stopped = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="version-poller", daemon=True)

    def start(self) -> None:
        """Looks at the base paths from now on, in the background."""
        self._poller.start()

    def stop(self) -> None:
        """Ends the polling; what is loaded stays."""
        self._stopped.set()
        self._poller.join()

    def configure(self, models: Iterable[ModelConfig]) -> None:
        """Replaces the whole configuration and loads what it asks for; models no longer listed are unloaded.

        FAILED_PRECONDITION, with nothing changed, for a label on a version that is not served (unless labels may be
        early and the label is new). UNKNOWN when a new model has nothing to serve yet: it goes on being tried.
        """
        configs = {model.name: model for model in models}
        with self._changing:
            labels = {name: self._checked_labels(config) for name, config in configs.items()}
            known = {name for name, model in self._models.items() if model.config}
            for name in known - configs.keys():
                self._models[name].config = None
            for name, config in configs.items():
                self._models.setdefault(name, _Model(None)).config = config
            self._labels = labels
            self.poll()
            missing = sorted(name for name in configs.keys() - known if not self._available.get(name))
            if missing:
                raise ServingError("UNKNOWN", self._why_missing(missing))

    def find(self, model: str, version: int | None = None) -> Servable:
        """The version that serves this: the given one, else the latest available. NOT_FOUND if there is none."""
        versions = self._available.get(model, {})
        if version is None and versions:
            return versions[max(versions)]
        if version is not None and version in versions:
            return versions[version]
        request = f"Latest({model})" if version is None else f"Specific({model}, {version})"
        raise ServingError("NOT_FOUND", f"Servable not found for request: {request}")

    def labelled(self, model: str, label: str) -> int:
        """The version a label stands for. INVALID_ARGUMENT for a label that is not known."""
        try:
            return self._labels[model][label]
        except KeyError:
            raise invalid_argument(f"Unrecognized servable version label: {label}") from None

    def status(self, model: str, version: int | None = None) -> list[Version]:
        """All versions ever seen of a model, the latest first, or the given one. NOT_FOUND if there is none."""
        with self._changing:
            versions = self._models[model].versions if model in self._models else {}
            if version is not None and version not in versions:
                raise ServingError("NOT_FOUND", f"Could not find version {version} of model {model}")
            if not versions:
                raise ServingError("NOT_FOUND", f"Could not find any versions of model {model}")
            return [replace(versions[n]) for n in sorted(versions, reverse=True) if version in (None, n)]

    def poll(self) -> None:
        """Looks at all base paths once and does what is to be done."""
        with self._changing:
            for model in self._models.values():
                self._reconcile(model)
            self._publish()

    def _poll(self) -> None:
        while not self._stopped.wait(self._options.poll_s):
            self.poll()

    def _publish(self) -> None:
        self._available = {
            name: {n: v.servable for n, v in model.versions.items() if v.servable and v.state is State.AVAILABLE}
            for name, model in self._models.items()
        }

    def _reconcile(self, model: _Model) -> None:
        """Loads first and unloads after, so that there is always something to serve."""
        found = _versions_on_disk(model.config.base_path) if model.config else {}
        if found is None:
            return  # a base path that is away for a moment is no order to unload
        wanted = model.config.chosen(found) if model.config else set()
        for number in sorted(wanted - model.wanted, reverse=True):
            known = model.versions.get(number)
            if known is None or known.state is State.END:
                name = model.config.name if model.config else ""
                model.versions[number] = Version(name, number, found[number])
        model.wanted = wanted
        for number in sorted(wanted, reverse=True):
            self._try_to_load(model.versions[number])
        for number in sorted(model.versions.keys() - wanted):
            version = model.versions[number]
            if version.state in (State.START, State.LOADING):
                version.state = State.END  # no more tries; why they failed stays to be read
        self._unload_surplus(model)

    def _try_to_load(self, version: Version) -> None:
        if version.state not in (State.START, State.LOADING) or time.monotonic() < version.retry_at_s:
            return
        version.state = State.LOADING
        version.tries_count += 1
        try:
            version.servable = Servable(version.model, version.number, load(version.folder))
        except Exception as error:  # a broken version does not stop the server
            version.code = error.code if isinstance(error, ServingError) else "INTERNAL"
            version.message = str(error)
            version.retry_at_s = time.monotonic() + self._options.load_retry_s
            if version.tries_count > self._options.load_retries_max:
                version.state = State.END
            self._log_version("version_load_failed", version, level="ERROR", error=version.message)
        else:
            version.state, version.code, version.message = State.AVAILABLE, "OK", ""
            self._log_version("version_available", version)

    def _unload_surplus(self, model: _Model) -> None:
        """Unloads what is not wanted, but keeps the last that serves until one that is wanted is there."""
        available = {n for n, version in model.versions.items() if version.state is State.AVAILABLE}
        surplus = sorted(available - model.wanted)
        if model.wanted and not available & model.wanted:
            surplus = surplus[:-1]
        for number in surplus:
            version = model.versions[number]
            version.state = State.UNLOADING
            self._publish()
            version.servable, version.state = None, State.END
            self._log_version("version_unloaded", version)

    def _log_version(self, event: str, version: Version, *, level: str = "INFO", **details: Any) -> None:
        self._log(event, level=level, model_name=version.model, version=version.number, **details)

    def _checked_labels(self, config: ModelConfig) -> Mapping[str, int]:
        for label, version in config.labels.items():
            present = self._labels.get(config.name, {}).get(label)
            may_be_early = self._options.labels_may_be_early and present in (None, version)
            if not may_be_early and version not in self._available.get(config.name, {}):
                raise ServingError(
                    "FAILED_PRECONDITION",
                    f"Request to assign label to version {version} of model {config.name}, "
                    "which is not currently available for inference",
                )
        return config.labels

    def _why_missing(self, names: list[str]) -> str:
        reasons = []
        for name in names:
            tried = self._models[name].versions
            error = f" due to error: {tried[max(tried)].code}: {tried[max(tried)].message}" if tried else ""
            reasons.append(f"{{Latest({name}){error}}}")
        return f"{len(names)} model(s) did not become available: {{{', '.join(reasons)}}}"


def _versions_on_disk(base_path: Path) -> dict[int, Path] | None:
    """The directories named by a number (so not `3.tmp`), or None when the base path cannot be read."""
    try:
        return {int(folder.name): folder for folder in base_path.iterdir() if _VERSION_NAME.fullmatch(folder.name)}
    except OSError:
        return None
