"""Writes `rules.json`, the golden vectors that the Java rules and their Python twin both pass.

python tests/golden/make_rules.py
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.worlds.shop.rules import Candidate, Thresholds, apply_rules

GOLDEN = Path(__file__).with_name("rules.json")
RANDOM_CASES = 36
Case = tuple[str, float, list[Candidate], int, Thresholds]
"""Name, user's age in years, items, limit, thresholds."""


def item(
    item_id: int, score: float = 0.5, category: int = 1, *, stock: int = 9, age: int = 0, margin: float = 0.2
) -> Candidate:
    """A candidate that passes every filter unless said otherwise."""
    return Candidate(item_id, score, category, stock, age, margin)


def edge_cases() -> list[Case]:
    """One case per corner of the rules."""
    default = Thresholds()
    descending = [item(n, score=0.9 - n / 100, category=n % 3) for n in range(12)]
    same_category = [item(n, score=0.5 + n / 1000) for n in range(8)]
    halves = [item(n, score=(2 * n + 1) * 0.5e-6, category=n, margin=0.0) for n in range(6)]
    return [
        ("no items", 34, [], 5, default),
        ("one item", 34, [item(1)], 5, default),
        ("everything out of stock", 34, [item(n, stock=0) for n in range(4)], 5, default),
        ("everything above the age", 15, [item(n, age=18) for n in range(4)], 5, default),
        ("out of stock and above the age counts as stock", 15, [item(1, stock=0, age=18)], 5, default),
        ("exactly the minimum age", 18, [item(1, age=18)], 5, default),
        ("a fraction of a year below the minimum age", 17.99, [item(1, age=18)], 5, default),
        ("negative stock", 34, [item(1, stock=-3), item(2)], 5, default),
        ("fewer than the limit", 34, descending[:3], 5, default),
        ("limit of one", 34, descending, 1, default),
        ("limit of the number of items", 34, descending, 12, default),
        ("ties by item id", 34, [item(n, category=n) for n in (9, 3, 7, 1)], 3, default),
        ("all of one category", 34, same_category, 5, default),
        ("all of one category, one each", 34, same_category, 5, Thresholds(max_per_category=1)),
        ("no diversity asked", 34, same_category, 5, Thresholds(max_per_category=100)),
        ("two categories fill up in turn", 34, [item(n, 0.9 - n / 100, category=n // 4) for n in range(8)], 6, default),
        ("halves of a millionth", 34, halves, 6, Thresholds(margin_weight=0.0)),
        ("halves of a millionth of margin", 34, [item(n, 0.1, n, margin=(2 * n + 1) * 0.5e-6) for n in range(6)], 6,
         Thresholds(margin_weight=1.0)),
        ("margin outweighs score", 34, [item(1, 0.5, margin=0.0), item(2, 0.49, margin=0.51)], 2, default),
        ("margin loses against score", 34, [item(1, 0.5, margin=0.0), item(2, 0.49, margin=0.49)], 2, default),
        ("margin makes an exact tie", 34, [item(2, 0.5, margin=0.0), item(1, 0.49, margin=0.5)], 2, default),
        ("negative margin weight", 34, [item(1, margin=0.1), item(2, margin=0.3)], 2, Thresholds(margin_weight=-0.5)),
        ("negative margins and scores", 34, [item(1, -0.2, margin=-0.4), item(2, -0.21, margin=0.3)], 2, default),
        ("a weight in the wrong unit", 34, [item(n, 0.9 - n / 10, n, margin=n / 7) for n in range(6)], 5,
         Thresholds(margin_weight=2000.0)),
        ("a higher stock threshold", 34, [item(n, stock=n) for n in range(10)], 5, Thresholds(min_stock=4)),
        ("no stock threshold", 34, [item(1, stock=0), item(2, stock=-1)], 5, Thresholds(min_stock=0)),
        ("differences below a millionth are ties", 34, [item(2, 0.30000004, 1), item(1, 0.3, 2)], 2, default),
        ("large numbers", 1e6, [item(2**62, 1e6, stock=10**9, age=10**6), item(0, 1e6, -1, margin=1e6)], 2, default),
        ("the same item twice", 34, [item(5, 0.4), item(5, 0.4), item(6, 0.4)], 3, default),
    ]  # fmt: skip


def random_cases() -> list[Case]:
    """Requests as they come: 20 candidates, many ties, scores with all their digits."""
    draw = random.Random(20)
    thresholds = [Thresholds(), Thresholds(2, 0.05, 1), Thresholds(1, 0.0, 3)]
    cases: list[Case] = []
    for case in range(RANDOM_CASES):
        digits = draw.choice((2, 6, 17))
        items = [
            item(
                item_id, round(draw.uniform(0, 0.4), digits), draw.randrange(6), stock=draw.choice((0, 1, 2, 50)),
                age=draw.choice((0, 0, 0, 16, 18)), margin=round(draw.uniform(-0.1, 0.6), digits),
            )
            for item_id in draw.sample(range(400), 20)
        ]  # fmt: skip
        name = f"random {case}"
        cases.append((name, draw.choice((15, 17, 34, 70)), items, draw.choice((5, 5, 10)), thresholds[case % 3]))
    return cases


def vector(name: str, age_years: float, items: list[Candidate], limit: int, thresholds: Thresholds) -> dict[str, Any]:
    """One golden vector: the request as the service takes it, and what must be answered."""
    item_ids, removed = apply_rules(age_years, items, limit, thresholds)
    return {
        "name": name,
        "thresholds": asdict(thresholds),
        "request": {"user": {"age_years": age_years}, "items": [asdict(item) for item in items], "limit": limit},
        "expected": {"items": item_ids, "removed": removed},
    }


def render() -> str:
    """The file's text: one vector per line."""
    lines = [json.dumps(vector(*case)) for case in (*edge_cases(), *random_cases())]
    return '{"cases": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    GOLDEN.write_text(render(), encoding="utf-8")
