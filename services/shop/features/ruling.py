"""Pages from the business-rules service, by HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.worlds.shop.behaviour import PAGE
from lab.worlds.shop.fallbacks import unfiltered_positions
from lab.worlds.shop.features import INDEX
from services.common.calls import CallFailedError
from services.common.http_calls import JsonClient
from services.common.trace import TraceContext
from services.shop.features.visit import Visit

ROUTE = "/v1/rules/apply"


class Rules:
    """The service at `base_url`; `items` is the catalogue by column."""

    def __init__(self, base_url: str) -> None:
        self._service = JsonClient(base_url)
        self.items: Mapping[str, npt.NDArray[Any]] = {}

    async def apply_rules(self, visit: Visit, span: TraceContext) -> None:
        """Has the scored candidates filtered and re-ranked."""
        answer = await self._service.post(ROUTE, self._body(visit), span, visit.baggage)
        known = set(visit.candidates.tolist())
        try:
            page = answer["items"]
            if not isinstance(page, list) or not set(page) <= known:
                raise CallFailedError("error")
        except (KeyError, TypeError) as error:
            raise CallFailedError("error") from error
        visit.page = page[:PAGE]

    def _body(self, visit: Visit) -> dict[str, Any]:
        chosen, scores = visit.candidates, visit.scores
        assert scores is not None
        names = ("category", "stock_count", "min_age_years", "margin_ratio")
        columns = [self.items[name][chosen].tolist() for name in names]
        items = [
            {"item_id": item, "score": score, **dict(zip(names, values, strict=True))}
            for item, score, *values in zip(chosen.tolist(), scores.tolist(), *columns, strict=True)
        ]
        return {"user": {"age_years": float(visit.vector[INDEX["age_years"]])}, "items": items, "limit": PAGE}

    async def close(self) -> None:
        """Closes the connections."""
        await self._service.close()


def unfiltered(candidates: npt.NDArray[np.int64], scores: npt.NDArray[Any]) -> list[int]:
    """The page without rules: best scores first."""
    picked: list[int] = candidates[unfiltered_positions(candidates, scores)].tolist()
    return picked
