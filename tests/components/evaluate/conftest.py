"""Thirty honest trainings each of three recipes, made once for all campaigns over them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from reseeds import Reseeds, of_name


@pytest.fixture(scope="session")
def honest(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Reseeds]:
    """A function of a recipe's name; see `reseeds` for where the answers are kept."""
    kept = os.environ.get("PENSTOCK_RESEEDS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("reseeds")

    @functools.cache
    def of(name: str) -> Reseeds:
        files = {"mnist": "mnist_dir", "fashion_first": "fashion_dir"}.get(name)
        return of_name(name, folder, request.getfixturevalue(files) if files else None)

    return of
