"""What each lever does on the real stack when it is pulled: how that is seen from outside, without the lever."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from lab.agreed import ports
from lab.injection.levers import (
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
    LeverValue,
    LinkCut,
    LinkDelay,
    LinkDrop,
    LinkReset,
    LinkThrottle,
    ModelDeploy,
    ModelUnload,
    PopulationBots,
    PopulationShift,
    PopulationSurge,
    PopulationTastes,
    TableColumn,
    TableLock,
    TableSlow,
)
from lab.testbeds.stack.http import call
from lab.testbeds.stack.session import Session
from lab.worlds.shop.stack import FEATURES_CONFIG, FEED
from tests.stack.asking import answer_of_rules_s, predicted, profile, redis_of, rows
from tests.waiting import PATIENCE_S

SHOP_PORT = 28080
SHOP = "shoppers->features"
UNANSWERED_S = 0.5
"""No answer within this is none: where one is expected, several are asked for."""
DELAY_S = 0.15
SLOW_S = 0.4
SLOW_SLICES_S = 0.02
"""A slice is 2 ms: at a factor of 40 a call waits 38 ms on average, where nothing else is in its way."""
BYTES_PER_S = 2000.0


def ask_shop(stack: Session, path: str = "/healthz", timeout_s: float = UNANSWERED_S) -> tuple[float, int]:
    """How long the shop took over the proxy to answer, and the bytes of the answer."""
    began_s = time.monotonic()
    with urllib.request.urlopen(stack.compose.url("links", SHOP_PORT) + path, timeout=timeout_s) as answer:
        size = len(answer.read())
    return time.monotonic() - began_s, size


def column_type(stack: Session, column: str) -> str:
    of = f"table_name = 'users' AND column_name = '{column}'"
    found = rows(stack, f"SELECT data_type FROM information_schema.columns WHERE {of}")
    return str(found[0][0]) if found else ""


def is_unanswered(stack: Session) -> bool:
    try:
        ask_shop(stack)
    except TimeoutError:
        return True
    except ConnectionError:  # cut off when the link came back
        return False
    return False


def is_reset(stack: Session) -> bool:
    try:
        ask_shop(stack)
    except (ConnectionResetError, urllib.error.URLError) as error:
        return isinstance(getattr(error, "reason", error), ConnectionResetError)
    return False


def is_late_by(least_s: float) -> Callable[[Session], bool]:
    return lambda stack: min(ask_shop(stack, timeout_s=PATIENCE_S)[0] for _ in range(3)) >= least_s


def is_throttled(stack: Session) -> bool:
    took_s, size = ask_shop(stack, "/metrics", timeout_s=PATIENCE_S)
    return took_s >= size / BYTES_PER_S / 2


def is_model_silent(stack: Session) -> bool:
    containers = stack.compose.containers()
    if containers["model"].status in ("exited", "paused"):
        return True
    try:
        url = f"{stack.compose.url('model', ports.MODEL_REST)}/v1/models/model"
        urllib.request.urlopen(url, timeout=UNANSWERED_S).close()
    except OSError:
        return True
    return False


def is_held_back(stack: Session) -> bool:
    return bool(stack.compose.container("rules").attrs["HostConfig"]["CpuQuota"] == 10_000)


def is_renamed(stack: Session) -> bool:
    return bool(column_type(stack, "age") and not column_type(stack, "age_years"))


def is_text(stack: Session) -> bool:
    return column_type(stack, "avg_order_value_eur") == "text"


def is_in_cents(stack: Session) -> bool:
    ratio = rows(
        stack, "SELECT sum(u.recent_price_eur) / sum(b.recent_price_eur) FROM users u JOIN users_base b USING (user_id)"
    )
    return round(ratio[0][0]) == 100


def is_half_null(stack: Session) -> bool:
    share = rows(stack, "SELECT avg((returns_ratio IS NULL)::int) FROM users")
    return 0.4 < float(share[0][0]) < 0.6


def has_new_column(stack: Session) -> bool:
    return column_type(stack, "loyalty") == "integer"


def is_slow(stack: Session) -> bool:
    began_s = time.monotonic()
    rows(stack, "SELECT user_id FROM users WHERE user_id = 1")
    return time.monotonic() - began_s >= SLOW_S


def feed_control(stack: Session) -> Any:
    return call("GET", f"{stack.compose.url('feed', FEED)}/control", token=stack.token("feed"))


def is_feed_frozen(stack: Session) -> bool:
    return bool(feed_control(stack)["frozen"])


def is_feed_delayed(stack: Session) -> bool:
    return bool(feed_control(stack)["delay_s"] == 7.0)


def keeps_entries(stack: Session) -> bool:
    """Whether an entry written now never expires."""
    with redis_of(stack) as client:
        client.fcall("put_entry", 1, "user:999999", b"entry")
        return bool(client.ttl("user:999999") == -1)


def is_slowed(stack: Session) -> bool:
    return answer_of_rules_s(stack) > SLOW_SLICES_S


def is_locked(stack: Session) -> bool:
    import psycopg

    with stack.levers.database.connect() as connection:
        connection.execute("SET lock_timeout = '200ms'")
        try:
            connection.execute("SELECT age_years FROM users WHERE user_id = 1")
        except psycopg.errors.LockNotAvailable:
            return True
    return False


def answers_for_another(stack: Session) -> bool:
    with redis_of(stack) as client:
        client.fcall("put_entry", 1, "user:1", b"own")
        return bool(client.fcall_ro("get_entry", 1, "user:1") != b"own")


def keeps_entries_three_seconds(stack: Session) -> bool:
    with redis_of(stack) as client:
        client.fcall("put_entry", 1, "user:999999", b"entry")
        return bool(0 < client.pttl("user:999999") <= 3000)


def is_unserved(stack: Session) -> bool:
    return predicted(stack)[0] == 404


def spends_more(stack: Session) -> bool:
    [(spent,)] = rows(stack, "SELECT sum(avg_order_value_eur) FROM users")
    return bool(spent == pytest.approx(3 * profile("avg_order_value_eur").sum()))


def has_other_tastes(stack: Session) -> bool:
    url = f"{stack.compose.url('load', ports.LOAD)}/tastes"
    return bool(call("GET", url, token=stack.token("load"))["fraction"] == 0.5)


def feed_config(stack: Session) -> Any:
    return call("GET", f"{stack.compose.url('feed', FEED)}/config", token=stack.token("feed"))


def works_more_often(stack: Session) -> bool:
    return bool(feed_config(stack)["period_s"] == 4.0)


def gives_up_at_once(stack: Session) -> bool:
    return bool(feed_config(stack)["steps"]["refresh"]["retries"] == 0)


def serves_a_new_version(stack: Session) -> bool:
    return stack.levers.versions.served() > 2


def has_short_timeout(stack: Session) -> bool:
    url = f"{stack.compose.url('features', FEATURES_CONFIG)}/config"
    steps = call("GET", url, token=stack.token("features"))["steps"]
    return bool(steps["db_get"]["timeout_s"] == 0.033)


def has_more_visitors(stack: Session) -> bool:
    def count() -> float:
        with urllib.request.urlopen(stack.compose.url("links", SHOP_PORT) + "/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(x.split()[-1]) for x in lines if x.startswith("http_server_request_duration_seconds_count"))

    before = count()
    time.sleep(0.5)
    return count() - before > 5


@dataclass(frozen=True)
class Pull:
    """One lever, how it is pulled, what then reads differently (the value itself, unless said), and what it does."""

    element: str
    value: LeverValue
    effect: Callable[[Session], bool]
    note: str = ""
    reads: Callable[[Session], Any] | None = None

    @property
    def lever(self) -> type[LeverValue]:
        return type(self.value)

    def __str__(self) -> str:
        return f"{self.value.name}-{self.note}" if self.note else self.value.name

    def expected(self, stack: Session) -> Any:
        return self.reads(stack) if self.reads else self.value


USERS = "db/users"
PULLS = [
    Pull(SHOP, LinkCut(direction="both", fraction=1.0), is_unanswered, "both"),
    Pull(SHOP, LinkCut(direction="request", fraction=1.0), is_unanswered, "requests"),
    Pull(SHOP, LinkCut(direction="response", fraction=1.0), is_unanswered, "responses"),
    Pull(SHOP, LinkDelay(latency_s=DELAY_S, jitter_s=0.0, fraction=1.0), is_late_by(DELAY_S)),
    Pull(SHOP, LinkDrop(fraction=1.0), is_late_by(0.2)),
    Pull(SHOP, LinkReset(fraction=1.0), is_reset),
    Pull(SHOP, LinkThrottle(bytes_per_s=BYTES_PER_S), is_throttled),
    Pull("model", ComponentPause(), is_model_silent),
    Pull("model", ComponentStop(), is_model_silent),
    Pull("model", ComponentRestart(away_s=600.0), is_model_silent, reads=lambda stack: ComponentRestart()),
    Pull("rules", ComponentSlow(factor=40.0), is_slowed),
    Pull("rules", ComponentLimit(cpu=0.1), is_held_back),
    Pull(f"{USERS}.age_years", TableColumn(change="rename", to="age"), is_renamed, "rename"),
    Pull(f"{USERS}.avg_order_value_eur", TableColumn(change="retype", to="text"), is_text, "retype"),
    Pull(f"{USERS}.recent_price_eur", TableColumn(change="rescale", factor=100.0), is_in_cents, "rescale"),
    Pull(f"{USERS}.returns_ratio", TableColumn(change="null", fraction=0.5), is_half_null, "null"),
    Pull(f"{USERS}.loyalty", TableColumn(change="add", type="integer"), has_new_column, "add"),
    Pull(USERS, TableSlow(seconds=SLOW_S), is_slow),
    Pull(USERS, TableLock(), is_locked),
    Pull("feed", FeedFreeze(), is_feed_frozen),
    Pull("feed", FeedDelay(seconds=7.0), is_feed_delayed),
    Pull("cache", CacheFreeze(fraction=1.0), keeps_entries),
    Pull("cache", CacheMixKeys(fraction=1.0), answers_for_another),
    Pull("model", ModelUnload(), is_unserved),
    Pull("model", ModelDeploy(training="next-window"), serves_a_new_version,
         reads=lambda stack: ModelDeploy(version=len(stack.versions))),
    Pull("features/steps.db_get.timeout_s", ConfigSet(value=0.033), has_short_timeout),
    Pull("feed/period_s", ConfigSet(value=4.0), works_more_often, "period"),
    Pull("feed/steps.refresh.retries", ConfigSet(value=0), gives_up_at_once, "feed"),
    Pull("cache/settings.ttl_s", ConfigSet(value=3.0), keeps_entries_three_seconds, "cache"),
    Pull("shoppers/avg_order_value_eur", PopulationShift(factor=3.0), spends_more),
    Pull("shoppers", PopulationTastes(fraction=0.5), has_other_tastes),
    Pull("shoppers", PopulationSurge(rate_per_s=40.0), has_more_visitors),
    Pull("shoppers", PopulationBots(rate_per_s=40.0), has_more_visitors),
]  # fmt: skip
