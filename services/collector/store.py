"""Raw telemetry of the current run: newline-delimited JSON, one file per kind of record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from io import BufferedWriter
from pathlib import Path
from typing import Any

KINDS = ("spans", "logs", "metrics", "statements")


class Store:
    """Files `<kind>.jsonl` in a directory, written through a buffer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, BufferedWriter] = {}
        self._counts: dict[str, int] = {}
        self.clear()

    def clear(self) -> None:
        """Starts over: what is kept belongs to one run."""
        for file in self._files.values():
            file.close()
        self._files = {kind: (self._directory / f"{kind}.jsonl").open("wb") for kind in KINDS}
        self._counts = dict.fromkeys(KINDS, 0)

    def add(self, kind: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Appends records of one kind."""
        lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for record in records]
        self._files[kind].writelines(lines)
        self._counts[kind] += len(lines)

    def flush(self) -> dict[str, int]:
        """Writes everything out; returns how many records there are of each kind."""
        for file in self._files.values():
            file.flush()
        return dict(self._counts)

    def path(self, kind: str) -> Path:
        """The file of a kind; KeyError for an unknown one."""
        return Path(self._files[kind].name)
