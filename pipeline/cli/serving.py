"""`penstock push`, `serving` and `rollback`: into service, what serves, and back."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data.base.visible_text import format_json
from data.errors import ConfigError
from pipeline.cli.app import SERVING, cli, debug, prepare_libraries, root_option
from pipeline.console.streams import say

if TYPE_CHECKING:
    from rich.table import Table

    from serving_export.model_store.history import Version


@cli.command(
    examples="""
    penstock push latest
    penstock push latest --override "accuracy each class" --reason "class 9 is relabelled"
    penstock push 1f2e --override all --reason "incident 4711" --by ana
    """
)
@click.argument("run_id", metavar="RUN")
@root_option
@click.option(
    "--serving",
    type=SERVING,
    help="Where to push: SERVING/<model>/<version>.  [default: ROOT/serving]",
)
@click.option(
    "--override",
    multiple=True,
    metavar="RULE",
    help="Push although this rule is not met; repeatable. `all` names every one but sanity rules.",
)
@click.option("--reason", metavar="TEXT", help="Why; must stand beside --override.")
@click.option("--by", metavar="NAME", help="Who decides.  [default: the login name]")
def push(
    run_id: str,
    root: Path,
    serving: Path | None,
    override: tuple[str, ...],
    reason: str | None,
    by: str | None,
) -> None:
    """Push the model of RUN: one that passed and does not serve, or one against the verdict.

    An override is written down in the ledger, in the verdict and in the pushed version. One of the
    comparison with the best version, such as "not worse than best overall", makes the pushed model
    the new start: versions before it count as the best no longer.
    """
    from pipeline.console.quiet_libraries import libraries_to
    from pipeline.manual_push import push_run

    prepare_libraries()
    with nullcontext() if debug() else libraries_to(None):
        version, served = push_run(
            root, run_id, serving_dir=serving, override=override, reason=reason, by=by
        )
    say(f"version {version} serves: {served}")


@cli.command(
    examples="""
    penstock serving .penstock/serving/digits
    penstock serving /srv/models/mnist --json
    """
)
@click.argument("model", metavar="SERVING/MODEL", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For machines: a list, the newest first.")
def serving(model: Path, as_json: bool) -> None:
    """List the versions of a model: which one serves, which is the best, who pushed it and why.

    Every byte of each version is held against its manifest; what is damaged, or was not pushed by
    Penstock, is shown as such.
    """
    show_serving(model, as_json=as_json)


@cli.command(
    examples="""
    penstock rollback .penstock/serving/digits
    penstock rollback /srv/models/mnist --to 3 --reason "worse on sevens" --by ann
    """
)
@click.argument("model", metavar="SERVING/MODEL", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=int,
    metavar="VERSION",
    help="The version to go back to.  [default: the one before, by what it holds]",
)
@click.option("--reason", metavar="TEXT", help="Why; kept in the new version's push.json.")
@click.option("--by", metavar="NAME", help="Who wants it.  [default: your login name]")
def rollback(model: Path, to: int | None, reason: str | None, by: str | None) -> None:
    """Push an earlier version's bytes again, under the next version; nothing is renamed away.

    Asked again, it goes one further back: to what was pushed before, never to what was rolled back
    from.
    """
    rollback_and_show(model, to, reason, by)


_STYLES = {"passed": "green", "failed": "red", "damaged": "red", "unmanaged": "yellow"}


def rollback_and_show(model_dir: Path, to: int | None, reason: str | None, by: str | None) -> None:
    """Roll back, and print from where, to what, and the new version.

    Raises:
        ConfigError: no such version, nothing to go back to, or no name to sign with.
        BadDataError, StepError, EnvironmentTrouble: as `rollback` of
            `serving_export.model_store.rollback`.
    """
    from components.export import get_login_name
    from data.files.documents import read_document
    from serving_export.model_store.layout import newest_version
    from serving_export.model_store.rollback import rollback

    folder = _folder(model_dir)
    before = newest_version(folder)
    _, path = rollback(
        folder.parent, folder.name, to=to, by=by or get_login_name(), reason=reason or "not stated"
    )
    record = read_document(path / "push.json")
    say(f"from     {before}")
    say(f"back to  {record['rollback_of']}")
    say(f"serves   {path}")
    say(f"digest   {record['digest'][:12]}")


def show_serving(model_dir: Path, *, as_json: bool) -> None:
    """Print the versions of a model, the newest first; every byte of each is checked.

    Raises:
        ConfigError: no version of a model lies there.
        EnvironmentTrouble: something there cannot be read.
    """
    from data.files.durable_files import translate_disk_errors
    from pipeline.console.terminal import Console
    from serving_export.model_store.history import list_versions

    folder = _folder(model_dir)
    with translate_disk_errors(f"cannot read {folder}"):
        found = list_versions(folder)[::-1]
    if not found:
        raise ConfigError(
            f"no version of a model lies in {folder}",
            expected="a model's folder, <serving>/<model>",
            got="no such folder" if not folder.exists() else "a folder without versions",
        )
    if as_json:
        print(format_json([_plain(version) for version in found]))
    else:
        Console().print(_table(found))


def _folder(model_dir: Path) -> Path:
    """The folder by its own name, which `.` and `..` are not."""
    from serving_export.model_store.layout import model_folder

    model_dir = model_dir if model_dir.name not in ("", "..") else model_dir.resolve()
    return model_folder(model_dir.parent, model_dir.name)


def _plain(version: Version) -> dict[str, Any]:
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


def _table(found: list[Version]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

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
            _place(version),
            _when(record.get("time")),
            _coloured(state or verdict),
            f"{accuracy:.4f}" if isinstance(accuracy, int | float) else "",
            escape(str(record.get("by") or record.get("run") or "")),
            escape(_why(version)),
            (version.digest or "")[:12],
        )
    return table


def _place(version: Version) -> str:
    """What it is among the versions: the one that serves, the best that was pushed, or both."""
    words = ["[bold green]serves[/]"] * version.serves + ["best"] * version.best
    return ", ".join(words)


def _why(version: Version) -> str:
    """How it came here, in words: rolled back to, pushed against a verdict, or what is wrong."""
    record, words = version.record, []
    if version.state == "unmanaged":
        return "not pushed by Penstock"
    if version.problem:
        words.append(version.problem.replace(f"{version.path}/", ""))
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
    from rich.markup import escape

    return f"[{_STYLES[word]}]{word}[/]" if word in _STYLES else escape(word)
