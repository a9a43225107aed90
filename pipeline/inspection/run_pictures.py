"""The pictures of a run, in `<root>/runs/<run id>/pictures/`: drawn at its end, fetched later."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.artifacts import Examples, Model
from components.report.pictures.album import Album, draw_album
from data.errors import BadDataError
from data.files.durable_files import disk_trouble
from pipeline.storage.artifact_lookup import find_run_artifacts
from pipeline.storage.ledger import Ledger

FOLDER = "pictures"  # in a run's own


def fetch(root: Path, ledger: Ledger, run_id: str, folder: Path) -> Album:
    """Put the pictures of a run into a folder: copies of its own, or drawn from its artifacts.

    Raises:
        BadDataError: it has none, and neither examples nor a model lie there any more.
        EnvironmentTrouble: the folder cannot be written to.
    """
    own = root / "runs" / run_id / FOLDER
    if drawn := tuple(sorted(own.glob("*.png"))):
        if folder.resolve() == own.resolve():
            return Album(drawn)
        with disk_trouble(f"the pictures cannot be copied to {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            return Album(tuple(Path(shutil.copyfile(p, folder / p.name)) for p in drawn))
    found = list(find_run_artifacts(root, ledger, run_id))
    examples = next((a for a in found if isinstance(a, Examples)), None)
    model = next((a for a in found if isinstance(a, Model)), None)
    if examples is None and model is None:
        raise BadDataError(
            f"there is nothing of run {run_id} to draw",
            expected=f"examples or a model in {root / 'artifacts'}",
            got="neither, or they were deleted",
            remedy="run the recipe again: what is missing is made anew, and drawn",
        )
    with disk_trouble(f"the pictures cannot be drawn into {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    return draw_album(examples, model, folder)
