"""Export: check the bundle against the trained model in a clean process, then push it.

The bytes that are pushed are the bytes that the verdict is about.
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
from data.base.field_meanings import show_meanings
from data.errors import ConfigError, StepError
from data.files.documents import read_document, write_document
from serving_export.bundle.manifest import read_manifest, verify_bundle
from serving_export.model_store.best import NONE
from serving_export.model_store.layout import model_folder, read_model_digest, version_folder

PUSH = "push.json"


@show_meanings
@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of Export."""

    model_name: str
    """Name of the model, and of its folder under the serving directory: letters, digits, _ . and -.
    """
    parity_tolerance: float = 1e-5
    """Largest allowed difference of any probability between the trained and the exported model."""
    keep_versions: int = 10
    """Number of newest versions to keep. The version that serves and the one before it are always
    kept."""

    def __post_init__(self) -> None:
        model_folder(Path(), self.model_name)
        if not 0 <= self.parity_tolerance < 1:
            raise ConfigError(
                "export.parity_tolerance is out of range",
                expected="from 0 to less than 1",
                got=self.parity_tolerance,
                remedy="--set export.parity_tolerance=1e-5, for example",
            )
        if self.keep_versions < 2:
            raise ConfigError(
                "export.keep_versions is out of range",
                expected="2 or more: the version that serves, and the one to roll back to",
                got=self.keep_versions,
                remedy="--set export.keep_versions=10, for example",
            )


@dataclass(frozen=True, kw_only=True)
class Inputs:
    model: Model
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Outputs:
    push: Push


def prepare() -> None:
    """Start the clean process early: it imports TensorFlow while other steps run."""
    from serving_export.clean_process import start_spare_process
    from serving_export.parity.check import WORKER

    start_spare_process(WORKER)


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Check parity, push if the verdict is "passed", and write `push.json`.

    Raises:
        ConfigError: no serving directory is set.
        BadDataError: the bundle's bytes changed since it was trained.
        EnvironmentTrouble: the serving directory cannot be written.
        StepError: the verdict is about another model; the bundle answers differently from the
            trained model; another model was pushed since the candidate was judged.
        PushRightLost: the run was cancelled or replaced before its version was visible.
    """
    model, verdict = inputs.model, inputs.verdict
    _check_before_loading(model, verdict, context)
    if verdict.status == "passed":
        judged = read_document(verdict.path / "verdict.json")
        record, version, served = check_parity_and_push(model, verdict, judged, config, context)
        push = Push(path=context.output_dir, pushed=True, version=version, served_path=served)
    else:
        record = _make_record(model, verdict, config, context)
        reason = f"the verdict is: {verdict.status}"
        push = Push(path=context.output_dir, pushed=False, reason=reason)
    result = {"pushed": push.pushed, "version": push.version, "reason": push.reason}
    write_document(context.output_dir / PUSH, {**record, **result})
    return Outputs(push=push)


def check_parity_and_push(
    model: Model,
    verdict: Verdict,
    judged: Mapping[str, Any],
    config: Config,
    context: Context,
    **why: Any,
) -> tuple[dict[str, Any], int, Path]:
    """Check parity and push, whatever the verdict says. The caller has decided to push.

    Args:
        model: the candidate.
        verdict: the verdict on it.
        judged: the content of `verdict.json`, which is stored beside the pushed model.
        config: Export's.
        context: Export's.
        why: further facts for the record of the push, such as `by`, `reason` and `override`: the
            rules that a person overrules. If a rule about the best version ever pushed is among
            them, this model starts a new history of the best.

    Returns:
        The push's record, the version and its folder.
    """
    from serving_export.model_store.expected_state import ANY
    from serving_export.model_store.push import push

    _check_before_loading(model, verdict, context)
    overall = judged["metrics"]["candidate"]["overall"]
    record = {
        **_make_record(model, verdict, config, context),
        "baseline": _get_digest(judged, "baseline"),
        "best": _get_digest(judged, "best"),
        "replaced": judged["replaced"],
        "accuracy": overall["accuracy"],
        "examples": overall["examples"],
        "by": get_login_name(),
        **why,
    }
    baseline, overruled = verdict.baseline_digest, set(why.get("override") or ())
    resets_best = any(r["name"] in overruled and r["kind"] == "best" for r in judged["rules"])
    # A person who overrules a rule decides for any model that serves meanwhile, too.
    judged_against = ANY if baseline is None or overruled else baseline
    context.progress(0, None, f"pushing {config.model_name}")
    assert context.serving_dir is not None  # by _check_before_loading
    version, served = push(
        model.bundle,
        context.serving_dir,
        config.model_name,
        digest=model.digest,
        record=record,
        files=_make_files(model, judged),
        expected_serving=None if judged_against == NONE else judged_against,
        best=ANY if baseline is None or resets_best else _get_digest(judged, "best"),
        resets_best=resets_best,
        keep=config.keep_versions,
        guard=context.push_right.held,
    )
    return record, version, served


def _make_files(model: Model, judged: Mapping[str, Any]) -> dict[str, bytes]:
    """Make the files to store beside a pushed model: verdict and model card."""
    from serving_export.model_store.model_card import format_card, make_card

    card = make_card(read_manifest(model.bundle), model.digest, dict(judged))
    return {
        "verdict.json": _to_json(judged),
        "model_card.json": _to_json(card),
        "model_card.md": format_card(card).encode(),
    }


def _get_digest(judged: Mapping[str, Any], reference: str) -> str:
    """Get the digest of a model that the verdict compared with; `NONE` if there was none."""
    return str((judged.get(reference) or {}).get("digest", NONE))


def _check_before_loading(model: Model, verdict: Verdict, context: Context) -> None:
    """Raise unless verdict, serving directory and bundle allow the model to be loaded."""
    if verdict.model_digest != model.digest:
        raise StepError(
            "the verdict is about another model",
            expected=f"digest {model.digest}",
            got=f"digest {verdict.model_digest}",
            follows="nothing was pushed",
            remedy="evaluate this model",
        )
    if context.serving_dir is None:
        raise ConfigError(
            "no serving directory is set, so the model cannot be pushed", remedy="set --serving DIR"
        )
    verify_bundle(model.bundle, model.digest)


def _make_record(
    model: Model, verdict: Verdict, config: Config, context: Context
) -> dict[str, Any]:
    """Check parity, and make the record of the push."""
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


def get_login_name() -> str:
    """Get the name of the user who runs this, for the record of a push."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return f"user {os.getuid()}"


def _to_json(content: Any) -> bytes:
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
    return bool(read_model_digest(_locate_served(record, context.serving_dir)) == record["model"])


def locate(outputs: Outputs, context: Context) -> Outputs:
    """Return the outputs with the path that the pushed version has now: a root may be moved."""
    push = outputs.push
    if not push.pushed or context.serving_dir is None:
        return outputs
    served = _locate_served(read_document(push.path / PUSH), context.serving_dir)
    return Outputs(push=replace(push, served_path=served))


def _locate_served(record: Mapping[str, Any], serving_dir: Path) -> Path:
    return version_folder(model_folder(serving_dir, record["model_name"]), record["version"])
