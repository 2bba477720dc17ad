"""The model's version directory, as TF Serving polls it: versions pushed, taken away, waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.http import AnswerError, call

REST_PORT = 8501
MODEL_NAME = "model"
SERVED_WITHIN_S = 20.0
ANSWERS_WITHIN_S = 120.0
NOT_FOUND = 404
# Who is killed while pushing leaves a writer at work in the container: whoever comes next waits for it.
_ALONE = ("flock", "/models/.publishing")
_PUSH = f'printf %s "$ENTRY" | /opt/venv/bin/python -m services.model.savedmodel /models {MODEL_NAME} "$VERSION"'
_KEEP_UP_TO = f"""
mkdir -p /models/{MODEL_NAME}
cd /models/{MODEL_NAME}
for entry in *; do
    case $entry in
        *.tmp) rm -rf "$entry" ;;
        *[!0-9]*) ;;
        *) [ "$entry" -le "$VERSION" ] || rm -rf "$entry" ;;
    esac
done
ls
"""


class ModelVersions:
    """The versions on disk and in service."""

    def __init__(self, compose: Compose) -> None:
        self._compose = compose

    def served(self) -> int:
        """The version that answers now; 0 for none."""
        return max((int(v["version"]) for v in self._status() if v["state"] == "AVAILABLE"), default=0)

    def push(self, entry: Mapping[str, Any]) -> None:
        """Writes a version as a genuine SavedModel, staged and renamed."""
        environment = {"ENTRY": json.dumps(entry), "VERSION": str(entry["version"])}
        self._compose.execute(self._compose.publisher(), [*_ALONE, "sh", "-c", _PUSH], environment)

    def keep_up_to(self, version: int) -> int:
        """Takes later versions away, and what a push that was cut short left; returns the last version there is."""
        environment = {"VERSION": str(version)}
        publisher = self._compose.publisher()
        left = self._compose.execute(publisher, [*_ALONE, "sh", "-ec", _KEEP_UP_TO], environment).split()
        return max((int(name) for name in left if name.isdecimal()), default=0)

    def on_disk(self) -> list[int]:
        """The versions that are there to be served; the official server answers nothing while there is none."""
        command = ["sh", "-c", f"mkdir -p /models/{MODEL_NAME} && ls /models/{MODEL_NAME}"]
        names = self._compose.execute(self._compose.publisher(), command).split()
        return sorted(int(name) for name in names if name.isdecimal())

    def await_served(self, version: int) -> None:
        """Waits until exactly this version is the served one."""
        until = time.monotonic() + SERVED_WITHIN_S
        while self.served() != version:
            if time.monotonic() > until:
                raise StackError(
                    f"model version {version} is not served after {SERVED_WITHIN_S:.0f} s: {self._status()}"
                )
            time.sleep(0.1)

    def await_answer(self) -> None:
        """Waits until the server answers at all: the official one opens its ports once it has a version."""
        until = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            try:
                self._status()
            except StackError as error:
                if time.monotonic() > until:
                    raise StackError(f"the model server does not answer; see: lab stack logs model ({error})") from None
                time.sleep(0.5)
            else:
                return

    def _status(self) -> list[dict[str, Any]]:
        url = f"{self._compose.url('model', REST_PORT)}/v1/models/{MODEL_NAME}"
        try:
            return list(call("GET", url)["model_version_status"])
        except AnswerError as error:
            if error.status == NOT_FOUND:  # before the first version
                return []
            raise
