"""Export: check the bundle against the trained model in a clean process, then push it.

What is pushed are the very bytes that the verdict is about.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from components.artifacts import Model, Push, Verdict
from components.context import Context
from data.errors import ConfigError, StepError
from data.files.documents import read_document, write_document
from serving_export.bundle.manifest import read_manifest, verify_bundle
from serving_export.model_store.best import NONE
from serving_export.model_store.layout import model_folder, read_model_digest, version_folder

PUSH = "push.json"


@dataclass(frozen=True, kw_only=True)
class Config:
    # folder under the serving directory: letters, digits, _ . and -
    model_name: str
    # largest difference of a probability between the trained and the exported model
    parity_tolerance: float = 1e-5
    # versions to keep, the newest first; the one that serves and the one before it always stay
    keep_versions: int = 10

    def __post_init__(self) -> None:
        model_folder(Path(), self.model_name)
        if not 0 <= self.parity_tolerance < 1:
            raise ConfigError(
                "export.parity_tolerance is out of range",
                expected="from 0 to less than 1",
                got=self.parity_tolerance,
            )
        if self.keep_versions < 2:
            raise ConfigError(
                "export.keep_versions is out of range",
                expected="2 or more: the version that serves, and the one to go back to",
                got=self.keep_versions,
            )


@dataclass(frozen=True, kw_only=True)
class Inputs:
    model: Model
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Outputs:
    push: Push


def prepare() -> None:
    """Start `run`'s clean process early, so that it imports TensorFlow while other steps work."""
    from serving_export.clean_process import start_spare_process
    from serving_export.parity.check import WORKER

    start_spare_process(WORKER)


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Check parity; push on a passed verdict; write `push.json`.

    Raises:
        ConfigError: no serving directory.
        BadDataError: the bundle's bytes changed since it was trained.
        EnvironmentTrouble: the serving directory would not take it.
        StepError: the verdict is about another model; the bundle answers differently from the
            trained model; another model was pushed since the candidate was judged.
        PushRightLost: the run was cancelled, or taken over, before its version was visible.
    """
    model, verdict = inputs.model, inputs.verdict
    _check(model, verdict, context)
    if verdict.status == "passed":
        judged = read_document(verdict.path / "verdict.json")
        record, version, served = push_judged(model, verdict, judged, config, context)
        push = Push(path=context.output_dir, pushed=True, version=version, served_path=served)
    else:
        record = _record(model, verdict, config, context)
        reason = f"the verdict is: {verdict.status}"
        push = Push(path=context.output_dir, pushed=False, reason=reason)
    told = {"pushed": push.pushed, "version": push.version, "reason": push.reason}
    write_document(context.output_dir / PUSH, {**record, **told})
    return Outputs(push=push)


def push_judged(
    model: Model,
    verdict: Verdict,
    judged: Mapping[str, Any],
    config: Config,
    context: Context,
    **why: Any,
) -> tuple[dict[str, Any], int, Path]:
    """Check parity and push, whatever the verdict says: whoever calls this has read it.

    Args:
        model, verdict: the candidate and what is said of it.
        judged: the content of `verdict.json` as it is to lie beside the pushed model.
        config, context: of Export.
        why: further facts for the push's record, such as `by`, `reason` and `override`: the rules
            that are overruled. One of the best among them, and the push begins anew.

    Returns:
        The push's record, the version and its folder.
    """
    from serving_export.model_store.expected_state import ANY
    from serving_export.model_store.model_card import format_card, make_card
    from serving_export.model_store.push import push

    _check(model, verdict, context)
    record = {
        **_record(model, verdict, config, context),
        "baseline": _digest(judged, "baseline"),
        "best": _digest(judged, "best"),
        "replaced": judged["replaced"],
        "accuracy": judged["metrics"]["candidate"]["overall"]["accuracy"],
        "examples": judged["metrics"]["candidate"]["overall"]["examples"],
        "by": login_name(),
        **why,
    }
    looked, overruled = verdict.baseline_digest, set(why.get("override") or ())
    begins_anew = any(r["name"] in overruled and r["kind"] == "best" for r in judged["rules"])
    card = make_card(read_manifest(model.bundle), model.digest, dict(judged))
    beside = {
        "verdict.json": _json(judged),
        "model_card.json": _json(card),
        "model_card.md": format_card(card).encode(),
    }
    context.progress(0, None, f"pushing {config.model_name}")
    assert context.serving_dir is not None  # by _check
    version, served = push(
        model.bundle,
        context.serving_dir,
        config.model_name,
        digest=model.digest,
        record=record,
        files=beside,
        # Whoever overrules has seen what was compared; what serves meanwhile is theirs to know.
        expected_serving=ANY if looked is None or overruled else None if looked == NONE else looked,
        best=ANY if looked is None or begins_anew else _digest(judged, "best"),
        resets_best=begins_anew,
        keep=config.keep_versions,
        guard=context.push_right.held,
    )
    return record, version, served


def _digest(judged: Mapping[str, Any], reference: str) -> str:
    """What names a model that a verdict compares with; `NONE` where there was none."""
    return str((judged.get(reference) or {}).get("digest", NONE))


def _check(model: Model, verdict: Verdict, context: Context) -> None:
    """What must hold before anything is loaded."""
    if verdict.model_digest != model.digest:
        raise StepError(
            "the verdict is about another model",
            expected=f"digest {model.digest}",
            got=f"digest {verdict.model_digest}",
            follows="nothing was pushed",
            remedy="evaluate this model",
        )
    if context.serving_dir is None:
        raise ConfigError("there is no serving directory to push to", remedy="set --serving DIR")
    verify_bundle(model.bundle, model.digest)


def _record(model: Model, verdict: Verdict, config: Config, context: Context) -> dict[str, Any]:
    """The facts of a push, parity among them: it is checked here."""
    from serving_export.parity.check import check_parity

    parity = check_parity(
        model.bundle,
        model.path / "parity.npz",
        config.parity_tolerance,
        digest=model.digest,
        progress=context.progress,
    )
    return {
        "model_name": config.model_name,
        "digest": model.digest,
        "model": read_manifest(model.bundle).model_digest,
        "run": context.log_dir.name if context.log_dir else None,
        "verdict": verdict.status,
        "parity": asdict(parity),
        "time": context.clock(),  # seconds since the epoch
    }


def login_name() -> str:
    """Who runs this, for the record of a push."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def is_current(outputs: Outputs, context: Context) -> bool:
    """Whether what a cached step pushed still lies where it would push; reads no more than needed.

    True where nothing was to be pushed. Someone may have removed the version, or serve from
    another directory now.
    """
    if not outputs.push.pushed:
        return True
    if context.serving_dir is None:
        return False
    record = read_document(outputs.push.path / PUSH)
    return bool(read_model_digest(_served(record, context.serving_dir)) == record["model"])


def locate(outputs: Outputs, context: Context) -> Outputs:
    """The outputs, what was pushed named by where it lies now: a root may be moved."""
    push = outputs.push
    if not push.pushed or context.serving_dir is None:
        return outputs
    served = _served(read_document(push.path / PUSH), context.serving_dir)
    return Outputs(push=replace(push, served_path=served))


def _served(record: Mapping[str, Any], serving_dir: Path) -> Path:
    return version_folder(model_folder(serving_dir, record["model_name"]), record["version"])
