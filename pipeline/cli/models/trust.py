"""`penstock trust`: allow a model that no run trained or pushed to be loaded."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pipeline.cli.lazy_group import Command
from pipeline.cli.options import FILE, json_option, print_json, root_option
from pipeline.console.listing import Column, print_listing
from pipeline.console.streams import say
from pipeline.storage import known_models
from pipeline.storage.ledger import Ledger
from serving_export.model_store.layout import find_bundle_folder


@click.command(
    cls=Command,
    examples="""
    penstock trust /srv/models/digits
    penstock trust Downloads/their_model --root /data/penstock
    penstock trust
    """,
)
@click.argument("model", required=False, type=FILE)
@root_option
@json_option
def trust(model: Path | None, root: Path, as_json: bool) -> None:
    """Allow runs in ROOT to load MODEL, which none of them trained or pushed. Without MODEL, list
    the trusted models.

    MODEL is the folder of a SavedModel, or a folder of versions, of which the highest is used. A
    SavedModel is a program: trust only one whose origin you know. The digest of all its bytes is
    recorded, so the model may be moved, but is no longer trusted if a byte changes.
    """
    if model:
        root.mkdir(parents=True, exist_ok=True)
        Ledger(root)  # created here if nothing ran in the root yet
        record_trust(find_bundle_folder(model), root)
        return
    with Ledger.existing(root) as ledger:
        trusted = ledger.trusted()
    if as_json:
        print_json(
            [{"digest": m.digest, "time": m.time, "by": m.by, "path": m.path} for m in trusted]
        )
        return
    columns = [
        Column("digest", title=True),
        Column("date"),
        Column("by"),
        Column("path", fold=24),
    ]
    rows = (
        (m.digest[:12], time.strftime("%Y-%m-%d", time.localtime(m.time)), m.by, str(m.path))
        for m in trusted
    )
    print_listing(columns, rows)


def record_trust(folder: Path, root: Path) -> str:
    """Allow a model to be loaded, and print where that is recorded.

    Returns:
        The digest of all its bytes.
    """
    digest, recorded = known_models.trust(folder, root)
    where = f"recorded in {root}" if recorded else f"this time only: no run in {root} yet"
    say(f"trusted: {folder}, digest {digest[:12]}, {where}", error=True)
    return digest
