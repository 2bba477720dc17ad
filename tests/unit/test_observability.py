"""How much is seen: what each level leaves out, that nothing needs what is absent, and where the level is declared."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lab.cli import main
from lab.engines.rules import diagnose
from lab.errors import UserError
from lab.injection.faults import fault_types, witnesses_of
from lab.recording.observed import Observed, load_observed
from lab.recording.schema import schema_of
from lab.registration.observability import LEVELS, Observability, seen_at
from lab.registration.world import registration_of
from lab.runs.parity import compare
from lab.runs.runner import run_scenario
from lab.scenario import LoadedScenario, load_scenario
from lab.signals import compute_signals
from lab.signals.catalogue import spec_of
from tests.sim_runs import DECOYS, FAULTS, digests, observe, scenario

COLUMN = "age_years"


SHOP = schema_of("shop")


def busy(folder: Path, observability: Observability) -> LoadedScenario:
    """A renamed column, so that rows cannot be read; a partition, so that calls fail; a deploy."""
    faults = [
        {**FAULTS["schema-corruption renames"], "at": "60s", "for": "30s"},
        {**FAULTS["network-partition"], "at": "70s", "for": "30s"},
    ]
    decoys = [{**DECOYS["deploy"], "at": "10s"}]
    return scenario(folder, observability=observability, duration_s=120, faults=faults, decoys=decoys)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[Observability, Observed]:
    """The same run at each level."""
    folder = tmp_path_factory.mktemp("levels")
    return {level: observe(busy(folder, level)) for level in LEVELS}


@pytest.mark.parametrize("level", LEVELS)
def test_a_recording_has_the_columns_and_metrics_of_its_level(
    seen: dict[Observability, Observed], level: Observability
) -> None:
    for name, table in SHOP.tables.items():
        wanted = {c.name.rstrip("*") for c in table.columns if seen_at(level, c.level) and c.otherwise is None}
        written = seen[level].tables[name].column_names if name in seen[level].tables else []
        assert {c.partition(".")[0] + "." if c.startswith(("feature.", "input.")) else c for c in written} == wanted
    hidden = {m.name for m in SHOP.metrics.values() if not seen_at(level, m.level)}
    assert hidden.isdisjoint(set(seen[level].frame("metrics")["metric"]))
    assert seen[level].system["observability"] == level


@pytest.mark.parametrize("level", LEVELS)
def test_signals_exist_from_the_level_that_the_catalogue_says(
    seen: dict[Observability, Observed], level: Observability
) -> None:
    computed = {name: compute_signals(observed).names() for name, observed in seen.items()}
    assert computed[level] == {s for s in computed["rich"] if seen_at(level, spec_of(s).level)}


def violations(observed: Observed) -> pd.DataFrame:
    logs = observed.frame("logs")
    return logs[logs["event.name"] == "feature_contract_violation"]


def test_only_rich_logs_name_the_column(seen: dict[Observability, Observed]) -> None:
    named = violations(seen["rich"])
    assert set(named["subject"]) == {COLUMN}
    assert named["body"].str.contains(COLUMN).all()
    for level in ("usual", "poor"):
        plain = violations(seen[level])
        assert plain["time_s"].tolist() == named["time_s"].tolist()
        assert plain["subject"].isna().all()
        # Not even in a dictionary of texts that no row uses.
        texts = seen[level].tables["logs"]["subject"].combine_chunks().dictionary.to_pylist()
        assert COLUMN not in texts
        assert not seen[level].frame("logs")["body"].str.contains(COLUMN).any()


def test_below_rich_a_database_logs_slow_statements_only(seen: dict[Observability, Observed]) -> None:
    every, slow = (seen[level].frame("logs") for level in ("rich", "usual"))
    asked, logged = (logs[logs["event.name"] == "statement"] for logs in (every, slow))
    assert len(logged) == (asked["duration_s"] >= 0.1).sum()
    assert len(logged) < len(asked) / 10


def test_poor_traces_are_whole_and_few(seen: dict[Observability, Observed]) -> None:
    every, few = seen["rich"].frame("spans"), seen["poor"].frame("spans")
    kept = set(few["trace_id"])
    assert 0.02 < len(kept) / every["trace_id"].nunique() < 0.09
    assert len(few) == every["trace_id"].isin(kept).sum()
    pd.testing.assert_frame_equal(seen["usual"].frame("spans"), every)


def test_the_twin_keeps_the_same_traces(tmp_path: Path, seen: dict[Observability, Observed]) -> None:
    kept = [set(o.frame("spans")["trace_id"]) for o in (seen["poor"], observe(busy(tmp_path, "poor"), without="f1"))]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("level", ["usual", "poor"])
def test_engines_answer_with_what_there_is(
    seen: dict[Observability, Observed], level: Observability, tmp_path: Path
) -> None:
    seen[level].write(tmp_path / "observed")
    answer = diagnose(tmp_path / "observed")
    signals = compute_signals(load_observed(tmp_path / "observed"))
    cited = {(e.signal, e.subject) for finding in answer.findings for e in finding.evidence}
    assert cited
    assert all(signals.get(*key) is not None for key in cited)


def test_a_recording_at_a_level_has_the_same_bytes_again(tmp_path: Path, seen: dict[Observability, Observed]) -> None:
    seen["poor"].write(tmp_path / "first")
    observe(busy(tmp_path, "poor")).write(tmp_path / "second")
    assert digests(tmp_path / "first") == digests(tmp_path / "second")


def test_the_shipped_system_is_seen_as_systems_usually_are() -> None:
    loaded = load_scenario("recommender/control-quiet")
    assert loaded.system.observability == "usual"
    assert loaded.seen_by("rich").system.observability == "rich"
    assert loaded.seen_by(None) is loaded


def test_every_fault_has_a_witness_that_is_usually_seen() -> None:
    for kind in fault_types().values():
        if not kind.is_decoy:
            worlds = [registration_of(world) for world in ("shop", "decisions", "batch")]
            witnesses = [witness for world in worlds for witness in witnesses_of(kind, world)]
            assert any(seen_at("usual", spec_of(one.signal).level) for one in witnesses), kind.name


def test_the_dry_run_says_where_a_fault_cannot_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    def notes(level: str) -> str:
        assert main(["plan", "recommender/deploy-regression", "--observability", level]) == 0
        return " ".join(capsys.readouterr().out.split())

    assert "observability is poor, where none of these exists: the case would be inconclusive" in notes("poor")
    assert "inconclusive" not in notes("usual")


def test_recordings_that_show_unlike_much_are_not_compared(tmp_path: Path) -> None:
    runs = [
        run_scenario(scenario(tmp_path, observability=level, duration_s=30), 1, tmp_path / level)
        for level in ("rich", "poor")
    ]
    with pytest.raises(UserError) as raised:
        compare(*runs)
    assert "rich and poor" in str(raised.value.problems[0].seen)
