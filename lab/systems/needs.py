"""The order of jobs by what they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def in_order_of_needs(jobs: Iterable[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Jobs such that whatever one needs comes before it; else as they are given."""
    given = list(jobs)
    ordered: list[str] = []

    def add(job: str, above: tuple[str, ...]) -> None:
        for needed in needs.get(job, ()):
            if needed in given and needed not in above:
                add(needed, (*above, job))
        if job not in ordered:
            ordered.append(job)

    for job in given:
        add(job, ())
    return ordered


def needs_of(components: Mapping[str, Mapping[str, object]]) -> dict[str, list[str]]:
    """What each job of a `system.json` needs; other components need nothing."""
    found: dict[str, list[str]] = {}
    for name, part in components.items():
        given = part.get("needs")
        found[name] = [str(one) for one in given] if isinstance(given, list | tuple) else []
    return found
