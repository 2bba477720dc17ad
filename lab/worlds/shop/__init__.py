"""The shop: users, items, a click model and the dynamics that make fresh features worth clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.worlds.shop.offer import OFFER

if TYPE_CHECKING:
    from lab.worlds.shop.world import ShopWorld


def __getattr__(name: str) -> Any:
    # The services import single modules of this package; only the testbed needs the whole world.
    if name == "ShopWorld":
        from lab.worlds.shop.world import ShopWorld

        return ShopWorld
    if name == "LEVERS":
        from lab.worlds.shop.levers import LEVERS

        return LEVERS
    if name == "COLUMNS":
        from lab.worlds.shop.features import NAMES

        return NAMES
    raise AttributeError(name)


__all__ = ["COLUMNS", "LEVERS", "OFFER", "ShopWorld"]
