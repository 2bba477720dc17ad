"""A first build of the stack's images, from nothing: seconds and downloaded MB of each, and what they take on disk.

Every image is built anew (`docker build --no-cache`) under a name of its own, one after the other, and removed again;
the base image must be there. Downloads are what the engine's bridge carried to the building containers, and so those of
all builds under way (0 where the engine runs elsewhere). Sizes are counted as by `lab stack size`.

    python benchmarks/stack_build.py [--base-image IMAGE] [CHECKOUT]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab.testbeds.stack.files import declared_services
from lab.testbeds.stack.images import sizes, table
from lab.testbeds.stack.options import SYSTEM

ROOT = Path(__file__).resolve().parents[1]
BRIDGE = Path("/sys/class/net/docker0/statistics/tx_bytes")


def builds(checkout: Path) -> dict[str, dict[str, Any]]:
    """What the compose file builds: each image once, by a name of this process' own."""
    specs = (spec["build"] for spec in declared_services(checkout, SYSTEM).values() if "build" in spec)
    each = {(spec["context"], spec.get("dockerfile", "Dockerfile")): spec for spec in specs}
    prefix = f"stack-build-{os.getpid()}"
    return {f"{prefix}-{number}-{Path(context).name or 'python'}": spec
            for number, ((context, _), spec) in enumerate(each.items())}  # fmt: skip


def build(checkout: Path, name: str, spec: dict[str, Any], base_image: str) -> tuple[float, float]:
    """Builds an image from nothing. Returns seconds, and MB downloaded."""
    context = checkout / spec["context"]
    command = ["docker", "build", "--no-cache", "--force-rm", "--quiet", "--tag", name,
               "--build-arg", f"BASE_IMAGE={base_image}", "--file", str(context / spec.get("dockerfile", "Dockerfile")),
               str(context)]  # fmt: skip
    began_s, carried = time.monotonic(), downloaded()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began_s, (downloaded() - carried) / 1e6


def downloaded() -> int:
    return int(BRIDGE.read_text()) if BRIDGE.exists() else 0


def main() -> int:
    """Builds, measures, removes. Returns 1 where a build fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", nargs="?", type=Path, default=ROOT, help="default: this one")
    parser.add_argument("--base-image", default=os.environ.get("LAB_BASE_IMAGE", "debian:bookworm-slim"))
    given = parser.parse_args()
    import docker

    images = builds(given.checkout)
    took_s = carried_mb = 0.0
    try:
        for name, spec in images.items():
            seconds, megabytes = build(given.checkout, name, spec, given.base_image)
            took_s, carried_mb = took_s + seconds, carried_mb + megabytes
            print(f"{name}: {seconds:.0f} s, {megabytes:.0f} MB downloaded", flush=True)
        print(f"all builds, one after the other: {took_s:.0f} s, {carried_mb:.0f} MB downloaded")
        print("\n".join(table(sizes(docker.from_env(), images))))
    except subprocess.CalledProcessError as error:
        print(f"failed: {' '.join(error.cmd)}", file=sys.stderr)
        return 1
    finally:
        subprocess.run(["docker", "rmi", *images], check=False, capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
