"""What can happen to nightly segments alone: settings that come with releases, and a market that changes."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import ParameterError, UserError
from lab.injection.dry_run import PlanTestbed
from lab.injection.faults import fault_type
from lab.injection.levers import Announce, ConfigSet, JobKeepOutput
from lab.systems.files import load_system

SYSTEM = load_system("segmentation")


def pulled(name: str, target: str, **given: Any) -> list[tuple[str, str, Any]]:
    """What a fault or decoy does until it has gone back."""
    kind, testbed = fault_type(name), PlanTestbed(SYSTEM)
    with kind.inject(testbed, target, kind.parameters(**given)):
        pass
    return [(act.event, act.element, act.value) for act in testbed.acts]


def said(name: str, target: str, **given: Any) -> list[tuple[str, str]]:
    """What the change log reads, in order."""
    entries = [(at, value) for _, at, value in pulled(name, target, **given) if isinstance(value, Announce)]
    return [(at, f"{value.kind}: {value.summary}") for at, value in entries]


RELEASES = {
    "duplicated-rows": ("extract", {"step": "write_extract", "timeout": "6m"}),
    "wrong-segment-list": ("publish", {}),
    "campaign-filter": ("campaigns", {}),
    "day-counted-twice": ("extract", {}),
}


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_with_a_mistake_reads_like_one_without(name: str) -> None:
    target, given = RELEASES[name]
    assert said(name, target, **given) == said("release", target) == [(target, f"deploy: Release of {target}")] * 2


def test_a_job_is_not_given_the_list_that_it_has() -> None:
    with pytest.raises(ParameterError, match="'publish' has this list already"):
        pulled("wrong-segment-list", "publish", segment_list=1)


@pytest.mark.parametrize(
    ("name", "target", "given", "key", "value"),
    [
        ("wrong-segment-list", "publish", {}, "publish/settings.segment_list", 2),
        ("wrong-segment-list", "publish", {"segment_list": 3}, "publish/settings.segment_list", 3),
        ("campaign-filter", "campaigns", {"ordered_within": 45}, "campaigns/settings.max_recency_days", 45),
        ("day-counted-twice", "extract", {}, "extract/settings.local_day", 1),
        ("default-for-new-country", "features", {"country": "cz"}, "features/settings.rate_cz", 1.0),
    ],
)
def test_a_setting_is_wrong_while_it_lasts(
    name: str, target: str, given: dict[str, Any], key: str, value: float
) -> None:
    there = [(event, one.value) for event, at, one in pulled(name, target, **given) if at == key]
    assert there[0] == ("pull", value)
    assert there[1][0] == "revert"
    assert there[1][1] == ConfigSet.neutral(SYSTEM, ConfigSet.place(SYSTEM, key)).value


def test_what_is_written_twice_is_appended_by_a_job_that_waits_less_long() -> None:
    target, given = RELEASES["duplicated-rows"]
    places = [at for event, at, _ in pulled("duplicated-rows", target, **given) if event == "pull"]
    assert places == [
        f"extract/{key}"
        for key in ("steps.write_extract.timeout_s", "steps.write_extract.retries", "settings.write_mode")
    ]


@pytest.mark.parametrize(
    ("name", "target", "given"),
    [
        ("new-source", "db", {}),
        ("holiday", "db", {}),
        ("sign-up-wave", "db", {}),
        ("campaign-flop", "features", {"campaign": "new"}),
        ("campaign-filter", "features", {}),
        ("wrong-segment-list", "feed", {}),
    ],
)
def test_in_a_system_of_another_world_it_is_refused_in_words(name: str, target: str, given: dict[str, str]) -> None:
    kind = fault_type(name)
    with (
        pytest.raises(UserError),
        kind.inject(PlanTestbed(load_system("recommender")), target, kind.parameters(**given)),
    ):
        pass


def test_only_of_a_job_that_writes_a_dataset_the_output_can_stay() -> None:
    assert [*JobKeepOutput.places(SYSTEM)] == ["extract", "features", "score", "publish"]
    with pytest.raises(UserError, match="'send' writes no dataset"):
        pulled("output-kept", "send")
