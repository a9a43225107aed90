"""Evaluate: judge the candidate's exported signature by rules, and say why."""

from components.evaluate.component import (
    VERDICT,
    Inputs,
    Outputs,
    check_expected,
    check_inputs,
    depends,
    is_current,
    pin,
    run,
)
from components.evaluate.config import Config

__all__ = [
    "VERDICT",
    "Config",
    "Inputs",
    "Outputs",
    "check_expected",
    "check_inputs",
    "depends",
    "is_current",
    "pin",
    "run",
]
