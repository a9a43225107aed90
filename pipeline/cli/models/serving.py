"""`penstock serving` and `rollback`: the versions of a model, and back to an earlier one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from components.export import get_login_name
from data.errors import ConfigError
from data.files.documents import read_document
from data.files.durable_files import translate_disk_errors
from pipeline.cli.lazy_group import Command
from pipeline.cli.models.model_argument import find_model, model_argument
from pipeline.cli.options import json_option, print_json, root_option
from pipeline.console.listing import Cell, Column, colour, print_listing
from pipeline.console.streams import say
from serving_export.model_store import rollback as model_rollback
from serving_export.model_store.history import Version, list_versions
from serving_export.model_store.layout import model_folder, newest_version

_COLUMNS = (
    Column("version", right=True, title=True),
    Column("", title=True),
    Column("pushed"),
    Column("verdict"),
    Column("accuracy", right=True),
    Column("by"),
    Column("why", fold=20),
    Column("digest"),
)


@click.command(
    cls=Command,
    examples="""
    penstock serving digits
    penstock serving /srv/models/mnist --json
    """,
)
@model_argument
@root_option
@json_option
def serving(model: Path, root: Path, as_json: bool) -> None:
    """List the versions of MODEL, newest first: which one is serving, which is the best, who pushed
    it and why.

    MODEL is the folder of a model, SERVING/<model>, or the name of a model under ROOT/serving.
    Every byte of each version is compared with its manifest; damaged versions, and versions that
    Penstock did not push, are marked.
    """
    folder = _folder(model, root)
    with translate_disk_errors(f"cannot read {folder}"):
        versions = list_versions(folder)[::-1]
    if not versions:
        raise ConfigError(
            f"no version of a model in {folder}",
            expected=f"the folder of a model, or the name of a model in {root / 'serving'}",
            got="no such folder" if not folder.exists() else "a folder without versions",
        )
    if as_json:
        print_json([_facts(version) for version in versions])
    else:
        print_listing(_COLUMNS, map(_row, versions))


@click.command(
    cls=Command,
    examples="""
    penstock rollback digits
    penstock rollback /srv/models/mnist --to 3 --reason "worse on sevens" --by ann
    """,
)
@model_argument
@root_option
@click.option(
    "--to",
    type=int,
    metavar="VERSION",
    help="The version to go back to.  [default: the model that served before]",
)
@click.option("--reason", metavar="TEXT", help="The reason; kept in the new version's push.json.")
@click.option("--by", metavar="NAME", help="Who decides.  [default: your login name]")
def rollback(model: Path, root: Path, to: int | None, reason: str | None, by: str | None) -> None:
    """Push the bytes of an earlier version of MODEL again, as a new version.

    MODEL is the folder of a model, SERVING/<model>, or the name of a model under ROOT/serving.
    Existing versions stay as they are. Run again, the command goes one version further back, to
    what was pushed earlier, and never to a version that was rolled back from.
    """
    folder = _folder(model, root)
    before = newest_version(folder)
    _, path = model_rollback.rollback(
        folder.parent, folder.name, to=to, by=by or get_login_name(), reason=reason or "not stated"
    )
    record = read_document(path / "push.json")
    say(f"from     {before}")
    say(f"back to  {record['rollback_of']}")
    say(f"serving  {path}")
    say(f"digest   {record['digest'][:12]}")


def _folder(model: Path, root: Path) -> Path:
    """Return the model's folder under its own name, which `.` and `..` are not."""
    folder = find_model(model, root)
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    return model_folder(folder.parent, folder.name)


def _facts(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "serves": version.serves,
        "best": version.best,
        "state": version.state,
        "trouble": version.problem,
        "digest": version.digest,
        "path": str(version.path),
        "push": version.record,
    }


def _row(version: Version) -> Sequence[Cell]:
    record = version.record
    accuracy = record.get("accuracy")
    return (
        str(version.number),
        _rank(version),
        _date(record.get("time")),
        colour(str(record.get("verdict") or "")),
        f"{accuracy:.4f}" if isinstance(accuracy, int | float) else "",
        str(record.get("by") or record.get("run") or ""),
        _why(version),
        (version.digest or "")[:12],
    )


def _rank(version: Version) -> Text:
    """Say whether the version is serving, is the best that was pushed, or is not whole."""
    words = [Text("serving", "bold green")] * version.serves + [Text("best")] * version.best
    words += [colour(version.state)] * (version.state != "whole")
    return Text(", ").join(words)


def _why(version: Version) -> str:
    """Say how the version was pushed, or what is wrong with it."""
    record, reasons = version.record, []
    if version.state == "unmanaged":
        return "not pushed by Penstock"
    if version.problem:
        reasons.append(version.problem.replace(f"{version.path}/", ""))
    if record.get("rollback_of") is not None:
        reasons.append(f"rollback to {record['rollback_of']}")
    if isinstance(record.get("override"), list):
        reasons.append(f"override of {', '.join(map(str, record['override']))}")
    if record.get("reason"):
        reasons.append(str(record["reason"]))
    return "; ".join(reasons)


def _date(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return ""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
