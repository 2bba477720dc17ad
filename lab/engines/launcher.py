"""Confines this process, then becomes the engine: `python launcher.py POLICY PROGRAM ARGUMENTS…`.

POLICY is the JSON file that `lab.engines.confinement` writes. Nothing of the engine runs before the confinement holds,
and a process that cannot be confined ends here. It imports nothing of the lab: it is run by its path.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import stat
import sys
from contextlib import suppress
from typing import Any

CANNOT_START = 127
_NEW_NAMESPACES = {"mounts": 0x00020000, "users": 0x10000000}
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 1 << 12, 1 << 14, 1 << 18
_DROP_CAPABILITY = 24
_KEPT_CAPABILITIES = frozenset({1})
"""CAP_DAC_OVERRIDE: without it root could not read what others installed. CAP_DAC_READ_SEARCH would open files by
their inode's number, past every path that is refused or covered."""
_LAST_CAPABILITY = 40


def hide(directories: list[str], spared: list[str]) -> bool:
    """Covers directories and sockets in a mount namespace of this process. False where the system forbids that.

    Landlock refuses to open a file, but shows its size and times; an empty directory on top hides even those. Sockets
    beneath `spared` stay reachable.
    """
    # Tried by a child first: a namespace that forbids mounts is no place to stay in.
    child = os.fork()
    if child == 0:
        os._exit(0 if _covered(directories, spared) else 1)
    return os.waitpid(child, 0)[1] == 0 and _covered(directories, spared)


def _covered(directories: list[str], spared: list[str]) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NAMESPACES["mounts"]) != 0:
        if libc.unshare(_NEW_NAMESPACES["mounts"] | _NEW_NAMESPACES["users"]) != 0:
            return False
        maps = {"setgroups": "deny", "gid_map": f"{group} {group} 1", "uid_map": f"{user} {user} 1"}
        try:
            for name, text in maps.items():
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
        except OSError:
            return False
    if libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        return False
    flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV
    covered = [libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", flags, b"size=4k") == 0 for path in directories]
    for path in sockets():
        if not any(path == one or path.startswith(f"{one}/") for one in spared):
            covered.append(libc.mount(b"/dev/null", os.fsencode(path), None, _MS_BIND, None) == 0)
    return all(covered)


def sockets() -> set[str]:
    """Sockets with a path that can be seen from here: behind one may be a service that reads files for others."""
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
            named = {line.rstrip("\n").split(" ", 7)[-1].strip() for line in file}
    except OSError:
        return set()
    return {path for path in named if path.startswith("/") and _is_socket(path)}


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def limit(limits: dict[str, int]) -> None:
    """Sets resource limits by name; one that is stricter already stays."""
    for name, most in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(which)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (value, value))


def drop_capabilities() -> None:
    """Leaves root no more than the rights of a file's owner: it takes effect when the engine is started."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in set(range(_LAST_CAPABILITY + 1)) - _KEPT_CAPABILITIES:
        libc.prctl(_DROP_CAPABILITY, capability, 0, 0, 0)


def confine(policy: dict[str, Any]) -> None:
    """Landlock: files by permission only, no signals to and no abstract sockets of processes outside."""
    from landlockpy import AccessFS, AccessNet, Ruleset, Scope, fs_for_abi
    from landlockpy.flags import LATEST_ABI

    lists = AccessFS.READ_DIR
    reads = AccessFS.READ_FILE | AccessFS.EXECUTE | lists
    every = fs_for_abi(LATEST_ABI)
    writes = every & ~(AccessFS.MAKE_CHAR | AccessFS.MAKE_BLOCK | AccessFS.IOCTL_DEV)
    devices = AccessFS.READ_FILE | AccessFS.WRITE_FILE
    rights = {"read": reads, "list": lists, "write": writes, "devices": devices}
    files = ~(AccessFS.READ_DIR | AccessFS.MAKE_DIR | AccessFS.MAKE_REG | AccessFS.MAKE_SOCK | AccessFS.MAKE_FIFO)
    files &= ~(AccessFS.MAKE_SYM | AccessFS.REMOVE_DIR | AccessFS.REMOVE_FILE | AccessFS.REFER)
    scoped = Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL
    with Ruleset(handled_fs=every, handled_net=AccessNet.NONE, scoped=scoped) as ruleset:
        for kind, access in rights.items():
            for path in policy[kind]:
                with suppress(FileNotFoundError):  # gone since it was listed
                    ruleset.allow_path(path, access if os.path.isdir(path) else access & files)
        ruleset.restrict()


def main() -> None:
    """Confines and starts; the exit status is 127 where either fails."""
    with open(sys.argv[1], encoding="utf-8") as file:
        policy = json.load(file)
    command = sys.argv[2:]
    sys.path.append(policy["library"])
    try:
        held = ["mounts"] if hide(policy["hide"], policy["spare"]) else []
        with open(os.path.splitext(sys.argv[1])[0] + ".held", "w", encoding="utf-8") as file:
            json.dump(held, file)
        confine(policy)
        drop_capabilities()
        limit(policy["limits"])
    except Exception as error:
        print(f"cannot be confined: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(CANNOT_START)
    try:
        os.execv(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(CANNOT_START)


if __name__ == "__main__":
    main()
