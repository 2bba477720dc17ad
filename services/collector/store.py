"""Raw telemetry of the current run: newline-delimited JSON, one file per kind of record."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from typing import Any

from lab.agreed.telemetry import KINDS


class Store:
    """Files `<kind>.jsonl` in a directory, written through a buffer.

    A disk that fills up ends the writing of what it would cut off: `unwritten` says so until the next run.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, BufferedWriter] = {}
        self._counts: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._lost_count = 0
        self.clear()

    def clear(self) -> None:
        """Starts over: what is kept belongs to one run."""
        for file in self._files.values():
            with suppress(OSError):  # what it could not write is not wanted any more
                file.close()
        self._failed, self._lost_count = {}, 0
        self._files = {kind: (self._directory / f"{kind}.jsonl").open("wb") for kind in KINDS}
        self._counts = dict.fromkeys(KINDS, 0)

    def add(self, kind: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Appends records of one kind."""
        lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for record in records]
        try:
            if kind not in self._failed:
                self._files[kind].writelines(lines)
                self._counts[kind] += len(lines)
                return
        except OSError as error:
            self._failed[kind] = str(error.strerror or error).lower()
        self._lost_count += len(lines)

    def flush(self) -> dict[str, int]:
        """Writes everything out; returns how many records there are of each kind."""
        for kind, file in self._files.items():
            try:
                file.flush()
            except OSError as error:
                self._failed.setdefault(kind, str(error.strerror or error).lower())
        return dict(self._counts)

    @property
    def unwritten(self) -> str:
        """What could not be written and why; empty where all of it is there."""
        if not self._failed:
            return ""
        why = "; ".join(f"{kind}: {said}" for kind, said in self._failed.items())
        return f"the collector could not write {self._directory} ({why}); at least {self._lost_count} records are lost"

    def free_bytes(self) -> int:
        """Room on the disk."""
        return shutil.disk_usage(self._directory).free

    def path(self, kind: str) -> Path:
        """The file of a kind; KeyError for an unknown one."""
        return Path(self._files[kind].name)
