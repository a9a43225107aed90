"""What a schedule cannot use is refused by an error that shows what can be used."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from data.errors import ConfigError
from pipeline.schedule.emit.times import Times
from pipeline.schedule.notify.deliver import deliver
from pipeline.schedule.notify.event import Event, Patience

PATIENCE = Patience(answer=60.0, pause=0.0, command=60.0, all=120.0)


def test_what_is_no_cron_expression_is_shown_one():
    with pytest.raises(ConfigError) as caught:
        Times.of("61 * * * *")
    assert "61 * * * *" in caught.value.what
    assert "0 3 * * *" in caught.value.expected


def test_a_program_that_the_system_cannot_start_is_told_with_its_reason(tmp_path: Path):
    program = tmp_path / "tell"
    program.write_bytes(b"\x7fELF and nothing else")
    program.chmod(0o755)
    event = Event(event="failed", schedule="nightly", due=0.0, root="/r", text="t")
    (delivery,) = deliver(
        event, [f"command={program}"], log=logging.getLogger("test"), patience=PATIENCE
    )
    assert not delivery.ok
    assert "Exec format error" in delivery.error
