"""What an engine's process may read: programs and libraries, entry by entry where truth lies beside them.

Landlock cannot take back a part of what it permits, so a directory that holds something hidden is permitted child by
child. Import roots that are no library (a checkout, a script's directory) hold recordings, scenarios and histories
too: of these only packages and modules are permitted, and a directory of links to them takes the root's place.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

_PREFIXES = ("/usr", "/usr/local")
"""Where systems install programs; of these only the parts that hold some, for sources and people live there too."""
_LAB = Path(__file__).resolve().parents[1]
_SYSTEM = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store", "/gnu/store", "/snap",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/version",
    "/proc/filesystems", "/proc/sys/kernel", "/proc/sys/vm", "/sys/devices/system", "/sys/kernel/mm", "/sys/fs/cgroup",
    "/var/lib/ca-certificates", "/etc/resolv.conf", "/etc/localtime",
)  # fmt: skip
OWN_PROCESS = tuple(
    f"/proc/self/{name}"
    for name in ("auxv", "cgroup", "cmdline", "comm", "fd", "limits", "maps", "oom_score_adj", "smaps", "stat", "statm",
                 "status")
)  # fmt: skip
"""Permitted as it is written: it leads elsewhere in every process. The list of mounts would show what is hidden."""
_PROCESSES = Path("/proc")
"""Never permitted whole: the command lines of other processes show what is run."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
_PREFIX_PARTS = (
    "bin", "lib", "lib32", "lib64", "libexec", "include", "share", "etc", "ssl", "conf", "jre", "jmods", "pyvenv.cfg",
)  # fmt: skip
_LIBRARIES = ("site-packages", "dist-packages")
_METADATA = (".dist-info", ".egg-info", ".libs")
_MODULES = (".py", ".pyc", ".so", ".pyd")
_SHIPPED = "lib*/python*/{library}/lab/shipped"


