"""Service level indicators of the shop."""

from __future__ import annotations

import numpy as np

from lab.recording.slis import Level, Samples, rolling, share
from lab.worlds.shop.registration import CLICK_WINDOW_INTERVALS

SHOWN, CLICKED = "recommendation.impression.count", "recommendation.click.count"


def click_through_ratio(samples: Samples) -> Level:
    """Clicks for each item shown, over the last intervals, with the binomial standard error: nights do not page."""
    times_s, counts = samples.wide((SHOWN, CLICKED))
    shown, clicked = (rolling(values, CLICK_WINDOW_INTERVALS) for values in counts)
    ratio = share(clicked, shown)
    certain = np.clip(ratio, 0, 1)  # a scrape may be missing of one of the two
    with np.errstate(invalid="ignore", divide="ignore"):
        return Level(times_s, ratio, np.sqrt(certain * (1 - certain) / shown))
