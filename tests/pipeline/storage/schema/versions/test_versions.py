"""The migrations are numbered consecutively, up to the current schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from pipeline.storage.schema.migrate import load_migrations, migrate
from pipeline.storage.schema.version import CURRENT

NUMBERS = [script.revision for script in reversed(list(load_migrations().walk_revisions()))]


def test_the_numbers_are_consecutive_up_to_the_current_one():
    assert [f"{place + 1:04d}" for place in range(len(NUMBERS))] == NUMBERS
    assert load_migrations().get_current_head() == CURRENT


@pytest.mark.parametrize("number", NUMBERS)
def test_each_has_a_name_that_begins_with_its_number(number):
    assert load_migrations().get_revision(number).module.__name__.startswith(f"v{number}_")


def test_step_by_step_gives_the_same_ledger_as_all_at_once(tmp_path):
    def made(*steps: str) -> list[str]:
        file = tmp_path / f"{len(steps)}.sqlite"
        engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
        with closing(sqlite3.connect(file)) as db:
            db.execute(
                "CREATE TABLE runs (id, pipeline, status, verdict, exit_code, started, "
                "seconds, config)"
            )
        for step in steps:
            with engine.begin() as db:
                migrate(db, step)
        with closing(sqlite3.connect(file)) as db:
            return list(db.iterdump())

    assert made(*NUMBERS) == made("head")
