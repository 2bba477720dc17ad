"""Sizes of images from their histories: a layer that several have counts once."""

from __future__ import annotations

from typing import Any

from lab.testbeds.stack.images import ImageSize, count, layers, table


def history(*steps: tuple[int, str, int]) -> list[dict[str, Any]]:
    """As the engine gives it: the newest step first."""
    return [{"Created": at, "CreatedBy": step, "Size": size} for at, step, size in reversed(steps)]


BASE = (1, "base", 100)


def test_shared_layers_count_once() -> None:
    images = {
        "db": layers(history(BASE, (2, "postgres", 50), (2, "USER", 0))),
        "cache": layers(history(BASE, (3, "redis", 7))),
    }
    found = count(images)
    assert found.images == [ImageSize("db", 150, 50), ImageSize("cache", 107, 7)]
    assert found.distinct_bytes == 157


def test_the_same_step_on_another_layer_is_another_layer() -> None:
    found = count({
        "a": layers(history(BASE, (2, "one", 10), (3, "same", 5))),
        "b": layers(history(BASE, (2, "two", 20), (3, "same", 5))),
    })  # fmt: skip
    assert found.distinct_bytes == 100 + 10 + 5 + 20 + 5


def test_the_table_names_every_image_and_the_sum() -> None:
    lines = table(count({"a": layers(history((1, "base", 123_000_000)))}))
    assert [line.split()[0] for line in lines] == ["image", "a", "all"]
    assert lines[-1].split()[-2:] == ["123", "MB"]
