from __future__ import annotations

import collections
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.spans.listing import Listing, Readiness, Span

NOW = 1_800_000_000.0
COUNT = 300  # spans, where many are wanted


def list_spans(pattern: str, ready: Readiness) -> list[Span]:
    listing = Listing(pattern)
    return [listing.inspect(name, ready) for name in listing.names]


def write(file: Path, *, minutes_ago: float = 600, content: str = "1") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    os.utime(file, (0, NOW - 60 * minutes_ago))


def spans(folder: Path, pattern: str = "{SPAN}/v{VERSION}", **ready: object) -> list[Span]:
    return list_spans(str(folder / pattern), Readiness(now=NOW, **ready))  # type: ignore[arg-type]


def test_of_each_span_the_newest_version_and_the_oldest_span_first(tmp_path: Path) -> None:
    for name in ("10/v1", "9/v2", "9/v10", "9/v1"):
        write(tmp_path / name / "a")
    assert [(s.name, s.version, s.path) for s in spans(tmp_path)] == [
        ("9", 10, tmp_path / "9/v10"),
        ("10", 1, tmp_path / "10/v1"),
    ]


def test_a_version_that_is_still_arriving_leaves_the_one_before_in_its_place(
    tmp_path: Path,
) -> None:
    write(tmp_path / "1/v1/a")
    write(tmp_path / "1/v2/a", minutes_ago=1)
    assert [s.version for s in spans(tmp_path)] == [2]
    assert [s.version for s in spans(tmp_path, quiet_minutes=10)] == [1]
    write(tmp_path / "1/v1/a", minutes_ago=1)
    (span,) = spans(tmp_path, quiet_minutes=10)
    assert (span.version, span.incomplete) == (2, "changed less than 10 minutes ago")


def test_of_the_versions_that_are_all_there_the_newest_is_taken(tmp_path: Path) -> None:
    for version, minutes_ago in enumerate([600, 600, 600, 1, 1], start=1):
        write(tmp_path / f"1/v{version}/a", minutes_ago=minutes_ago)
    (span,) = spans(tmp_path, quiet_minutes=10)
    assert (span.version, span.path, span.incomplete) == (3, tmp_path / "1/v3", None)


# A time ahead of now was set by somebody, who did that at the ctime.
@pytest.mark.parametrize(("minutes_ago", "taken"), [(9.9, False), (10, True), (-5, True)])
def test_quiet_minutes(tmp_path: Path, minutes_ago: float, taken: bool) -> None:
    write(tmp_path / "1/a")
    write(tmp_path / "1/deep/.hidden", minutes_ago=minutes_ago)
    (span,) = spans(tmp_path, "{SPAN}", quiet_minutes=10)
    assert (span.incomplete is None) == taken


COPIES = (
    lambda source, target: subprocess.run(["cp", "-rp", source, target], check=True),
    lambda source, target: shutil.copytree(source, target, copy_function=shutil.copy2),
    lambda source, target: subprocess.run(
        f"mkdir {target} && tar -C {source} -c . | tar -C {target} -x", shell=True, check=True
    ),
)


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_that_keeps_its_times_is_quiet_when_it_has_ended(tmp_path: Path, copy) -> None:
    os.utime(make(tmp_path / "source/a"), (0, 1_000_000_000))
    copy(tmp_path / "source", tmp_path / "1")
    now = (tmp_path / "1/a").stat().st_ctime
    assert (tmp_path / "1/a").stat().st_mtime == 1_000_000_000
    for minutes, incomplete in ((0, True), (9.9, True), (10.1, False)):
        ready = Readiness(now=now + 60 * minutes, quiet_minutes=10)
        (span,) = list_spans(str(tmp_path / "{SPAN}"), ready)[:1]
        assert (span.incomplete is not None) == incomplete


