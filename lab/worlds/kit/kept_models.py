"""Trained models in the user's cache, by content: whoever needs the very same one again does not train it again."""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar
from zipfile import BadZipFile

import numpy as np

from lab.files.fileio import read_file, write_file
from lab.injection.levers import Recipe

Model = TypeVar("Model")
MODELS_KEPT = 16
"""In memory, of each kind: about a megabyte each."""
_FACTS = "facts"
"""Where a file has what is no array, as JSON."""


class Trained(NamedTuple):
    """A model as it is kept: arrays, and what can be written as JSON."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, Any]


class KeptModels(Generic[Model]):
    """Models of one kind. A process reads each from the cache once, and keeps the last few.

    modules: whose code a model follows from: a change to any of them trains anew. opened: the model of what was kept;
    its arrays are read-only, since all who ask share them.
    """

    def __init__(self, modules: Sequence[ModuleType], opened: Callable[[Trained], Model]) -> None:
        self._modules = modules
        self._opened = opened
        self._models: dict[tuple[Path, int, int, str], Model] = {}

    def get(self, seed: int, window: int, recipe: Recipe, fit: Callable[[], Trained]) -> Model:
        """The model of a world's seed, a window of its history and a recipe, by which `fit` trains it."""
        key = (_cache_dir(), seed, window, json.dumps(dict(recipe), sort_keys=True))
        model = self._models.pop(key, None) or self._opened(self._stored(seed, window, recipe, fit))
        self._models[key] = model
        if len(self._models) > MODELS_KEPT:
            del self._models[next(iter(self._models))]  # of which nobody asked for the longest time
        return model

    def _stored(self, seed: int, window: int, recipe: Recipe, fit: Callable[[], Trained]) -> Trained:
        path = _cache_dir() / f"{self._content_key(seed, window, recipe)}.npz"
        try:
            return _read(io.BytesIO(read_file(path)))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error):
            pass  # it is not there, or not whole: whoever damaged it, it is trained again
        content = _written(fit())
        with suppress(OSError):  # a cache that cannot be written costs time, and no run
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(
                path, content.getvalue()
            )  # the whole file or none, even if another process trains the same model
        return _read(content)

    def _content_key(self, seed: int, window: int, recipe: Recipe) -> str:
        """Names a model by everything it follows from: code, library versions, seed, window and recipe."""
        from importlib.metadata import version

        digest = blake2b(digest_size=12)
        for module in self._modules:
            digest.update(Path(str(module.__file__)).read_bytes())
        digest.update(Path(__file__).read_bytes())
        libraries = [version("scikit-learn"), version("numpy")]
        digest.update(json.dumps([libraries, seed, window, dict(recipe)], sort_keys=True).encode())
        return digest.hexdigest()


def _cache_dir() -> Path:
    from platformdirs import user_cache_path

    return Path(os.environ.get("LAB_CACHE_DIR") or user_cache_path("chaos-lab")) / "models"


def _written(trained: Trained) -> io.BytesIO:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**trained.arrays, _FACTS: json.dumps(trained.facts, sort_keys=True)}
    np.savez_compressed(buffer, **arrays)
    buffer.seek(0)
    return buffer


def _read(content: io.BytesIO) -> Trained:
    with np.load(content, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files if name != _FACTS}
        facts = json.loads(str(stored[_FACTS]))
    for array in arrays.values():
        array.flags.writeable = False
    return Trained(facts, arrays)
