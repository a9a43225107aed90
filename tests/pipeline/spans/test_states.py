from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from components.ingest import Config
from data.errors import BadDataError
from data.spans.patterns import make_absolute
from pipeline.spans.choose import choose
from pipeline.spans.states import SpanStates, describe_temporary
from pipeline.spans.store import Excluded, SpanStore, Unreadable, read_notes

YEAR = 365 * 86400.0


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Spans of all sorts, of which 1, 5 and 8 can be used."""
    lake = tmp_path / "lake"
    for name in ("1", "2", "3", "5", "7", "9.tmp", "empty", ".6"):
        (lake / name).mkdir(parents=True)
    for name in ("1", "2", "3", "5", "7", "9.tmp", ".6"):
        (lake / name / "a").write_text(name)
    (lake / "7" / "cat").symlink_to("nowhere")
    (lake / "8").symlink_to("1")
    (lake / "5" / "again").symlink_to(lake / "5")
    return lake


def config(lake: Path, **fields: object) -> Config:
    return Config(source="idx", path=f"{lake}/{{SPAN}}", **fields)  # type: ignore[arg-type]


def later(lake: Path, seconds: float = 3600) -> float:
    return (lake / "1" / "a").stat().st_ctime + seconds


@pytest.fixture
def root(tmp_path: Path, lake: Path) -> Path:
    """A ledger that remembers 2 as excluded and 3 as unreadable."""
    root = tmp_path / "root"
    root.mkdir()
    pattern = make_absolute(f"{lake}/{{SPAN}}")
    stamps = {s.span.name: s.span.stamp for s in SpanStates(config(lake), root, now=later(lake))}
    with SpanStore(root) as store:
        store.exclude(Excluded(pattern=pattern, span="2", reason="shuffled", by="ana", time=1.0))
        store.mark_unreadable(
            Unreadable(
                pattern=pattern, span="3", version=None, stamp=stamps["3"], why="torn", time=1.0
            )
        )
    return root


@pytest.mark.parametrize("quiet_minutes", [None, 10])
def test_what_is_listed_as_usable_is_what_a_window_takes(lake, root, quiet_minutes) -> None:
    wanted, now = config(lake, window="all", quiet_minutes=quiet_minutes), later(lake)
    listed = {s.span.name: s.state for s in SpanStates(wanted, root, now=now)}
    assert listed == {
        **dict.fromkeys(("1", "5", "8"), "usable"),
        "2": "excluded",
        "3": "unreadable",
        **dict.fromkeys(("7", "empty"), "incomplete"),
    }
    chosen = choose(wanted, SpanStates(wanted, root, now=now), None)
    assert [s.span.name for s in chosen.taken] == ["1", "5", "8"]
    assert [s.span.name for s in chosen.left_out] == ["2", "3", "7", "empty"]
    assert [Path(path).name for path in chosen.temporary] == [".6", "9.tmp"]


@pytest.mark.parametrize("window", ["latest", "2", "3", "9", "all", "span 5", "2 until 5"])
def test_a_window_takes_of_the_usable_ones_whatever_it_looks_at(lake, root, window) -> None:
    wanted, now = config(lake, window=window), later(lake)
    every = SpanStates(wanted, root, now=now)
    list(every)  # all are looked at
    assert choose(wanted, every, None) == choose(wanted, SpanStates(wanted, root, now=now), None)


def test_a_window_looks_at_no_more_spans_than_it_needs(tmp_path: Path, monkeypatch) -> None:
    lake, looked = tmp_path / "lake", []
    for number in range(50):
        (lake / str(number)).mkdir(parents=True)
        (lake / str(number) / "a").touch()
    wanted = config(lake, window="3")
    standings = SpanStates(wanted, tmp_path, now=later(lake))
    scandir = os.scandir

    def noting(path: str) -> object:
        looked.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noting)
    chosen = choose(wanted, standings, None)
    assert [s.span.name for s in chosen.taken] == ["47", "48", "49"]
    assert sorted(looked) == ["47", "48", "49"]


def test_a_clock_that_is_ahead_is_waited_for_once(lake, root) -> None:
    """By this machine's clock, all files come from next year; the ledger knows since when."""
    wanted, begun = config(lake, window="all", quiet_minutes=10), later(lake, -YEAR)

    def usable(minutes: float) -> list[str]:
        spans = SpanStates(wanted, root, now=begun + 60 * minutes)
        return [s.span.name for s in spans if s.state == "usable"]

    assert [usable(minutes) for minutes in (0, 9.9)] == [[], []]
    assert usable(10) == ["1", "5", "8"]
    (lake / "5" / "b").write_text("more")
    assert usable(11) == ["1", "8"]
    assert usable(21) == ["1", "5", "8"]


def test_a_jump_of_the_machines_own_clock_is_no_lock(lake, root) -> None:
    wanted, begun = config(lake, window="all", quiet_minutes=10), later(lake, -YEAR)
    list(SpanStates(wanted, root, now=begun + YEAR / 2))  # and then it was set right
    list(SpanStates(wanted, root, now=begun))
    assert SpanStates(wanted, root, now=begun + 600).of("1").state == "usable"


def test_what_was_seen_is_remembered_once(lake, root) -> None:
    wanted, now = config(lake, window="latest", quiet_minutes=10), later(lake, -YEAR)
    with pytest.raises(BadDataError, match="is usable"):
        choose(wanted, SpanStates(wanted, root, now=now), None)
    pattern = make_absolute(f"{lake}/{{SPAN}}")
    first = read_notes(root, pattern).sightings
    list(SpanStates(wanted, root, now=now + 60))
    assert read_notes(root, pattern).sightings == first
    assert {Path(path).name for path in first} == {"1", "2", "3", "5", "8"}


def test_a_root_in_which_nothing_ran_stays_as_it_is(lake, tmp_path) -> None:
    wanted = config(lake, window="all", quiet_minutes=10)
    list(SpanStates(wanted, tmp_path / "none", now=later(lake, -YEAR)))
    assert not (tmp_path / "none").exists()


def test_what_is_left_out_is_said_in_few_and_visible_words() -> None:
    paths = [f"/lake/{number}.tmp" for number in range(7)] + ["/lake/\x1b[2J.tmp", "/lake/\udcff~"]
    assert describe_temporary(paths) == (
        "left out because their names are temporary or hidden: 0.tmp, 1.tmp, 2.tmp, 3.tmp, "
        "4.tmp, 5.tmp, 6.tmp, "
        "\\x1b[2J.tmp and 1 more"
    )
    describe_temporary(paths[-1:]).encode()


def test_a_link_that_is_fixed_makes_its_span_usable(lake, root) -> None:
    assert SpanStates(config(lake), root, now=later(lake)).of("7").why == (
        f"{lake}/7/cat is a broken link"
    )
    shutil.copytree(lake / "1", lake / "7" / "nowhere")
    assert SpanStates(config(lake), root, now=later(lake)).of("7").state == "usable"
