"""Recordings changed on purpose and sealed again, so that their checksums fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lab.errors import UserError
from lab.recording.opening import open_run
from lab.recording.rundir import checksums, sealed


def reseal(run: Path) -> None:
    """Seals a recording again over what is in it now, as somebody would who wants it to look whole."""
    meta = json.loads((run / "run.json").read_text(encoding="utf-8"))
    meta["checksums"] = {name: sum_ for name, sum_ in checksums(run).items() if name != "run.json"}
    (run / "run.json").write_text(json.dumps(sealed(meta)), encoding="utf-8")


def change_json(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        content = json.loads((run / name).read_text(encoding="utf-8"))
        changed = change(content)
        (run / name).write_text(json.dumps(content if changed is None else changed), encoding="utf-8")

    return damage


def change_table(name: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = run / f"observed/{name}.parquet"
        pq.write_table(change(pq.read_table(path)), path)

    return damage


def put(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes(content) and None


def replaced(table: pa.Table, column: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, pa.array(values))


def assert_refused(run: Path, change: Callable[[Path], None], file: str, message: str) -> None:
    """A recording that was changed and sealed again does not open: which file it is, and what is wrong."""
    change(run)
    reseal(run)
    with pytest.raises(UserError) as caught:
        open_run(run)
    assert f"{file}: " in str(caught.value)
    assert message in str(caught.value)
