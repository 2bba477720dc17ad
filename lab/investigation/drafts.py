"""Post-mortems as people go on with them: the lab's text until somebody keeps theirs, which it never overwrites."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lab.investigation.concluding import Answered, Concluding
from lab.investigation.queries.asking import UnknownError
from lab.investigation.refusals import NotYetError, RefusedError
from lab.investigation.store import Store


@dataclass(frozen=True, slots=True)
class Draft:
    """A post-mortem as Markdown. `revision` grows with each version that a person keeps; 0 is the lab's text.

    `saved_at`: seconds since 1970. `original`: the lab's text, None where it is not there now.
    """

    text: str
    revision: int
    saved_at: float | None
    original: str | None

    @property
    def generated(self) -> bool:
        """Whether nobody has kept a version of their own."""
        return self.revision == 0


class Drafts:
    """The post-mortems of a training's sessions. NotYetError before a debrief is released."""

    def __init__(self, store: Store, concluding: Concluding) -> None:
        self._store = store
        self._concluding = concluding

    def read(self, one: Answered) -> Draft:
        """The post-mortem as it is now."""
        kept = self._store.postmortem(one.id) if one.status == "released" else None
        if kept is None:
            text = self._concluding.postmortem(one)
            return Draft(text, 0, None, text)
        try:
            original = self._concluding.postmortem(one)
        except (NotYetError, UnknownError):  # the lab's is written again, or cannot be
            original = None
        return Draft(kept.text, kept.revision, kept.saved_at, original)

    def write(self, one: Answered, text: str, revision: int) -> Draft:
        """Keeps a person's version, made from that of a revision; RefusedError where another was kept since."""
        before = self.read(one)
        if not self._store.keep_postmortem(one.id, revision, text, time.time()):
            now = self._store.postmortem(one.id) or before
            what, hint = "the post-mortem was changed meanwhile", "copy your text, load what is kept, and put yours in"
            raise RefusedError(what, seen=f"revision {revision}", expected=f"revision {now.revision}", hint=hint)
        return self.read(one)
