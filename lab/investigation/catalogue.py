"""The remedies that the lab has. Costs are what such a thing takes people who know how, in seconds."""

from __future__ import annotations

from lab.injection.levers import (
    CacheFlush,
    CacheFreeze,
    CacheMixKeys,
    ComponentLimit,
    ComponentPause,
    ComponentRestart,
    ComponentSlow,
    ComponentStop,
    ConfigSet,
    FeedDelay,
    FeedFreeze,
    JobBackfill,
    JobKeepOutput,
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkDrop,
    LinkReset,
    LinkThrottle,
    ModelCanary,
    ModelDeploy,
    ModelUnload,
    PartitionDelay,
    PopulationBots,
    PopulationSurge,
    TableColumn,
    TableLock,
    TableSlow,
)
from lab.injection.levers.record import PROCESSES
from lab.investigation.remedies import Remedy

MODEL, CACHE, DATABASE = frozenset({"model"}), frozenset({"cache"}), frozenset({"database"})
JOB, USERS, LINK = frozenset({"job"}), frozenset({"users"}), frozenset({"link"})
POOLS = ("pools.*", "steps.*.pool.*")
TIMEOUTS = ("steps.*.timeout_s",)
WORKERS = ("workers",)
RELEASED = ("steps.*.above", "steps.*.at_most", "settings.*")
"""Between which values a step runs, and what the world's code goes by: that is part of a release, as rules are."""

REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        name="roll-back-model", title="Roll the model back", cost_s=120, on=MODEL,
        # How long a version computes is a property of the version, so it goes with it.
        rests=(ModelDeploy, ModelCanary, ComponentSlow),
        doc="Serves the version again that was served at the start, to all requests. A canary ends.",
    ),
    Remedy(
        name="load-model", title="Load the model again", cost_s=60, on=MODEL, rests=(ModelUnload,),
        doc="Makes the model server load the version that it is to serve.",
    ),
    Remedy(
        name="flush-cache", title="Flush the cache", cost_s=30, on=CACHE, acts=(CacheFlush(),),
        doc="Drops every entry. The cache fills again from what is behind it, which works harder meanwhile.",
    ),
    Remedy(
        name="resume-refresh", title="Let the cache refresh again", cost_s=60, on=CACHE, rests=(CacheFreeze,),
        doc="Starts refresh and expiry of entries where they were stopped.",
    ),
    Remedy(
        name="roll-back-cache-keys", title="Roll back how cache keys are made", cost_s=120, on=CACHE,
        rests=(CacheMixKeys,),
        doc="Goes back to the release that made keys as at the start. Entries are kept.",
    ),
    Remedy(
        name="restart", title="Restart a component", cost_s=60, on=PROCESSES, pulls=(ComponentRestart(),),
        doc="Ends the process and starts it again: it is away for some seconds, and a cache comes back empty. "
        "It cures nothing that has its cause outside of the process.",
    ),
    Remedy(
        name="start", title="Start a stopped component", cost_s=60, on=PROCESSES,
        rests=(ComponentStop, ComponentRestart), doc="Starts the process where it has ended.",
    ),
    Remedy(
        name="resume", title="Resume a paused component", cost_s=30, on=PROCESSES, rests=(ComponentPause,),
        doc="Lets a process go on that was stopped in its work.",
    ),
    Remedy(
        name="roll-back-code", title="Roll a component's code back", cost_s=180, on=PROCESSES - MODEL,
        rests=(ComponentSlow, ConfigSet), rest_keys=RELEASED,
        doc="Deploys the release that ran at the start, with its limits in rules and its settings. Other configuration "
        "stays as it is.",
    ),
    Remedy(
        name="restore-cpu", title="Give a component its CPU back", cost_s=120, on=PROCESSES, rests=(ComponentLimit,),
        doc="Moves it to a host without limits on its CPU or workers.",
    ),
    Remedy(
        name="scale-out", title="Scale a component out", cost_s=90, on=PROCESSES - JOB, part="key", keys=WORKERS,
        doc="Gives it so many workers, each of which handles a request at a time; where people work, so many people.",
    ),
    Remedy(
        name="revert-migration", title="Revert the migrations of a table", cost_s=240, on=DATABASE, part="table",
        rests=(TableColumn,),
        doc="Gives every column the name, type and values that it had at the start.",
    ),
    Remedy(
        name="end-blocking-session", title="End the session that blocks a table", cost_s=60, on=DATABASE, part="table",
        rests=(TableLock,),
        doc="Statements that wait for a lock on the table go on.",
    ),
    Remedy(
        name="restore-index", title="Restore the index of a table", cost_s=180, on=DATABASE, part="table",
        rests=(TableSlow,),
        doc="Statements on the table take as long again as they do with its index and its statistics.",
    ),
    Remedy(
        name="reroute-link", title="Route a link another way", cost_s=180, on=LINK,
        rests=(LinkCut, LinkDelay, LinkDrop, LinkReset, LinkThrottle),
        doc="Sends what passes between the two components over another path.",
    ),
    Remedy(
        name="resume-job", title="Let a job run again", cost_s=60, on=JOB, rests=(FeedFreeze, FeedDelay),
        doc="Its runs start when they are due, from the next one on.",
    ),
    Remedy(
        name="mend-output", title="Mend what a job writes", cost_s=240, on=JOB, rests=(JobKeepOutput,),
        doc="Its runs write all rows anew, from the next one on. What was written stays.",
    ),
    Remedy(
        name="backfill", title="Do a job's past periods once more", cost_s=300, on=JOB, acts=(JobBackfill(),),
        doc="Does what its runs should have done, on what is there now. It mends no cause: what is still wrong comes "
        "out wrong again.",
    ),
    Remedy(
        name="deliver-in-time", title="Have a table's partitions delivered in time", cost_s=240, on=DATABASE,
        part="table", rests=(PartitionDelay,),
        doc="Partitions land as early as they used to, from the next one on. What was read without them stays so.",
    ),
    Remedy(
        name="set-timeout", title="Set a timeout", cost_s=90, on=PROCESSES, part="key", keys=TIMEOUTS,
        doc="How long a caller waits for an attempt.",
    ),
    Remedy(
        name="set-pool", title="Change a pool of connections", cost_s=90, on=PROCESSES, part="key", keys=POOLS,
        doc="Its size, how long an attempt waits for a connection, and how many may wait.",
    ),
    Remedy(
        name="set-configuration", title="Set another configuration key", cost_s=90, on=PROCESSES, part="key",
        keys=("*",), not_keys=(*TIMEOUTS, *POOLS, *WORKERS),
        doc="One key: retries, thresholds, times to live, periods.",
    ),
    Remedy(
        name="restore-configuration", title="Put a component's configuration back", cost_s=120, on=PROCESSES | USERS,
        rests=(ConfigSet,),
        doc="Every key has the value again that it had at the start.",
    ),
    Remedy(
        name="block-extra-traffic", title="Block extra traffic", cost_s=90, on=USERS,
        rests=(PopulationSurge, PopulationBots),
        doc="Turns away what comes beside the usual people: bots, and visitors of a campaign.",
    ),
)  # fmt: skip
"""In the order in which pages list them."""

GENERIC_COST_S = 120.0


def generic(lever: type[LeverValue]) -> Remedy:
    """What puts a lever back that no remedy of the list does, named after its record."""
    family, _, verb = lever.name.partition(".")
    return Remedy(
        name=f"undo-{lever.name.replace('.', '-')}", title=f"Undo a change of {family}: {verb}", cost_s=GENERIC_COST_S,
        on=lever.on, rests=(lever,), doc=f"Takes back what does this: {lever.headline()}",
    )  # fmt: skip
