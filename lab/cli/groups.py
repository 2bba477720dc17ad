"""Groups of options, which a command gets as one record, so that one module can define them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
Option = Callable[[Any], Any]


def group(name: str, record: type[Any], *options: Option) -> Callable[[Function], Function]:
    """A decorator that gives a command some options, and their values as the parameter `name`, a `record` of them.

    `record` is a dataclass with a field for each option, named as the option's parameter.
    """
    names = [field.name for field in fields(record)]

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def called(**values: Any) -> Any:
            own = {key: values.pop(key) for key in names}
            return function(**values, **{name: record(**own)})

        wrapped: Any = called
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]

    return decorate
