"""The course that comes with the lab, about the systems that come with it."""

from __future__ import annotations

from collections import Counter

import jsonschema

from lab.docs.schemas import schemas
from lab.errors import ExitCode
from lab.files.finding import shipped_names
from lab.files.yamlsource import read_yaml
from lab.investigation.exercises import SUFFIX, courses, load_course
from tests.cli_cases import lab


def test_the_shipped_course_asks_of_both_systems_at_every_level_and_gives_nothing_away() -> None:
    course = load_course("training/on-call")
    levels = Counter(one.level for one in course.exercises)
    assert len(course.exercises) >= 16
    assert min(levels[level] for level in ("beginner", "intermediate", "advanced")) >= 4
    assert {one.system for one in course.exercises} == {"fraud", "recommender"}
    assert sum(not one.scenario.scenario.faults for one in course.exercises) >= 2
    for one in course.exercises:
        scenario = one.scenario.scenario
        shown = " ".join([one.title, one.brief, *one.topics]).lower()
        assert not [fault.type for fault in scenario.faults if fault.type in shown]
        assert len(one.hints) == 3
        assert one.called_at_s is not None
        assert bool(scenario.faults) == bool(scenario.training.remedies)
        for fault in scenario.faults:  # people have to mend it
            assert fault.at_s + fault.for_s == scenario.duration_s


def test_the_schema_of_courses_takes_the_shipped_ones() -> None:
    for path in shipped_names(SUFFIX).values():
        jsonschema.validate(read_yaml(path).data, schemas()["course"])


def test_the_course_of_nights_is_called_days_late_and_ends_before_anything_mends_itself() -> None:
    course = load_course("training/nights")
    assert {one.system for one in course.exercises} == {"segmentation"}
    assert sum(not one.scenario.scenario.faults for one in course.exercises) == 1
    for one in course.exercises:
        scenario = one.scenario.scenario
        begun_s = max(use.at_s for use in (*scenario.faults, *scenario.decoys))
        assert one.called_at_s is not None
        assert one.called_at_s > begun_s + 5 * one.scenario.system.scrape_interval_s
        assert len(one.hints) == 3
        assert bool(scenario.faults) == bool(scenario.training.remedies)
        assert all(fault.at_s + fault.for_s == scenario.duration_s for fault in scenario.faults)


def test_every_shipped_course_is_right() -> None:
    assert [course.name for course in courses()] == ["nights", "on-call"]
    assert lab("validate", "training/on-call") == ExitCode.OK
    assert lab("validate", "training/nights") == ExitCode.OK
