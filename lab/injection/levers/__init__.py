"""Levers: what a testbed lets you change and change back. Faults are written against these and nothing else.

`testbed.pull("features->db", LinkCut(fraction=0.3))` is a context: on leaving it the lever goes back. Each lever is one
record, a class in a module of this package; `docs/levers.md` lists them all.
"""

from lab.injection.levers.caches import *  # noqa: F403
from lab.injection.levers.changes import *  # noqa: F403
from lab.injection.levers.components import *  # noqa: F403
from lab.injection.levers.configuration import *  # noqa: F403
from lab.injection.levers.holds import Claim as Claim
from lab.injection.levers.holds import Holds as Holds
from lab.injection.levers.holds import Undo as Undo
from lab.injection.levers.jobs import *  # noqa: F403
from lab.injection.levers.links import *  # noqa: F403
from lab.injection.levers.models import *  # noqa: F403
from lab.injection.levers.people import *  # noqa: F403
from lab.injection.levers.record import ActValue as ActValue
from lab.injection.levers.record import Json as Json
from lab.injection.levers.record import LeverValue as LeverValue
from lab.injection.levers.record import Place as Place
from lab.injection.levers.record import Record as Record
from lab.injection.levers.record import act_types as act_types
from lab.injection.levers.record import lever_type as lever_type
from lab.injection.levers.record import lever_types as lever_types
from lab.injection.levers.table import LeverTable as LeverTable
from lab.injection.levers.tables import *  # noqa: F403
from lab.injection.levers.testbed import AnyLever as AnyLever
from lab.injection.levers.testbed import Event as Event
from lab.injection.levers.testbed import JournalEntry as JournalEntry
from lab.injection.levers.testbed import Testbed as Testbed
