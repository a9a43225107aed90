"""`penstock serving` and `penstock rollback`: what serves, and back to what served before."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.export import login_name
from data.durable import disk_trouble
from data.errors import ConfigError
from serving_export.history import Version, history
from serving_export.rollback import rollback
from serving_export.versions import model_folder, newest_version

_STYLES = {"passed": "green", "failed": "red", "damaged": "red", "foreign": "yellow"}


def rollback_and_show(model_dir: Path, to: int | None, reason: str | None, by: str | None) -> None:
    """Roll back, and print from where, to what, and the new version.

    Raises:
        ConfigError: no such version, nothing to go back to, or no name to sign with.
        BadDataError, StepError, EnvironmentTrouble: as `serving_export.rollback.rollback`.
    """
    folder = _folder(model_dir)
    before = newest_version(folder)
    _, path = rollback(
        folder.parent, folder.name, to=to, by=by or login_name(), reason=reason or "not stated"
    )
    record = json.loads((path / "push.json").read_bytes())
    print(f"from     {before}")
    print(f"back to  {record['rollback_of']}")
    print(f"serves   {path}")
    print(f"digest   {record['digest'][:12]}")


def show_serving(model_dir: Path, *, as_json: bool) -> None:
    """Print the versions of a model, the newest first; every byte of each is checked.

    Raises:
        ConfigError: no version of a model lies there.
        EnvironmentTrouble: something there cannot be read.
    """
    folder = _folder(model_dir)
    with disk_trouble(f"cannot read {folder}"):
        found = history(folder)[::-1]
    if not found:
        raise ConfigError(
            f"no version of a model lies in {folder}",
            expected="a model's folder, <serving>/<model>",
            got="no such folder" if not folder.exists() else "a folder without versions",
        )
    if as_json:
        print(json.dumps([_plain(version) for version in found], indent=2, ensure_ascii=False))
    else:
        Console(highlight=False).print(_table(found))


def _folder(model_dir: Path) -> Path:
    """The folder by its own name, which `.` and `..` are not."""
    model_dir = model_dir if model_dir.name not in ("", "..") else model_dir.resolve()
    return model_folder(model_dir.parent, model_dir.name)


def _plain(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "serves": version.serves,
        "state": version.state,
        "trouble": version.trouble,
        "digest": version.digest,
        "path": str(version.path),
        "push": version.record,
    }


def _table(found: list[Version]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("version", "", "when", "verdict", "accuracy", "by", "why", "digest"):
        table.add_column(
            heading,
            justify="right" if heading == "version" else "left",
            no_wrap=heading in ("", "when", "verdict", "digest"),
            overflow="fold",
        )
    for version in found:
        record = version.record
        accuracy, verdict = record.get("accuracy"), str(record.get("verdict") or "")
        state = "" if version.state == "whole" else version.state
        table.add_row(
            str(version.number),
            "[bold green]serves[/]" if version.serves else "",
            _when(record.get("time")),
            _coloured(state or verdict),
            f"{accuracy:.4f}" if isinstance(accuracy, int | float) else "",
            escape(str(record.get("by") or record.get("run") or "")),
            escape(_why(version)),
            (version.digest or "")[:12],
        )
    return table


def _why(version: Version) -> str:
    """How it came here, in words: rolled back to, pushed against a verdict, or what is wrong."""
    record, words = version.record, []
    if version.state == "foreign":
        return "not pushed by Penstock"
    if version.trouble:
        words.append(version.trouble.replace(f"{version.path}/", ""))
    if record.get("rollback_of") is not None:
        words.append(f"rollback to {record['rollback_of']}")
    if isinstance(record.get("override"), list):
        words.append(f"against {', '.join(map(str, record['override']))}")
    if record.get("reason"):
        words.append(str(record["reason"]))
    return "; ".join(words)


def _when(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return ""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _coloured(word: str) -> str:
    return f"[{_STYLES[word]}]{word}[/]" if word in _STYLES else escape(word)
