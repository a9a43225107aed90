"""Export: check the bundle against the trained model in a clean process, then push it.

What is pushed are the very bytes that the verdict is about.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from components.artifacts import Model, Push, Verdict
from components.context import Context
from data.durable import read_json, sha256_file, write_json
from data.errors import ConfigError, StepError
from serving_export.manifest import MANIFEST, verify_bundle
from serving_export.versions import model_folder

PUSH = "push.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Config:
    # folder under the serving directory: letters, digits, _ . and -
    model_name: str
    # largest difference of a probability between the trained and the exported model
    parity_tolerance: float = 1e-5

    def __post_init__(self) -> None:
        model_folder(Path(), self.model_name)
        if not 0 <= self.parity_tolerance < 1:
            raise ConfigError(
                "export.parity_tolerance is out of range",
                expected="from 0 to less than 1",
                got=self.parity_tolerance,
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
    from serving_export.clean_process import warm_up

    warm_up()


def run(inputs: Inputs, config: Config, context: Context) -> Outputs:
    """Check parity; push on a passed verdict; write `push.json`.

    Raises:
        ConfigError: no serving directory.
        BadDataError: the bundle's bytes changed since it was trained.
        EnvironmentTrouble: the serving directory would not take it.
        StepError: the verdict is about another model, or the bundle answers differently from the
            trained model.
    """
    from serving_export.parity import check_parity
    from serving_export.push import push as push_bundle

    model, verdict = inputs.model, inputs.verdict
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
    verify_bundle(model.bundle, model.digest)  # at once, not after a process has started
    parity = check_parity(
        model.bundle,
        model.path / "parity.npz",
        config.parity_tolerance,
        digest=model.digest,
        progress=context.progress,
    )
    record = {
        "schema_version": SCHEMA_VERSION,
        "model_name": config.model_name,
        "digest": model.digest,
        "verdict": verdict.status,
        "parity": asdict(parity),
        "time": context.clock(),  # seconds since the epoch
    }
    if verdict.status == "passed":
        context.progress(0, None, f"pushing {config.model_name}")
        version, served = push_bundle(
            model.bundle,
            context.serving_dir,
            config.model_name,
            digest=model.digest,
            record=record,
        )
        push = Push(path=context.output_dir, pushed=True, version=version, served_path=served)
    else:
        reason = f"the verdict is: {verdict.status}"
        push = Push(path=context.output_dir, pushed=False, reason=reason)
    told = {"pushed": push.pushed, "version": push.version, "reason": push.reason}
    write_json(context.output_dir / PUSH, {**record, **told})
    return Outputs(push=push)


def is_current(outputs: Outputs, context: Context) -> bool:
    """Whether what a cached step pushed still lies where it would push; reads no more than needed.

    True where nothing was to be pushed. Someone may have removed the version, or serve from
    another directory now.
    """
    if not outputs.push.pushed:
        return True
    if context.serving_dir is None:
        return False
    record = read_json(outputs.push.path / PUSH)
    version = model_folder(context.serving_dir, record["model_name"]) / str(record["version"])
    manifest = version / MANIFEST
    return manifest.is_file() and sha256_file(manifest) == record["digest"]
