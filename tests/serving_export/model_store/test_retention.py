from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import ConfigError
from serving_export.bundle.manifest import verify_version
from serving_export.model_store.layout import version_numbers
from serving_export.model_store.push import push

Make = Callable[..., tuple[Path, str]]


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    return tmp_path / "serving"


@pytest.fixture
def push_next(tmp_path: Path, serving: Path, make_bundle: Make) -> Callable[..., int]:
    """A function that pushes a bundle that was never pushed before."""
    made = iter(range(1000))

    def push_one(keep: int | None = None) -> int:
        number = next(made)
        bundle, _ = make_bundle(tmp_path / f"bundle{number}", b"graph %d" % number)
        return push(bundle, serving, "m", record={}, keep=keep)[0]

    return push_one


@pytest.mark.parametrize("keep", [1, 0, -3])
def test_the_version_before_is_always_kept(
    tmp_path: Path, serving: Path, make_bundle: Make, keep: int
) -> None:
    bundle, _ = make_bundle(tmp_path / "bundle")
    with pytest.raises(ConfigError, match="too few versions"):
        push(bundle, serving, "m", record={}, keep=keep)
    assert not serving.exists()


@pytest.mark.parametrize(
    ("keep", "left"), [(None, [1, 2, 3, 4, 5]), (2, [4, 5]), (3, [3, 4, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_the_newest_are_kept(
    push_next: Callable[..., int], serving: Path, keep: int | None, left: list[int]
) -> None:
    for _ in range(5):
        push_next(keep)
    assert version_numbers(serving / "m") == left
    assert {p.name for p in (serving / "m").iterdir()} == {".push.lock", *map(str, left)}
    for version in left:
        verify_version(serving / "m" / str(version))


def test_what_a_push_without_keep_left_goes_with_the_next_that_keeps(
    push_next: Callable[..., int], serving: Path, tmp_path: Path
) -> None:
    for _ in range(4):
        push_next()
    # up to date: nothing is pushed, and yet older ones go
    assert push(tmp_path / "bundle3", serving, "m", record={}, keep=2)[0] == 4
    assert version_numbers(serving / "m") == [3, 4]


@settings(max_examples=60)
@given(kinds=st.lists(st.sampled_from("oofmpl"), max_size=7), keep=st.integers(2, 4))
def test_only_our_own_older_versions_go(
    tmp_path_factory: pytest.TempPathFactory, make_bundle: Make, kinds: list[str], keep: int
) -> None:
    """o: ours; f: unmanaged; m: a manifest without record; p: a file; l: a link to one of ours."""
    home = tmp_path_factory.mktemp("kept")
    folder = home / "serving" / "m"
    folder.mkdir(parents=True)
    for number, kind in enumerate(kinds, start=1):
        place = folder / str(number)
        bundle, _ = make_bundle(home / f"b{number}", b"graph %d" % number)
        if kind == "o":
            assert push(bundle, home / "serving", "m", record={}) == (number, place)
        elif kind == "f":
            place.mkdir()
        elif kind == "m":
            os.rename(bundle, place)
        elif kind == "p":
            place.write_bytes(b"")
        else:
            _, elsewhere = push(bundle, home / "elsewhere", f"m{number}", record={})
            place.symlink_to(elsewhere)
    last, _ = make_bundle(home / "last", b"the last graph")
    assert push(last, home / "serving", "m", record={}, keep=keep)[0] == len(kinds) + 1
    served = [number for number, kind in enumerate(kinds, start=1) if kind != "p"]
    newest = [*served, len(kinds) + 1][-keep:]
    gone = {n for n in served if kinds[n - 1] == "o" and n not in newest}
    assert {int(p.name) for p in folder.iterdir() if p.name.isdigit()} == {
        *range(1, len(kinds) + 2)
    } - gone
    for number, kind in enumerate(kinds, start=1):
        if kind == "l":
            verify_version((folder / str(number)).resolve())


def test_a_version_that_cannot_be_deleted_does_not_fail_the_push(
    push_next: Callable[..., int],
    serving: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    push_next()
    push_next()
    unlink = os.unlink

    def refuse(path: object, **options: object) -> None:
        if "variables.index" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "penstock"):
        patch.setattr(os, "unlink", refuse)
        assert push_next(2) == 3
    assert "cannot delete the old version" in caplog.text
    # hidden before its first file went
    assert version_numbers(serving / "m") == [2, 3]
    assert push_next(2) == 4
    assert {p.name for p in (serving / "m").iterdir()} == {".push.lock", "3", "4"}
