"""Named random streams. One seed, one independent counter-based generator per name.

A draw is keyed by what it is for: the stream's name says the purpose, the index into an array drawn from it
says which request. Nothing is taken from a shared sequence, so no draw shifts another.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


class Streams:
    """Child random streams of one seed, by name."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def generator(self, *name: str | int) -> np.random.Generator:
        """A fresh Philox generator for this name; the same name always starts the same sequence."""
        return np.random.Generator(np.random.Philox(key=self.key(*name)))

    def key(self, *name: str | int) -> int:
        """128 bits naming the stream."""
        text = "/".join((str(self.seed), *map(str, name)))
        return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")


def lognormal_parameters(mean: float, cv: float) -> tuple[float, float]:
    """(mu, sigma) of the lognormal with this mean and coefficient of variation."""
    variance = np.log1p(cv * cv)
    return float(np.log(mean) - variance / 2), float(np.sqrt(variance))
