"""The words of diagnoses, with what they mean."""

from __future__ import annotations

from typing import Any

from lab.contracts import Boundary, Verdict

BOUNDARIES: dict[Boundary, str] = {
    Boundary.DATA: "data that is wrong, late or of another form: tables, columns, feeds, labels",
    Boundary.MODEL: "a model that was trained, published or loaded wrongly",
    Boundary.SERVICE: "a component's own code or configuration",
    Boundary.NETWORK: "the way between two components: packets lost, late, or cut off",
    Boundary.RESOURCE: "too little of what work needs: CPU, memory, workers, connections",
    Boundary.INTEGRATION: "parts that are each as they should be and do not fit together: caches, timeouts, keys",
    Boundary.EXTERNAL: "what people or other systems outside do",
}


def vocabulary() -> dict[str, Any]:
    """Boundaries, kinds of faults and verdicts: the same for every incident."""
    from lab.injection.faults import fault_types

    return {
        "boundaries": [{"name": str(name), "doc": doc} for name, doc in BOUNDARIES.items()],
        "kinds": [
            {
                "name": kind.name,
                "boundary": str(kind.boundary),
                "doc": " ".join(kind.doc.split("\n\n")[0].split()),
                "targets": sorted(kind.target_kinds),
            }
            for kind in sorted(fault_types().values(), key=lambda kind: (str(kind.boundary), kind.name))
            if kind.boundary is not None
        ],
        "verdicts": [str(verdict) for verdict in Verdict],
    }