def make(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("1")
    return file


def test_a_file_servers_clock_that_is_ahead_does_not_block_for_ever(tmp_path: Path) -> None:
    """By this machine's clock the files come from next year."""
    file, seen = make(tmp_path / "1/a"), dict[str, float]()
    begun = file.stat().st_ctime - 365 * 86400

    def incomplete(minutes: float) -> bool:
        now = begun + 60 * minutes
        ready = Readiness(
            now=now, quiet_minutes=10, first_seen=lambda _, d: seen.setdefault(d, now)
        )
        (span,) = list_spans(str(tmp_path / "{SPAN}"), ready)
        return span.incomplete is not None

    assert [incomplete(minutes) for minutes in (0, 5, 9.9, 10)] == [True, True, True, False]
    file.write_text("22")
    assert [incomplete(minutes) for minutes in (11, 20.9, 21)] == [True, True, False]


def test_without_anybody_who_remembers_what_lies_ahead_is_arriving(tmp_path: Path) -> None:
    now = make(tmp_path / "1/a").stat().st_ctime - 3600
    (span,) = list_spans(str(tmp_path / "{SPAN}"), Readiness(now=now, quiet_minutes=10))
    assert span.incomplete is not None
    assert "clock is ahead" in span.incomplete


def test_a_span_of_class_folders_that_are_links(tmp_path: Path) -> None:
    write(tmp_path / "photos/cats/a")
    (tmp_path / "lake/1").mkdir(parents=True)
    (tmp_path / "lake/1/cat").symlink_to(tmp_path / "photos/cats")
    pattern = "lake/{SPAN}"
    (before,) = spans(tmp_path, pattern)
    assert before.incomplete is None
    write(tmp_path / "photos/cats/b", minutes_ago=1)
    (after,) = spans(tmp_path, pattern, quiet_minutes=10)
    assert after.incomplete is not None
    assert after.stamp != before.stamp


def test_a_link_that_leads_nowhere_is_named_and_hides_no_other_span(tmp_path: Path) -> None:
    for name in ("1/a", "2/a"):
        write(tmp_path / name)
    (tmp_path / "2/cat").symlink_to("../../gone")
    found = {span.name: span.incomplete for span in spans(tmp_path, "{SPAN}")}
    assert found == {"1": None, "2": f"{tmp_path}/2/cat is a broken link"}


def test_only_what_is_asked_for_is_looked_at(tmp_path: Path, monkeypatch) -> None:
    """A listing for each folder of names, none for files: 10,000 spans are 10,000 of these."""
    for number in range(COUNT):
        os.mkdir(tmp_path / f"{number}")
        os.mkdir(tmp_path / f"{number}/v1")
    last = f"{COUNT - 1}"
    write(tmp_path / last / "v2/a")
    calls, scandir = collections.Counter[str](), os.scandir

    def counting(path: str) -> Iterator[os.DirEntry[str]]:
        calls[str(path)] += 1
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counting)
    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, None)
    listing = Listing(str(tmp_path / "{SPAN}/v{VERSION}"))
    monkeypatch.undo()
    assert len(listing.names) == COUNT
    assert calls == {str(tmp_path): 1, **{f"{tmp_path}/{n}": 1 for n in range(COUNT)}}
    monkeypatch.setattr(os, "scandir", counting)
    calls.clear()
    assert listing.inspect(last, Readiness(now=NOW)).version == 2
    assert calls == {f"{tmp_path}/{last}/v2": 1}


def test_a_marker_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "1/a")
    (before,) = spans(tmp_path, "{SPAN}", done_marker="_SUCCESS")
    assert before.incomplete == "no _SUCCESS yet"
    write(tmp_path / "1/_SUCCESS")
    (after,) = spans(tmp_path, "{SPAN}", done_marker="_SUCCESS")
    assert after.incomplete is None
    assert after.stamp == before.stamp


def test_a_marker_beside_a_file(tmp_path: Path) -> None:
    write(tmp_path / "1.npz")
    (before,) = spans(tmp_path, "{SPAN}.npz", done_marker="_SUCCESS")
    assert before.incomplete == "no 1.npz.done yet"
    write(tmp_path / "1.npz.done")
    (after,) = spans(tmp_path, "{SPAN}.npz", done_marker="_SUCCESS")
    assert (after.name, after.incomplete) == ("1", None)


def test_both_must_hold_where_both_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "1/a", minutes_ago=1)
    write(tmp_path / "1/done")
    (span,) = spans(tmp_path, "{SPAN}", done_marker="done", quiet_minutes=10)
    assert span.incomplete


def test_an_empty_folder_is_only_begun(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (span,) = spans(tmp_path, "{SPAN}")
    assert span.incomplete == "no file in it yet"


def test_a_folder_that_may_not_be_listed_does_not_hide_the_others(unprivileged) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own lies where only its user may go
        folder = Path(name)
        folder.chmod(0o755)
        for file in ("1/a", "2/a"):
            write(folder / file)
        (folder / "2").chmod(0)
        with unprivileged():
            found = {span.name: span.incomplete for span in spans(folder, "{SPAN}")}
        (folder / "2").chmod(0o755)
    assert found == {"1": None, "2": "cannot be read: Permission denied"}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda folder: (folder / "a").read_text(), True),
        (lambda folder: write(folder / "a", minutes_ago=600), False),  # by ctime
        (lambda folder: write(folder / ".b"), True),
        (lambda folder: write(folder / "a", minutes_ago=599), False),
        (lambda folder: write(folder / "a", content="22"), False),
        (lambda folder: write(folder / "b"), False),
        (lambda folder: write(folder / os.fsdecode(b"\xff")), False),
        (lambda folder: (folder / "a").rename(folder / "c"), False),
    ],
)
def test_a_stamp_changes_with_its_files(tmp_path: Path, change, same: bool) -> None:
    write(tmp_path / "1/a")
    (before,) = spans(tmp_path, "{SPAN}")
    change(tmp_path / "1")
    (after,) = spans(tmp_path, "{SPAN}")
    assert (after.stamp == before.stamp) == same
