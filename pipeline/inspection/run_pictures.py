"""Fetch the pictures of a run, which lie in `<root>/runs/<run id>/pictures/`."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.artifacts import Examples, Model
from components.report.pictures.album import Album, draw_album
from data.errors import BadDataError
from data.files.durable_files import translate_disk_errors
from pipeline.storage.artifact_lookup import find_run_artifacts
from pipeline.storage.ledger import Ledger

FOLDER = "pictures"  # in a run's folder


def fetch_pictures(root: Path, ledger: Ledger, run_id: str, folder: Path) -> Album:
    """Copy the pictures of a run into a folder, or draw them from its artifacts.

    Raises:
        BadDataError: there are no pictures, and no examples or model to draw them from.
        EnvironmentTrouble: the folder cannot be written to.
    """
    run_folder = root / "runs" / run_id / FOLDER
    if drawn := tuple(sorted(run_folder.glob("*.png"))):
        if folder.resolve() == run_folder.resolve():
            return Album(drawn)
        with translate_disk_errors(f"the pictures cannot be copied to {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            return Album(tuple(Path(shutil.copyfile(p, folder / p.name)) for p in drawn))
    artifacts = list(find_run_artifacts(root, ledger, run_id))
    examples = next((a for a in artifacts if isinstance(a, Examples)), None)
    model = next((a for a in artifacts if isinstance(a, Model)), None)
    if examples is None and model is None:
        raise BadDataError(
            f"there is nothing of run {run_id} to draw",
            expected=f"examples or a model in {root / 'artifacts'}",
            got="neither: the run did not make them, or they were deleted",
            remedy="run the recipe again, which makes missing artifacts and draws them",
        )
    with translate_disk_errors(f"the pictures cannot be drawn into {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    return draw_album(examples, model, folder)
