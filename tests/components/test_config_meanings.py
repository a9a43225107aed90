"""The meaning of each setting: a string under its field, which `help()` and editors show."""

from __future__ import annotations

import dataclasses

import pytest

from components import evaluate, export, ingest, normalize, train, window
from components.evaluate.rules import Allowed, Change, Paired, Threshold
from data.base.field_meanings import field_meanings

COMPONENTS = (evaluate, export, ingest, normalize, train, window)
PARTS = (Allowed, Change, Paired, Threshold, window.SpanLeftOut, window.SpanTaken)
KINDS = [*(component.Config for component in COMPONENTS), *PARTS]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_setting_has_a_meaning_that_help_shows(kind):
    meanings = field_meanings(kind)
    assert meanings.keys() == {field.name for field in dataclasses.fields(kind)}
    for name, meaning in meanings.items():
        assert f"{name}: {' '.join(meaning.split()[:3])}" in kind.__doc__
        assert meaning[-1] in ".…"
