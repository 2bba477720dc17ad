"""The database's statement log: lines of statements that carry a traceparent, as they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_DURATION = re.compile(r"duration: ([0-9.]+) ms")
_COMMENT = re.compile(
    r"/\* traceparent='00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}',application='(\w+)',action='(\w+)' \*/"
)

_CLIENT_LEFT = ("08006", "08003")


class StatementLog:
    """Follows the JSON log files of a directory from where they end now."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._offsets = {path: path.stat().st_size for path in self._paths()}

    def _paths(self) -> list[Path]:
        return sorted(self._directory.glob("*.json"))

    def read_new(self) -> Iterator[dict[str, Any]]:
        """Statements logged since the last call: end_s (Unix), duration_s (None where it failed), ids, who and what."""
        for path in self._paths():
            offset, size = self._offsets.get(path, 0), path.stat().st_size
            if size < offset:
                offset = 0  # begun anew after a week
            if size == offset:
                continue
            with path.open("rb") as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    offset += len(line)
                    if b"traceparent" in line and (found := parse_line(line)):
                        yield found
            self._offsets[path] = offset


def parse_line(line: bytes) -> dict[str, Any] | None:
    """A line of the JSON log as a statement; None for what is none, or not of a service."""
    try:
        entry = json.loads(line)
        text = f"{entry.get('message', '')} {entry.get('statement', '')}"
        time = datetime.strptime(entry["timestamp"], "%Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
    except (ValueError, KeyError, AttributeError):
        return None
    comment, duration = _COMMENT.search(text), _DURATION.match(entry.get("message", ""))
    has_ended = entry.get("error_severity") in ("ERROR", "FATAL")
    if comment is None or (duration is None and not has_ended):
        return None
    trace_id, span_id, application, action = comment.groups()
    return {
        "end_s": time.timestamp(),
        "duration_s": None if duration is None else float(duration[1]) / 1e3,
        "trace_id": trace_id,
        "span_id": span_id,
        "application": application,
        "action": action,
        # A client that gave up ends its statement too; that is no error of the database.
        "is_error": has_ended and entry.get("state_code") not in _CLIENT_LEFT,
    }
