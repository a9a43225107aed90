from __future__ import annotations

import json
import re

from pipeline.cli.main import call


def test_runs_and_show(finished_root, capfd):
    assert call(["runs", "--root", str(finished_root)]) == 0
    listed = capfd.readouterr().out
    run_id = re.search(r"\d{8}-\d{6}-digits-[0-9a-f]{4}", listed).group()
    assert call(["show", run_id, "--root", str(finished_root)]) == 0
    shown = capfd.readouterr().out
    for word in ("ingest", "normalize", "train", "evaluate", "export", "PASSED", "at least"):
        assert word in shown
    assert call(["show", "nonsense", "--root", str(finished_root)]) == 2


def test_runs_show_accuracy_and_verdict(finished_root, capfd):
    words = ["--root", str(finished_root)]
    assert call(["runs", *words]) == 0
    heading, run = capfd.readouterr().out.splitlines()
    assert heading.split() == ["run", "seconds", "status", "verdict", "accuracy", "exit"]
    assert call(["gate", "latest", "--json", *words]) == 0
    verdict = json.loads(capfd.readouterr().out)
    accuracy = verdict["metrics"]["candidate"]["overall"]["accuracy"]
    assert run.split()[-3:] == ["passed", f"{accuracy:.4f}", "0"]
    assert call(["runs", "--json", *words]) == 0
    (listed,) = json.loads(capfd.readouterr().out)
    assert (listed["verdict"], listed["accuracy"]) == ("passed", accuracy)


def test_show_says_where_the_report_is(finished_root, capfd):
    (report,) = finished_root.glob("runs/*/report.html")
    words = ["--root", str(finished_root)]
    assert call(["show", "latest", *words]) == 0
    assert f"report    {report}\n" in capfd.readouterr().out
    assert call(["show", "latest", "--json", *words]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert shown["report"] == str(report)
    assert [step["step"] for step in shown["steps"]][:2] == ["ingest", "normalize"]
    assert shown["verdict_content"]["status"] == shown["verdict"] == "passed"
