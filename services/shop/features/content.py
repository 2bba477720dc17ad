"""The feature service's own code: assembly of features, its fallbacks, and the log of pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.clock import NS
from lab.recording import texts
from lab.worlds.kit.contract import ContractViolationError, parse_value
from lab.worlds.shop.fallbacks import popular_scores
from lab.worlds.shop.features import INPUTS_LOGGED_ONE_IN, NAMES, impute, model_inputs
from services.common.log import Log
from services.common.plans import StepFailedError
from services.shop.features.ruling import unfiltered
from services.shop.features.visit import Visit


class Content:
    """What the steps do beside calls. `items` is the catalogue by column, empty until it was read."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.items: Mapping[str, npt.NDArray[Any]] = {}
        self.own: Mapping[str, Callable[[Visit], None]] = {"assemble_features": self._assemble}
        self.fallbacks: Mapping[str, Callable[[Visit], None]] = {
            "default_features": self._default_features,
            "popular_items": self._popular_items,
            "unfiltered_items": self._unfiltered_items,
        }

    def _assemble(self, visit: Visit) -> None:
        """The user vector and the model's inputs from the row; what was served goes to the feature log."""
        violation: ContractViolationError | None = None
        values: list[float | None] = [None] * len(NAMES)
        if visit.entry is not None:
            for i, column in enumerate(NAMES):
                try:
                    value = parse_value(visit.entry.row, column)
                    values[i] = None if np.isnan(value) else value
                except ContractViolationError as error:
                    violation = violation or error
        self._log_row(visit, values)
        if violation:
            body = texts.contract_violation(str(violation))
            self._log.write("ERROR", "feature_contract_violation", body, visit.span, subject=violation.column)
            raise StepFailedError("error", str(violation)) from violation
        vector = impute(np.array([[np.nan if value is None else value for value in values]], float))
        visit.vector = vector[0]
        visit.inputs = model_inputs(vector, self.items, visit.candidates[None, :])[0]

    def _log_row(self, visit: Visit, values: list[float | None]) -> None:
        entry, now_ns = visit.entry, time.time_ns()
        self._log.record(
            "feature_row_served", visit.span, time_ns=now_ns, user_id=visit.user_id, source=visit.source,
            row_age_s=None if entry is None else now_ns / NS - entry.row_time_s,
            entry_age_s=None if entry is None or entry.entry_time_s is None else now_ns / NS - entry.entry_time_s,
            values=values,
        )  # fmt: skip

    def log_page(self, visit: Visit) -> None:
        """Writes the page to the prediction log, with the model's inputs for some of the requests."""
        assert visit.page is not None
        assert visit.scores is not None
        place = {item: i for i, item in enumerate(visit.candidates.tolist())}
        shown = [place[item] for item in visit.page]
        logged = int(visit.span.trace_id[-4:], 16) % INPUTS_LOGGED_ONE_IN == 0
        self._log.record(
            "prediction_shown", visit.span, user_id=visit.user_id, item_ids=visit.page,
            positions=list(range(1, len(shown) + 1)), scores=visit.scores[shown].tolist(), model_version=visit.version,
            inputs=visit.inputs[shown].ravel().tolist() if logged else [],
        )  # fmt: skip

    # Fallbacks.

    def _default_features(self, visit: Visit) -> None:
        # No row: assembly fills the vector with the contract's defaults.
        visit.entry, visit.source = None, "default"

    def _popular_items(self, visit: Visit) -> None:
        visit.version = 0
        visit.scores = popular_scores(self.items["popularity_ratio"], visit.candidates)

    def _unfiltered_items(self, visit: Visit) -> None:
        assert visit.scores is not None
        visit.page = unfiltered(visit.candidates, visit.scores)
