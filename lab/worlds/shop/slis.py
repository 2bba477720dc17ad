"""Service level indicators of the shop."""

from __future__ import annotations

from lab.recording.slis import Level, Samples, counted_ratio
from lab.worlds.shop.registration import CLICK_WINDOW_INTERVALS


def click_through_ratio(samples: Samples) -> Level:
    """Clicks for each item shown, over the last intervals."""
    shown, clicked = "recommendation.impression.count", "recommendation.click.count"
    return counted_ratio(samples, clicked, shown, CLICK_WINDOW_INTERVALS)


def clicks(samples: Samples) -> Level:
    """Clicks on recommended items, of each interval."""
    times_s, (clicked,) = samples.wide(("recommendation.click.count",))
    return Level(times_s, clicked)
