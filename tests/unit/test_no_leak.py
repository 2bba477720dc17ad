"""Nothing in `observed/` tells what the lab did: no id, no kind, no trace of an injector, no name of the scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lab.faults import fault_types
from tests.sim_runs import DECOYS, FAULTS, NAME, observe, scenario

FAST = ("network-partition", "schema-corruption retypes to text")
FAULT_ID, DECOY_ID = "needle-f", "needle-d"
WORDS = ("fault", "inject", "chaos", "decoy", "twin", "sabotage", "lever", "witness", "ground truth", "counterfactual")
# Words of the trade that hold one of these: a default is a fallback, what else they are is said where they are.
LEGITIMATE = re.compile(r"default(s|_features|_value)?")


def strings_of(table: pa.Table) -> Iterator[str]:
    """Column names, schema metadata, and every text in the columns."""
    yield from table.column_names
    for key, value in (table.schema.metadata or {}).items():
        yield f"{key!r}={value!r}"
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            # The whole dictionary: a value that no row uses would leak all the same.
            for chunk in column.chunks:
                yield from filter(None, chunk.dictionary.to_pylist())
        elif pa.types.is_string(column.type):
            yield from filter(None, column.unique().to_pylist())


def texts_of(directory: Path) -> Iterator[tuple[str, str]]:
    """(where, text) of everything readable under a directory."""
    for path in sorted(directory.rglob("*")):
        where = path.relative_to(directory).as_posix()
        yield where, where
        if path.suffix == ".parquet":
            # As written, so that nothing a reader would pass over is passed over here.
            yield where, str(pq.read_metadata(path).metadata)
            for text in strings_of(pq.read_table(path)):
                yield where, text
        elif path.is_file():
            yield where, path.read_text(encoding="utf-8")


def leaks(directory: Path, needles: list[str]) -> set[tuple[str, str]]:
    """(file, needle) wherever one is found, in any case, words of the trade left out."""
    found = set()
    for where, text in texts_of(directory):
        cleaned = LEGITIMATE.sub(" ", text.lower())
        found |= {(where, needle) for needle in needles if needle.lower() in cleaned}
    return found


def needles(folder: Path) -> list[str]:
    kinds = [kind.name for kind in fault_types().values() if not kind.is_decoy]
    spellings = [spelling for kind in kinds for spelling in (kind, kind.replace("-", "_"), kind.replace("-", " "))]
    return [*spellings, *WORDS, FAULT_ID, DECOY_ID, NAME, str(folder)]


def check(name: str, folder: Path) -> None:
    fault = {"id": FAULT_ID, **FAULTS[name], "at": "15s", "for": "20s"}
    # After the fault, because a deploy and a bad deploy pull the same lever.
    decoys = [{"id": f"{DECOY_ID}{i}", **use, "at": "36s", "for": "5s"} for i, use in enumerate(DECOYS.values())]
    loaded = scenario(folder, duration_s=45, faults=[fault], decoys=decoys)
    observe(loaded).write(folder / "observed")
    assert leaks(folder / "observed", needles(folder)) == set()


@pytest.mark.parametrize("name", FAST)
def test_nothing_observed_names_the_fault(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in FAST])
def test_nothing_observed_names_any_other_fault(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


def test_every_registered_fault_is_tried() -> None:
    assert {use["type"] for use in FAULTS.values()} == {
        kind.name for kind in fault_types().values() if not kind.is_decoy
    }


def test_a_leak_would_be_found_wherever_it_is(tmp_path: Path) -> None:
    (tmp_path / "needle-f.jsonl").write_text('{"kind": "Stale-Cache"}', encoding="utf-8")
    codes = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(["fine", "unused twin"]))
    pq.write_table(pa.table({"source": codes, "fault_id": [1]}), tmp_path / "t.parquet")
    assert leaks(tmp_path, ["needle-f", "stale-cache", "twin", "fault"]) == {
        ("needle-f.jsonl", "needle-f"),
        ("needle-f.jsonl", "stale-cache"),
        ("t.parquet", "twin"),
        ("t.parquet", "fault"),
    }


def test_a_default_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"fallback": "default_features", "default": 1}', encoding="utf-8")
    assert leaks(tmp_path, ["fault"]) == set()
