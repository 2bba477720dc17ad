"""What the content of a world answers that has no levers of its own."""

from __future__ import annotations

from lab.injection.levers import ActValue, AnyLever, Place


class WithoutLevers:
    """Refuses every lever and act."""

    def read(self, lever: type[AnyLever], place: Place) -> AnyLever | None:
        raise NotImplementedError("it has no levers")

    def write(self, lever: type[AnyLever], place: Place, value: AnyLever | None, now_ns: int) -> None:
        raise NotImplementedError("it has no levers")

    def act(self, place: Place, act: ActValue, now_ns: int) -> None:
        raise NotImplementedError("it has no levers")
