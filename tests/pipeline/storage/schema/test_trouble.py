"""Each cause for which a ledger cannot be used has its own message and remedy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import EnvironmentTrouble
from pipeline import exit_codes
from pipeline.storage.ledger import Ledger
from pipeline.storage.tables import Run

RUN = Run(id="one", pipeline="digits", status="running", started=0.0, config={"x": "y" * 50_000})


def test_a_locked_ledger_names_the_process_that_holds_it(tmp_path):
    Ledger(tmp_path)
    code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('BEGIN EXCLUSIVE')\n"
    code += "print('locked', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "ledger.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(EnvironmentTrouble, match="is locked") as found:
            Ledger(tmp_path, patience=0.01)
        assert f"process {holder.pid}, {sys.executable}" in found.value.remedy
        assert "PENSTOCK_WAIT_LEDGER" in found.value.remedy
        holder.communicate("\n")
    assert exit_codes.map_error(found.value) == exit_codes.ENVIRONMENT


def test_a_full_disk_has_its_own_message(tmp_path):
    """SQLite's own bound on a file's size ends a write in the same way."""
    with Ledger(tmp_path) as ledger:
        import sqlalchemy as sa

        @sa.event.listens_for(ledger._engine, "connect")
        def bound(connection, _):
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        with pytest.raises(EnvironmentTrouble, match=r"disk of the ledger .* is full") as found:
            ledger.start_run(RUN)
    assert "free some space" in found.value.remedy
    assert "move it away" not in found.value.remedy


def test_a_missing_column_and_a_damaged_file_have_two_messages(tmp_path):
    with Ledger(tmp_path) as ledger:
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db, db:
            db.execute("ALTER TABLE runs DROP COLUMN verdict")
        with pytest.raises(EnvironmentTrouble, match="lacks a table or a column") as found:
            ledger.runs()
        assert "verdict" in str(found.value.got)
    (tmp_path / "ledger.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(EnvironmentTrouble, match="damaged, or not a ledger") as found:
        Ledger(tmp_path)
    assert "move it away" in found.value.remedy


def test_a_read_only_ledger_names_the_permissions(tmp_path, unprivileged):
    with Ledger(tmp_path) as ledger:
        Path(tmp_path, "ledger.sqlite").chmod(0o444)
        with unprivileged(), pytest.raises(EnvironmentTrouble, match="cannot be used") as found:
            ledger.start_run(RUN)
    assert "permissions" in found.value.remedy
