"""Whose mistake an error is: that of a world, where its code was at work."""

from __future__ import annotations

from traceback import walk_tb

from lab.errors import UserError
from lab.plugins import distribution
from lab.registration.world import installed_worlds


def failed_world(error: BaseException) -> str:
    """The world whose code raised an error or led to it, and where, such as `world 'desk' of its-distribution, in
    its.module line 7`; empty where none was at work."""
    try:
        packages = {entry.value.partition(":")[0].rpartition(".")[0]: entry for entry in installed_worlds().values()}
    except UserError:
        return ""
    cause: BaseException | None = error
    while cause is not None:
        for frame, line in reversed(list(walk_tb(cause.__traceback__))):
            module = str(frame.f_globals.get("__name__", ""))
            for package, entry in packages.items():
                if package and module.startswith(f"{package}."):
                    return f"world {entry.name!r} of {distribution(entry)}, in {module} line {line},"
        cause = cause.__cause__
    return ""
