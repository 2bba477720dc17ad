"""Lognormal and exponential times by inverting their distribution functions at 32-bit uniform numbers.

In the middle by linear interpolation between 1,024 quantiles, in the outermost 1/128 on each side exactly. All
distributions here have the mean 1: one table serves every mean, so there is one a shape and coefficient of variation.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

from lab.compiled import apart, kernel
from lab.streams import lognormal_parameters
from lab.testbeds.sim.plane.layout import *

_CELL_BITS = 22
"""Low bits of a uniform number: where it lies within a cell of the table."""
_WITHIN = (1 << _CELL_BITS) - 1
_CELL = 2.0**-_CELL_BITS
_UNIT = 2.0**-32
_TAIL = CELLS // 128


@kernel
def _central(r: float) -> float:
    top = 2509.0809287301226727 * r + 33430.575583588128105
    top = top * r + 67265.770927008700853
    top = top * r + 45921.953931549871457
    top = top * r + 13731.693765509461125
    top = top * r + 1971.5909503065514427
    top = top * r + 133.14166789178437745
    top = top * r + 3.387132872796366608
    bottom = 5226.495278852545925 * r + 28729.085735721942674
    bottom = bottom * r + 39307.89580009271061
    bottom = bottom * r + 21213.794301586595867
    bottom = bottom * r + 5394.1960214247511077
    bottom = bottom * r + 687.1870074920579083
    bottom = bottom * r + 42.313330701600911252
    bottom = bottom * r + 1.0
    return top / bottom


@kernel
def _between(r: float) -> float:
    top = 7.7454501427834140764e-4 * r + 0.0227238449892691845833
    top = top * r + 0.24178072517745061177
    top = top * r + 1.27045825245236838258
    top = top * r + 3.64784832476320460504
    top = top * r + 5.7694972214606914055
    top = top * r + 4.6303378461565452959
    top = top * r + 1.42343711074968357734
    bottom = 1.05075007164441684324e-9 * r + 5.475938084995344946e-4
    bottom = bottom * r + 0.0151986665636164571966
    bottom = bottom * r + 0.14810397642748007459
    bottom = bottom * r + 0.68976733498510000455
    bottom = bottom * r + 1.6763848301838038494
    bottom = bottom * r + 2.05319162663775882187
    bottom = bottom * r + 1.0
    return top / bottom


@kernel
def _outer(r: float) -> float:
    top = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
    top = top * r + 0.0012426609473880784386
    top = top * r + 0.026532189526576123093
    top = top * r + 0.29656057182850489123
    top = top * r + 1.7848265399172913358
    top = top * r + 5.4637849111641143699
    top = top * r + 6.6579046435011037772
    bottom = 2.04426310338993978564e-15 * r + 1.4215117583164458887e-7
    bottom = bottom * r + 1.8463183175100546818e-5
    bottom = bottom * r + 7.868691311456132591e-4
    bottom = bottom * r + 0.0148753612908506148525
    bottom = bottom * r + 0.13692988092273580531
    bottom = bottom * r + 0.59983220655588793769
    bottom = bottom * r + 1.0
    return top / bottom


@kernel
def standard_normal(uniform: int) -> float:
    """The standard normal quantile at a 32-bit uniform number: algorithm AS241 (Wichura 1988), accurate to 1e-15."""
    q = (uniform + 0.5) * _UNIT - 0.5
    if abs(q) <= 0.425:
        return q * _central(0.180625 - q * q)
    r = math.sqrt(-math.log(0.5 - abs(q)))
    x = _between(r - 1.6) if r <= 5.0 else _outer(r - 5.0)
    return -x if q < 0.0 else x


@apart
def exact(kind: float, mu: float, sigma: float, uniform: int) -> float:
    """The quantile of a distribution of mean 1 at a 32-bit uniform number: of one draw in 64."""
    if kind == LOGNORMAL:
        return math.exp(mu + sigma * standard_normal(uniform))
    return -math.log(1.0 - (uniform + 0.5) * _UNIT)


@kernel
def draw(t: Tables, row: int, uniform: int) -> float:
    """A time in units of its mean: of the distribution in this row, at a 32-bit uniform number; row -1: always 1."""
    if row < 0:
        return 1.0
    cell = uniform >> _CELL_BITS
    if cell < _TAIL or cell >= CELLS - _TAIL:
        return exact(t.sampler[row, Q_KIND], t.sampler[row, Q_MU], t.sampler[row, Q_SIGMA], uniform)
    low = t.quantile[row, cell]
    return low + (t.quantile[row, cell + 1] - low) * ((uniform & _WITHIN) * _CELL)


@cache
def _normals() -> tuple[float, ...]:
    normal = NormalDist()
    return tuple(normal.inv_cdf(i / CELLS) for i in range(1, CELLS))


@cache
def parameters(kind: int, cv: float) -> tuple[float, float, float]:
    """A row of `sampler`: of a distribution of mean 1; `cv`, its coefficient of variation, is only a lognormal's."""
    if kind == EXPONENTIAL:
        return float(kind), 0.0, 0.0
    return float(kind), *lognormal_parameters(1.0, cv)


@cache
def quantiles(kind: int, cv: float) -> tuple[float, ...]:
    """A row of `quantile`: those at 0, 1/1024, …; the first and the last, which are not asked for, are 0."""
    if kind == EXPONENTIAL:
        inner = [-math.log1p(-i / CELLS) for i in range(1, CELLS)]
    else:
        _, mu, sigma = parameters(kind, cv)
        inner = [math.exp(mu + sigma * normal) for normal in _normals()]
    return 0.0, *inner, 0.0
