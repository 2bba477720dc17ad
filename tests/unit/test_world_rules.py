"""Rules of a world: files that are read after those of every system, as one text that can be printed and used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engines.rules import shipped
from lab.engines.rules.shipped import CORE, shipped_text, shipped_tree
from lab.engines.rules.tree import load_tree, parse_tree
from lab.errors import UserError
from lab.registration.world import World
from lab.signals.catalogue import CORE as CORE_SIGNALS

MINE = """
schema_version: 1
noise: {cache_hit_ratio: 0.01}
symptoms:
- {moved: request_rate_per_s, of: "{entry}", says: "People go away"}
effects:
  feed-stall: [{says: "so the shelves are empty"}]
causes:  # of mine
    # each is its own
    - kind: cold-cache
      boundary: integration
      each: cache
      culprit: "{component}"
      confidence: 0.8
      when: [{falls: cache_hit_ratio, of: "{component}", by: 0.2}]
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package whose files `one.yaml` and `two.yaml` are the rules of the world."""
    folder = tmp_path / "strange_rules"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "one.yaml").write_text(MINE, encoding="utf-8")
    (folder / "two.yaml").write_text("schema_version: 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    world = World(name="strange", title="", open="", rules=("strange_rules:one.yaml", "strange_rules:two.yaml"))
    monkeypatch.setattr(shipped, "recorded_world", lambda name: world)
    shipped._joined.cache_clear()
    yield folder
    shipped._joined.cache_clear()
    sys.modules.pop("strange_rules", None)


def test_a_world_s_rules_come_after_the_core_s_and_what_its_people_notice_before(files: Path) -> None:
    core, both = shipped_tree(None), shipped_tree("strange")
    assert both.causes[:-1] == core.causes
    assert both.causes[-1].kind == "cold-cache"
    assert [one.says for one in both.symptoms] == ["People go away", *(one.says for one in core.symptoms)]
    assert both.noise.keys() == {*core.noise, "cache_hit_ratio"}
    assert [one.says for one in both.effects["feed-stall"]] == ["so the shelves are empty"]


def test_what_is_printed_is_what_is_used_with_its_comments(files: Path) -> None:
    text = shipped_text("strange")
    assert parse_tree(text, "x") == shipped_tree("strange")
    assert "# each is its own" in text
    assert "# of mine" in text


def test_what_two_files_say_of_one_thing_names_both(files: Path) -> None:
    (files / "two.yaml").write_text(
        "schema_version: 1\nnoise:\n  cache_hit_ratio: 0.02\n  error_ratio: 0.1\neffects: {feed-stall: [{says: x}]}\n",
        encoding="utf-8",
    )
    with pytest.raises(UserError) as refused:
        shipped_text("strange")
    told = [(problem.what, problem.seen, problem.file, problem.line) for problem in refused.value.problems]
    assert told == [
        ("noise of signal 'cache_hit_ratio' is given twice", "also in strange_rules:one.yaml",
         "strange_rules:two.yaml", 3),
        ("noise of signal 'error_ratio' is given twice", f"also in {CORE}", "strange_rules:two.yaml", 4),
        ("effects of cause 'feed-stall' is given twice", "also in strange_rules:one.yaml",
         "strange_rules:two.yaml", 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [("falls: cache_hit_ratio", "falls: cache_hits", 15, "unknown signal 'cache_hits'"),
     ("feed-stall:", "feed-stahl:", None, "`effects` of 'feed-stahl'"),
     ('so the shelves', 'so {column}', 7, "unknown name {column}")],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(files: Path, old: str, new: str, line: int | None, told: str) -> None:
    (files / "one.yaml").write_text(MINE.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=told) as refused:
        shipped_tree("strange")
    [problem] = refused.value.problems
    assert line is None or (problem.file, problem.line) == ("strange_rules:one.yaml", line)


def test_the_core_s_rules_are_complete_and_know_no_signal_of_a_world() -> None:
    tree = load_tree(CORE)
    named = {*tree.noise, *(one.moved for one in tree.symptoms)}
    for cause in tree.causes:
        for condition in (*cause.when, *cause.unless):
            named |= {option.signal for option in (condition.any or (condition,))}
        named |= {one.moved for one in cause.because}
    assert named - {None} <= CORE_SIGNALS.keys()
    assert {"network-partition", "cpu-throttle", "feed-stall"} <= {cause.kind for cause in tree.causes}
