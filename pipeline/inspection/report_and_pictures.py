"""Write the report of a run that has ended, and draw its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from components.artifacts import Examples, Model
from components.evaluate import VERDICT
from components.report.pictures.album import Album, draw_album
from data.errors import PenstockError
from data.files.private_files import make_private
from pipeline.execution.result import RunResult
from pipeline.inspection.run_pictures import FOLDER
from pipeline.inspection.run_report import REPORT, write_report
from pipeline.storage.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class ReportAndPictures:
    """What there is to look at of a run; neither is made where every step was cached."""

    report: Path | None = None
    pictures: Album = field(default_factory=Album)


def write_report_and_pictures(result: RunResult) -> ReportAndPictures:
    """Write report and pictures into a run's folder, unless they are there or nothing was made.

    The run is recorded and its model pushed already: what cannot be written or drawn is a line in
    `pictures.problems`.
    """
    folder = result.root / "runs" / result.run.id
    if pictures := tuple(sorted((folder / FOLDER).glob("*.png"))):
        report = folder / REPORT
        return ReportAndPictures(
            report=report if report.is_file() else None, pictures=Album(pictures)
        )
    if all(execution.status != "completed" for execution in result.executions):
        return ReportAndPictures()
    try:
        return _write(result, folder / FOLDER)
    finally:
        make_private(folder)


def _write(result: RunResult, folder: Path) -> ReportAndPictures:
    album = draw_album(result.artifact(Examples), result.artifact(Model), folder)
    pictures = Album(tuple(sorted(album.files)), album.problems)
    if result.verdict is None or not (result.verdict.path / VERDICT).is_file():
        return ReportAndPictures(pictures=pictures)  # the user's own Evaluate may write other files
    try:
        with Ledger(result.root) as ledger:
            report = write_report(result.root, ledger, result.run.id)
    except PenstockError as error:
        problem = f"the report could not be written: {error.what}"
        return ReportAndPictures(pictures=Album(pictures.files, (*pictures.problems, problem)))
    return ReportAndPictures(report=report, pictures=pictures)
