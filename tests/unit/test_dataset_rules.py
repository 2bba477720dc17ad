"""Rules over datasets: what moved in one and not in what it is made from, whoever writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lab.contracts import Diagnosis, Verdict
from lab.engines.rules.explain import as_json, lines
from lab.engines.rules.inference import Inference, infer
from lab.engines.rules.names import Several, filled
from lab.engines.rules.shipped import shipped_tree
from lab.engines.rules.tree import Tree, parse_tree
from lab.errors import UserError
from tests.distributions import world_installed
from tests.ledger_records import Change, Columns, as_it_is, entries, recorded, some

HOURS, FIRST, LAST = 28, 12, 20


@pytest.fixture(scope="module", autouse=True)
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with world_installed(tmp_path_factory.mktemp("site"), "ledgers", "tests.ledgers:WORLD"):
        yield


def tree(each: str, when: str, *, culprit: str = "{job}", unless: str = "", says: str = "so it is") -> Tree:
    return parse_tree(
        "schema_version: 1\ncauses:\n- kind: mine\n  boundary: data\n"
        f"  each: {each}\n  culprit: '{culprit}'\n  confidence: 0.9\n  when: [{when}]\n  unless: [{unless}]\n"
        f"  because: [{{says: '{says}'}}]\n",
        "my.rules.yaml",
    )


def while_it_lasts(change: Change) -> Change:
    return lambda hour, columns: change(hour, columns) if FIRST <= hour < LAST else columns


def named(diagnosis: Diagnosis) -> set[tuple[str, str]]:
    return {(finding.culprit, finding.kind) for finding in diagnosis.findings}


FEWER = while_it_lasts(lambda _, columns: some(columns, np.arange(100)))
FALLS = "{falls: dataset_rows, of: '{dataset}', times: 0.3}"
NOT_ITS_INPUTS = "{falls: dataset_rows, of: '{input}', times: 0.3, z: 3}"


def test_a_cause_is_tried_on_each_dataset_and_blames_who_writes_it() -> None:
    own = tree("dataset", FALLS)
    assert named(infer(recorded(FEWER, as_it_is, HOURS), own)) == {("collect", "mine"), ("sum-up", "mine")}
    assert infer(recorded(as_it_is, as_it_is, HOURS), own).verdict is Verdict.HEALTHY


def test_what_its_inputs_did_as_well_did_not_begin_there() -> None:
    own = tree("dataset", FALLS, unless=NOT_ITS_INPUTS)
    assert named(infer(recorded(FEWER, as_it_is, HOURS), own)) == {("collect", "mine")}
    assert named(infer(recorded(as_it_is, FEWER, HOURS), own)) == {("sum-up", "mine")}


def test_who_compares_with_inputs_under_when_is_tried_only_where_there_are_some() -> None:
    own = tree("dataset", f"{FALLS}, {{steady: dataset_duplicate_ratio, of: '{{input}}', by: 0.1}}")
    trials = list(Inference(recorded(FEWER, as_it_is, HOURS), own).trials())
    assert [trial.element for trial in trials] == ["postings", "totals"]
    blaming = tree("dataset", FALLS, culprit="{source}")
    assert [trial.element for trial in Inference(recorded(FEWER, as_it_is, HOURS), blaming).trials()] == ["entries"]
    assert named(infer(recorded(FEWER, as_it_is, HOURS), blaming)) == {("branches", "mine")}


def test_a_cause_is_tried_on_each_column() -> None:
    cents = while_it_lasts(lambda _, columns: {**columns, "amount_eur": columns["amount_eur"] * 100})
    rises = "{rises: column_mean, of: '{dataset}.{column}', times: 20}"
    own = tree("dataset_column", rises, unless="{rises: column_mean, of: '{input}.{column}', times: 2, z: 3}")
    trials = list(Inference(recorded(cents, as_it_is, HOURS), own).trials())
    assert {trial.element for trial in trials if trial.finding} == {"entries.amount_eur"}
    assert {"entries.entry", "postings.amount_eur", "totals.account"} <= {trial.element for trial in trials}


def test_names_that_stand_for_several_are_tried_one_by_one_and_told_together() -> None:
    names = {"dataset": "a", "input": Several(["b", "c"]), "output": Several([])}
    assert filled("{dataset}", names) == ("a",)
    assert filled("{input}.*", names) == ("b.*", "c.*")
    assert filled("{output}.*", names) == ()
    assert "made from {input}".format(**names) == "made from b, c"
    own = tree("dataset", FALLS, says="{job} makes {dataset} of {input}, and {output} is made of it")
    findings = infer(recorded(as_it_is, FEWER, HOURS), own).findings
    assert findings[0].why[-1] == "sum-up makes postings of entries, and totals is made of it"


@pytest.mark.parametrize(
    ("each", "when", "culprit", "message"),
    [
        ("dataset", FALLS, "{dataset}", "unknown name {dataset}"),
        ("dataset", "{falls: dataset_rows, of: '{column}'}", "{job}", "unknown name {column}"),
        ("dataset_column", "{falls: dataset_rows, of: '{job}'}", "{job}", "{job} is a component"),
        ("dataset", "{falls: column_mean, of: '{dataset}'}", "{job}", "{dataset} is a dataset"),
        ("dataset", "{falls: dataset_rows, of: '{dataset}', times: 0.3, sporadic: true}", "{job}", "`sporadic` needs"),
        (
            "dataset",
            "{falls: dataset_rows, of: '{dataset}'}, {falls: dataset_rows, of: '*', by: 1, sporadic: true}",
            "{job}",
            "only the first condition",
        ),
        ("data_set", FALLS, "{job}", "dataset"),
        ("link", "{falls: client_error_ratio, of: '{input}'}", "{link}", "unknown name {input}"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told(each: str, when: str, culprit: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        tree(each, when, culprit=culprit)
    assert message in str(error.value)


def test_an_explanation_names_the_dataset_and_what_was_compared() -> None:
    own = tree("dataset", FALLS, unless=NOT_ITS_INPUTS)
    trials = Inference(recorded(FEWER, as_it_is, HOURS), own, thorough=True).trials()
    tried = {trial.element: trial for trial in trials}
    assert "tried on postings" in next(lines(tried["postings"]))
    assert as_json(tried["postings"])["unless"][0]["of"] == "entries"
    assert as_json(tried["postings"])["outcome"] == "not named"


# The causes of every system.


def repeated(hour: int, _: Columns) -> Columns:
    return entries(FIRST - 1)


def cents(_: int, columns: Columns) -> Columns:
    return {**columns, "amount_eur": columns["amount_eur"] * 100}


def twice(_: int, columns: Columns) -> Columns:
    return some(columns, np.repeat(np.arange(200), 2))


def sometimes_twice(hour: int, columns: Columns) -> Columns:
    return twice(hour, columns) if hour in (FIRST, FIRST + 3, LAST - 1) else columns


def some_cents(_: int, columns: Columns) -> Columns:
    return {**columns, "amount_eur": columns["amount_eur"] * np.where(np.arange(200) % 8, 1, 100)}


def keyless(_: int, columns: Columns) -> Columns:
    return {**columns, "entry": np.where(np.arange(200) < 60, np.nan, columns["entry"])}


def joined(_: int, columns: Columns) -> Columns:
    return some(columns, np.flatnonzero(~np.isnan(columns["entry"].astype(float))))


@pytest.mark.parametrize(
    ("of_entries", "of_postings", "expected"),
    [
        (as_it_is, as_it_is, set()),
        (repeated, as_it_is, {("collect", "output-kept")}),
        (as_it_is, repeated, {("sum-up", "output-kept")}),
        (as_it_is, twice, {("sum-up", "duplicated-rows")}),
        (twice, as_it_is, {("collect", "duplicated-rows")}),
        (keyless, joined, {("branches", "join-key-retyped")}),
        (cents, as_it_is, {("branches", "schema-corruption")}),
        (some_cents, as_it_is, {("branches", "schema-corruption")}),
        (sometimes_twice, as_it_is, {("collect", "duplicated-rows")}),
        (lambda _, columns: some(columns, np.arange(20)), as_it_is, set()),  # all that follows has fewer as well
    ],
)
def test_causes_of_every_system_are_named_where_they_began(
    of_entries: Change, of_postings: Change, expected: set[Any]
) -> None:
    seen = recorded(while_it_lasts(of_entries), while_it_lasts(of_postings), HOURS)
    diagnosis = infer(seen, shipped_tree("ledgers"))
    assert named(diagnosis) == expected
    for finding in diagnosis.findings:
        assert FIRST - 1 <= finding.onset_s / 3600 <= FIRST + 1


def test_a_sentence_may_cite_what_it_tells_and_says_since_when() -> None:
    text = f"""
schema_version: 1
causes:
- kind: mine
  boundary: data
  each: dataset
  culprit: '{{job}}'
  confidence: 0.9
  when: [{FALLS}]
  unless: [{NOT_ITS_INPUTS}]
  because:
  - {{moved: dataset_rows, of: '{{output}}', z: 2, cites: true,
     says: 'because {{subject}} has fewer rows since {{since}}'}}
  - {{moved: dataset_rows, of: '{{dataset}}', z: 2, times: 20, cites: true, says: 'because it has none'}}
  - {{says: 'so it is'}}
"""
    (finding,) = infer(recorded(FEWER, as_it_is, HOURS), parse_tree(text, "my.rules.yaml")).findings
    assert finding.why == ("postings has fewer rows since 12h", "so it is")
    assert [(one.signal, one.subject) for one in finding.evidence] == [
        ("dataset_rows", "entries"),
        ("dataset_rows", "postings"),
    ]
