"""Find out whether a schedule's next run would use other code than its last one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from data.code.first_party import Code
from pipeline.config.graph import PipelineConfig
from pipeline.planning import fingerprint, imported_code
from pipeline.storage.artifact_store import Slot
from pipeline.storage.ledger import Ledger


def compute_code_key(pipeline: PipelineConfig) -> str:
    """Digest all code and libraries of the steps; nothing is imported."""
    code = Code()
    parts = [fingerprint.collect_code_parts(step, code) for step in pipeline.steps]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def have_imports_changed(pipeline: PipelineConfig, root: Path) -> bool:
    """Whether code that a step imported for its last artifact has changed since."""
    code = Code()
    with Ledger(root) as ledger:
        for step in pipeline.steps:
            before = ledger.previous(pipeline.name, step.name)
            slot = Slot.of(root, step.component, before) if before else None
            sealed = slot.load(step.load().Outputs) if slot else None
            if sealed and imported_code.describe_changed_code(sealed.imported, code):
                return True
    return False
