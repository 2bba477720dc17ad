"""The shop's part of the stack: its services' ports and secrets, and how its content is read and changed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from lab.agreed.run import Run
from lab.content.stack import Control, Counted, Shift, StackPart, View
from lab.injection.levers import Recipe
from lab.systems.topology import System
from lab.worlds.shop.registration import FEATURE_TABLE, SHOPPERS, USER, WORLD

if TYPE_CHECKING:
    from lab.recording.collected import Columns, Events
    from lab.worlds.shop.training import Model

FEATURES, FEATURES_CONFIG, FEED = 8080, 8081, 8082
"""Ports."""
USERS, USER_ID, STATE = "users_base", "user_id", "feed_state"
"""Relations of the database, and the users' key."""


class ShopStack(StackPart):
    """The recommender's services."""

    system = "recommender"
    secrets = (
        *(f"LAB_{store}_{role}_PASSWORD" for store in ("DB", "CACHE") for role in ("FEATURES", "FEED")),
        "LAB_DB_LOAD_PASSWORD", "LAB_FEATURES_TOKEN", "LAB_FEED_TOKEN",
    )  # fmt: skip
    controls: ClassVar = {
        "features": Control(FEATURES_CONFIG, ("steps.",)),
        "feed": Control(FEED, ("steps.", "period_s")),
    }
    counted: ClassVar = {
        "shown": Counted("recommendation.impression.count", "page_shown", each="item_ids"),
        "clicked": Counted("recommendation.click.count", "item_clicked"),
    }
    ratios: ClassVar = {"click_through_ratio": ("clicked", "shown")}
    # As measured for docs/stack.md (Calibration).
    cpu_s_per_request: ClassVar = {"features": 0.0045, "db": 0.0011, "cache": 0.0004, "model": 0.0016, "rules": 0.0012}
    max_rate_per_s = 500.0  # one takes it 2 to 6 ms
    limited_by = "its feature service is one Python process"
    # 100 rows in 15 s for drift, 20 clicks in 30 s for re-scoring.
    least_rates_per_s: ClassVar = {"feature_drift_psi": 7.0, "model_auc_deficit": 6.0}

    @property
    def views(self) -> Mapping[str, View]:
        return {FEATURE_TABLE: View(USERS, USER_ID, WORLD.columns(FEATURE_TABLE), ("features", "feed"))}

    def train(self, system: System, version: int, recipe: Recipe) -> Model:
        from lab.worlds.shop.catalog import make_catalog
        from lab.worlds.shop.training import train

        seed = _world_seed(system)
        return train(make_catalog(seed), seed, version, recipe)

    def keys_counts(self, system: System, time_scale: float) -> Mapping[str, int]:
        from lab.worlds.shop.catalog import active_count

        assert system.world is not None
        return {USER: active_count(int(system.world.settings.get("visitors", SHOPPERS)), time_scale)}

    def shift(self, system: System, feature: str, factor: float) -> Shift:
        """A feature that the feed computes is shifted until its next run, which writes its own."""
        from lab.worlds.shop.catalog import make_catalog
        from lab.worlds.shop.features import CATEGORIES, INDEX, USER_FEATURES

        aggregated = {"views_recent_count": "s.views_recent_count", "recent_price_eur": "s.recent_price_eur"}
        aggregated |= {f"interest_{name}_ratio": f"s.interest_ratios[{i}]" for i, name in enumerate(CATEGORIES, 1)}
        values: tuple[Any, ...] = (factor,)
        if feature in aggregated:
            source = f"{STATE} s WHERE s.{USER_ID} = u.{USER_ID}"
            statement = f"SET {feature} = {aggregated[feature]} * %s FROM {source}"
        else:
            unshifted = make_catalog(_world_seed(system)).profile[:, INDEX[feature]].tolist()
            is_integer = USER_FEATURES[INDEX[feature]].type == "integer"
            shifted = "round(p.value * %s)::integer" if is_integer else "p.value * %s"
            source = f"unnest(%s::float8[]) WITH ORDINALITY AS p(value, number) WHERE u.{USER_ID} = p.number - 1"
            statement, values = f"SET {feature} = {shifted} FROM {source}", (factor, unshifted)
        return Shift(USERS, f"UPDATE {USERS} u {statement}", values, beside=(STATE,))

    def tables(self, events: Events, run: Run, system: System) -> Mapping[str, Columns]:
        from lab.recording.collected import after
        from lab.worlds.shop import collected

        events = after(events, 0.0)
        return {
            "features": collected.features(events, run),
            "predictions": collected.predictions(events, run, system.performers["predict"]),
        }

    def reference(self, versions: Sequence[Model], system: System) -> Mapping[str, Any]:
        from lab.worlds.shop.reference import files

        return files(list(versions), system.performers["read_row"])


def _world_seed(system: System) -> int:
    assert system.world is not None
    return system.world.seed


STACK = ShopStack()
