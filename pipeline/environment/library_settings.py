"""Control the environment variables that libraries read; see docs/how-to/training.md.

This comes before any of them is imported, from the command line and from Python.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from data.base.keras_settings import BACKEND, refuse_other_keras
from data.base.unneeded_imports import skip_unneeded_imports
from data.errors import EnvironmentTrouble
from pipeline.environment.wait_settings import read_waits

# Results depend on these, and there are reasons to set them, so they count in a fingerprint. No
# library sets one of them itself, as TensorFlow Model Analysis does with TF_USE_LEGACY_KERAS.
COUNTED = (
    "DNNL_DEFAULT_FPMATH_MODE",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "TF_CUDNN_DETERMINISTIC",
    "TF_CUDNN_USE_AUTOTUNE",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_AUTO_MIXED_PRECISION",
    "TF_ENABLE_AUTO_MIXED_PRECISION_GRAPH_REWRITE",
    "TF_ENABLE_CUBLAS_TENSOR_OP_MATH_FP32",
    "TF_ENABLE_CUDNN_TENSOR_OP_MATH_FP32",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FUNCTION_JIT_COMPILE_DEFAULT",
    "TF_SET_ONEDNN_FPMATH_MODE",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)
# Set or removed, whatever they were.
PINNED = {"KERAS_BACKEND": BACKEND}
REMOVED = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
_LOOPBACK = dict.fromkeys(("localhost", "127.0.0.1", "::1"))
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


def pin_libraries() -> None:
    """Set the variables for Keras, bypass proxies for this machine, and read the waits.

    Child processes inherit all of it.

    Raises:
        ConfigError: Keras was imported before with other settings, or a wait is invalid.
    """
    read_waits()
    os.environ.update(PINNED)
    for name in REMOVED:
        os.environ.pop(name, None)
    _bypass_proxies()
    skip_unneeded_imports()
    refuse_other_keras()


def read_counted_variables() -> dict[str, str]:
    """Read those variables that results depend on and that are set."""
    return {name: os.environ[name] for name in COUNTED if name in os.environ}


def refuse_other_variables(planned: Mapping[str, str], where: str) -> None:
    """Raise EnvironmentTrouble where a variable differs from where the step was planned."""
    actual = read_counted_variables()
    for name in sorted({*actual, *planned}):
        if actual.get(name) != planned.get(name):
            raise EnvironmentTrouble(
                f"{name} on {where} differs from {name} where the run was planned",
                expected=_describe(planned.get(name)),
                got=_describe(actual.get(name)),
                follows="the step did not begin, since its result depends on it",
                remedy=f"set {name} to the same value for the workers, or unset it in both places",
            )


def _describe(value: str | None) -> str:
    return "not set" if value is None else repr(value)


def _bypass_proxies() -> None:
    """Reach servers on this machine, such as Beam's workers and job servers, directly."""
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return
    # Some libraries read the lower-case name, some the other; gRPC reads its own where it is set.
    own = [("no_grpc_proxy",)] if "no_grpc_proxy" in os.environ else []
    for group in (("no_proxy", "NO_PROXY"), *own):
        given = ",".join(os.environ.get(name, "") for name in group).split(",")
        hosts = dict.fromkeys(host.strip() for host in given if host.strip())
        for name in group:
            os.environ[name] = ",".join(hosts if "*" in hosts else {**hosts, **_LOOPBACK})
