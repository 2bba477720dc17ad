"""Scores of a visit's candidates."""

from __future__ import annotations

import numpy as np

from lab.worlds.shop.training import SCORE_DECIMALS
from services.common.predictions import ModelScores
from services.common.trace import TraceContext
from services.shop.features.visit import Visit


class CandidateScores:
    """Scores by the model server."""

    def __init__(self, model: ModelScores) -> None:
        self._model = model

    async def predict(self, visit: Visit, span: TraceContext) -> None:
        """Scores the visit's candidates."""
        scores, visit.version = await self._model.predict(visit.inputs, span, visit.baggage)
        visit.scores = np.round(scores, SCORE_DECIMALS)
