"""The stand-in's server: the lab's own, behaving as TensorFlow Serving where the lab's own is kinder.

It opens no port before there is a version, serves metrics only where `--monitoring_config_file` says so (without, it
refuses to start: whoever forgets the flag must learn of it), and exports no spans.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from services.model.__main__ import main

FLAG = "--monitoring_config_file="
POLL_S = 0.2


def serve(arguments: list[str]) -> int:
    """Serves as the flags say; 2 where no metrics are asked for."""
    configured = [a.removeprefix(FLAG) for a in arguments if a.startswith(FLAG)]
    if not configured or "enable: true" not in Path(configured[-1]).read_text(encoding="utf-8"):
        print(f"no metrics: {FLAG}FILE with enable: true is missing", file=sys.stderr)
        return 2
    base = Path(next(a for a in arguments if a.startswith("--model_base_path=")).partition("=")[2])
    while not any(entry.name.isdecimal() for entry in (base.iterdir() if base.is_dir() else ())):
        print(f"No versions of servable model found under base path {base}", file=sys.stderr, flush=True)
        time.sleep(POLL_S)
    os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)
    os.environ["MODEL_HOST"] = "0.0.0.0"
    sys.argv = [sys.argv[0], *(a for a in arguments if not a.startswith(FLAG))]
    return main()


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
