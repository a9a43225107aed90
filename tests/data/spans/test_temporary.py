from __future__ import annotations

import pytest

from data.spans.temporary import is_temporary, strip_temporary_marks


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("x.tmp", "x"),
        ("x.TMP", "x"),
        ("x.tmp.1234", "x"),
        ("x.temp-a1", "x"),
        ("x.tmp7", "x"),
        ("x.tmp.npz", "x"),  # NumPy puts its own ending behind
        ("x.part", "x"),
        ("x.partial", "x"),
        ("x.filepart", "x"),
        ("x.crdownload", "x"),
        ("x.incomplete", "x"),
        ("x._COPYING_", "x"),
        ("x~", "x"),
        ("x.bak~", "x"),
        ("#x#", "x"),
        (".x", "x"),
        (".x.swp", "x"),
        (".x.a1B2c3", "x"),  # rsync
        (".x.npz.a1B2c3", "x.npz"),
        ("x.npz.part", "x.npz"),
        ("~x", "x"),
    ],
)
def test_what_marks_a_name_as_temporary(name: str, of: str) -> None:
    assert strip_temporary_marks(name) == of
    assert is_temporary(name)


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "2026-11-20",
        "1.2.3",
        "x.npz",
        "x.abc123",
        "tmp",
        "x.template",
        "a.temperature",
        "part.1",
        "x.partner",
        "_SUCCESS",
    ],
)
def test_names_that_are_not(name: str) -> None:
    assert strip_temporary_marks(name) == name
    assert not is_temporary(name)
