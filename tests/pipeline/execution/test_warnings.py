"""What a step warns of is shown once, and recorded."""

from __future__ import annotations

import json

from pipeline.console.live_view import RunView
from pipeline.run import run


def test_a_step_s_warning_reaches_the_terminal_and_the_record(toy_pipeline, tmp_path, capfd):
    root = tmp_path / "root"
    with RunView(root) as view:
        result = run(toy_pipeline(upto=0), root=root, last="count", on_event=view.emit)
    assert "warning count: there are no numbers" in capfd.readouterr().err
    lines = (root / "runs" / result.run.id / "events.jsonl").read_text().splitlines()
    warnings = [e for e in map(json.loads, lines) if e["event"] == "warning"]
    assert [(e["step"], e["message"]) for e in warnings] == [("count", "there are no numbers")]