@dataclass
class Grants:
    """Paths by kind of permission; `hidden` are left out of every one of them."""

    hidden: tuple[Path, ...] = ()
    read: list[str] = field(default_factory=list)
    list: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Permits reading and executing what is at a path, what is hidden beneath apart."""
        real = path.resolve()
        inside = [hidden for hidden in self.hidden if hidden.is_relative_to(real)]
        if real in inside or real == _PROCESSES or not real.exists():
            return
        if not inside:
            self.read.append(str(real))
            return
        if real.name in _LIBRARIES or (real / "__init__.py").is_file():
            self.list.append(str(real))  # an import system lists the directories it searches
        with os.scandir(real) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not entry.is_symlink():  # what it points to is permitted where it lies, or not
                    self.add(Path(entry.path))


def hidden_of(directories: Iterable[Path]) -> tuple[Path, ...]:
    """Directories that hold truth: those given, and the scenarios shipped with any lab installed here."""
    found = {directory.resolve() for directory in directories}
    found |= {folder for folder in (_LAB / "shipped", _LAB.parent / "scenarios") if folder.is_dir()}
    for prefix in {sys.prefix, sys.base_prefix, "/usr", "/usr/local"}:
        for library in _LIBRARIES:
            found |= {path.resolve() for path in Path(prefix).glob(_SHIPPED.format(library=library))}
    return tuple(sorted(found))


def add_system(grants: Grants) -> None:
    """Programs and libraries of the system, and what `PATH` and variables about certificates name."""
    # People work under /usr too, in containers above all: what lies there is permitted like any other import root.
    places = [Path.cwd(), Path.home(), Path(tempfile.gettempdir()), *map(Path, filter(os.path.isabs, sys.path))]
    work = {place.resolve() for place in places if place.is_dir() and not is_library(str(place))}
    work = {place for place in work if len(place.parts) > 2 and not Path(sys.base_prefix).is_relative_to(place)}
    system = Grants((*grants.hidden, *work), grants.read, grants.list)
    for path in _SYSTEM:
        system.add(Path(path))
    for prefix in _PREFIXES:
        for part in (*_PREFIX_PARTS, "sbin"):
            system.add(Path(prefix) / part)
    for variable in _CERTIFICATES:
        if os.environ.get(variable):
            grants.add(Path(os.environ[variable]))
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            _add_prefix(grants, Path(folder))


def _add_prefix(grants: Grants, programs: Path) -> None:
    """A directory of programs with the libraries that are installed beside it."""
    if any(programs.resolve().is_relative_to(system) for system in ("/usr", "/bin", "/sbin")):
        return
    prefix = programs.parent
    if programs.name == "shims":  # pyenv and its kin: the shim finds the program in the installation
        grants.add(prefix)
    elif programs.name == "bin" and prefix not in (Path("/"), Path.home()):
        for part in _PREFIX_PARTS:
            grants.add(prefix / part)
    elif programs.is_dir():
        grants.add(programs)


def add_program(grants: Grants, program: str) -> None:
    """A program, where its links lead, its interpreter, and the libraries installed beside each."""
    path = Path(program)
    for place in (path, path.resolve()):
        grants.add(place)
        if place.parent.name == "bin":
            _add_prefix(grants, place.parent)
    interpreter = _interpreter(path)
    if interpreter is not None and interpreter != path:
        add_program(grants, str(interpreter))


def _interpreter(path: Path) -> Path | None:
    try:
        with path.open("rb") as file:
            start = file.read(256)
    except OSError:
        return None
    if not start.startswith(b"#!"):
        return None
    try:
        words = shlex.split(start.split(b"\n")[0][2:].decode(errors="replace"))
    except ValueError:
        return None
    named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    name = named[0] if words and Path(words[0]).name == "env" and named else "".join(words[:1])
    found = shutil.which(name)
    return Path(found) if found else None


def add_python(grants: Grants) -> None:
    """This interpreter and its environment."""
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix}:
        for part in _PREFIX_PARTS:
            grants.add(Path(prefix) / part)
    for path in sys.path:
        if is_library(path) or Path(path).is_file():
            grants.add(Path(path))


def is_library(path: str) -> bool:
    """Whether an import root is one that holds installed distributions, or the interpreter's own modules."""
    inside = [Path(prefix) / "lib" for prefix in (sys.prefix, sys.base_prefix)]
    place = Path(path)
    return place.name in _LIBRARIES or any(place.is_relative_to(prefix) for prefix in inside)


def mirror(grants: Grants, roots: Sequence[str], links: Path, *, modules: Iterable[str] = ()) -> list[str]:
    """Permits what can be imported from some roots; the import path to use instead of them.

    `links` is a directory to fill: for each root that is no library one with links to its packages and modules.
    `modules` are top-level names to permit wherever they are found.
    """
    path: list[str] = []
    for number, root in enumerate(dict.fromkeys(str(Path(root or ".").absolute()) for root in roots)):
        if os.path.isdir(root) and not is_library(root):
            folder = links / str(number)
            folder.mkdir(parents=True)
            for entry in importable(Path(root)):
                (folder / entry.name).symlink_to(entry.resolve())
                grants.add(entry)
            path.append(str(folder))
        path.append(root)
    for name in modules:
        for place in _places(name):
            grants.add(place)
            if not any((Path(folder) / place.name).exists() for folder in path):
                folder = links / "named"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / place.name).symlink_to(place.resolve())
                path.insert(0, str(folder))
    return list(dict.fromkeys(path))


def importable(root: Path) -> Iterator[Path]:
    """Regular packages, modules and the metadata of distributions, right under an import root."""
    try:
        entries = sorted(root.iterdir())
    except OSError:
        return
    for entry in entries:
        is_package = entry.name.isidentifier() and (entry / "__init__.py").is_file()
        if is_package or entry.name.endswith(_METADATA) or (entry.name.endswith(_MODULES) and entry.is_file()):
            yield entry


def _places(module: str) -> list[Path]:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []
