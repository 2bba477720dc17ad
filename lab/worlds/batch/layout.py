"""What jobs ask of the world: each operation of their steps is done by the world itself, when its answer is due."""

from __future__ import annotations

from lab.content.operations import OP_ASK, Op
from lab.content.protocol import Layout
from lab.worlds.batch.operations import OPERATIONS

LAYOUT = Layout(operations={name: Op(OP_ASK) for name in OPERATIONS}, settles_first=False)
