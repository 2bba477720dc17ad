"""JSON lines on stdout."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Any

COMPONENT = "model"
_writing = threading.Lock()


def log(event: str, *, level: str = "INFO", **details: Any) -> None:
    """Writes one line; details such as trace_id, model_name or duration_s follow the event."""
    now = datetime.now(UTC).isoformat()
    line = json.dumps({"time": now, "component": COMPONENT, "level": level, "event": event, **details}) + "\n"
    with _writing:
        sys.stdout.write(line)
        sys.stdout.flush()
