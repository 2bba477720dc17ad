"""The feature service's own code: rows by the contract, the log of what was served, defaults."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from lab.clock import NS
from lab.recording import texts
from lab.worlds.decisions.features import FEATURES
from lab.worlds.kit.contract import ContractViolationError, parse_value
from services.common.log import Log
from services.common.plans import StepFailedError
from services.decisions.features.lookup import Lookup, Row
from services.decisions.tables import key_column


class Content:
    """What the steps do beside calls."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.own: Mapping[str, Callable[[Lookup], None]] = {"assemble_features": self._assemble}
        # No row: who asks fills in the contract's defaults.
        self.fallbacks: Mapping[str, Callable[[Lookup], None]] = {"default_features": lambda lookup: None}

    def _assemble(self, lookup: Lookup) -> None:
        """The columns of both rows; what was served goes to the feature log."""
        violation: ContractViolationError | None = None
        for table, row in lookup.rows.items():
            row.values = [None] * len(FEATURES[table])
            for i, spec in enumerate(FEATURES[table] if row.entry is not None else ()):
                try:
                    value = parse_value(row.entry.row, spec.name)  # type: ignore[union-attr]
                    row.values[i] = None if np.isnan(value) else value
                except ContractViolationError as error:
                    violation = violation or error
            self._log_row(table, row, lookup)
        if violation:
            body = texts.contract_violation(str(violation))
            self._log.write("ERROR", "feature_contract_violation", body, lookup.span, subject=violation.column)
            raise StepFailedError("error", str(violation)) from violation

    def _log_row(self, table: str, row: Row, lookup: Lookup) -> None:
        entry, now_ns = row.entry, time.time_ns()
        # The id that the row has: with mixed keys it is another one's.
        number = -1 if entry is None else entry.row.get(key_column(table), row.number)
        self._log.record(
            "feature_row_served", lookup.span, time_ns=now_ns, table=table, entity_id=number, source=row.source,
            row_age_s=None if entry is None else now_ns / NS - entry.row_time_s,
            entry_age_s=None if entry is None or entry.entry_time_s is None else now_ns / NS - entry.entry_time_s,
            values=row.values,
        )  # fmt: skip
