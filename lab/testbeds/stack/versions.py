"""The model's version directory, which TF Serving polls: pushes and removes versions, and waits for them."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Mapping
from typing import Any

from lab.agreed import ports
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.http import AnswerError, call

MODEL_NAME = "model"
SERVED_WITHIN_S = 20.0
ANSWERS_WITHIN_S = 120.0
NOT_FOUND = 404
ENTRY_MAX = 120_000
"""Characters of a packed registry entry: the kernel takes 128 KiB in a variable."""
# A lab that is killed while it pushes leaves a writer in the container: the next one waits for it.
_ALONE = ("flock", "/models/.publishing")
_ASIDE = "/models/.unloaded"
"""Where versions lie while none is to be served: on the same volume, so that they move at once."""
# While none is to be served, versions come and go there.
_CHOOSE_TOP = f"top=/models; [ ! -d {_ASIDE} ] || top={_ASIDE}"
_PUSH = f"""
{_CHOOSE_TOP}
printf %s "$ENTRY" | base64 -d | gzip -d |
    /opt/venv/bin/python -m services.model.savedmodel "$top" {MODEL_NAME} "$VERSION"
"""
_KEEP_UP_TO = f"""
{_CHOOSE_TOP}
mkdir -p "$top/{MODEL_NAME}"
cd "$top/{MODEL_NAME}"
for entry in *; do
    case $entry in
        *.tmp) rm -rf "$entry" ;;
        *[!0-9]*) ;;
        *) [ "$entry" -le "$VERSION" ] || rm -rf "$entry" ;;
    esac
done
ls
"""
_UNLOAD = f"""
mkdir -p {_ASIDE}/{MODEL_NAME}
cd /models/{MODEL_NAME}
for version in $(ls | grep -x '[0-9]*' | sort -n); do mv "$version" {_ASIDE}/{MODEL_NAME}/; done
"""
# The latest first: the server, which may look at any moment, serves no other in between.
_LOAD = f"""
[ -d {_ASIDE} ] || exit 0
cd {_ASIDE}/{MODEL_NAME}
for version in $(ls | grep -x '[0-9]*' | sort -nr); do mv "$version" /models/{MODEL_NAME}/; done
rm -rf {_ASIDE}
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
        packed = base64.b64encode(gzip.compress(json.dumps(entry).encode(), mtime=0)).decode()
        if len(packed) > ENTRY_MAX:
            raise StackError(f"the registry entry of version {entry['version']} is too large: {len(packed)} characters")
        environment = {"ENTRY": packed, "VERSION": str(entry["version"])}
        self._compose.execute(self._compose.publisher(), [*_ALONE, "sh", "-c", _PUSH], environment)

    def keep_up_to(self, version: int) -> int:
        """Takes later versions away, and what a push that was cut short left; returns the last version there is."""
        environment = {"VERSION": str(version)}
        publisher = self._compose.publisher()
        left = self._compose.execute(publisher, [*_ALONE, "sh", "-ec", _KEEP_UP_TO], environment).split()
        return max((int(name) for name in left if name.isdecimal()), default=0)

    def is_unloaded(self) -> bool:
        """Whether the versions there are were put aside, so that none is served."""
        return bool(self._execute(f"[ ! -d {_ASIDE} ] || echo aside"))

    def unload(self) -> None:
        """Puts all versions aside, and waits until the server has unloaded the last; safe to repeat."""
        self._execute(_UNLOAD)
        self.await_served(0)

    def load(self) -> None:
        """Puts versions that lie aside back, and waits until the latest is served; safe to repeat."""
        if self.is_unloaded():
            self.bring_back()
            self.await_served(self.latest())

    def bring_back(self) -> None:
        """Puts versions that lie aside back, whether they are served or not."""
        self._execute(_LOAD)

    def latest(self) -> int:
        """The version that is served, or would be if any were; 0 where there is none."""
        script = f"{_CHOOSE_TOP}; mkdir -p $top/{MODEL_NAME}; ls $top/{MODEL_NAME}"
        return max((int(name) for name in self._execute(script).split() if name.isdecimal()), default=0)

    def _execute(self, script: str) -> str:
        return self._compose.execute(self._compose.publisher(), [*_ALONE, "sh", "-ec", script])

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
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

        retrying = Retrying(
            stop=stop_after_delay(ANSWERS_WITHIN_S),
            wait=wait_fixed(0.5),
            retry=retry_if_exception_type(StackError),
            reraise=True,
        )
        try:
            retrying(self._status)
        except StackError as error:
            raise StackError(f"the model server does not answer; see: lab stack logs model ({error})") from None

    def _status(self) -> list[dict[str, Any]]:
        url = f"{self._compose.url('model', ports.MODEL_REST)}/v1/models/{MODEL_NAME}"
        try:
            return list(call("GET", url)["model_version_status"])
        except AnswerError as error:
            if error.status == NOT_FOUND:  # before the first version
                return []
            raise
