"""Ingest: write the labelled images of a source as Examples, checked, split and encoded."""

from components.ingest.component import (
    Inputs,
    Outputs,
    check_config,
    check_expected,
    depends,
    expect_outputs,
    run,
    stamp,
)
from components.ingest.config import Config

__all__ = [
    "Config",
    "Inputs",
    "Outputs",
    "check_config",
    "check_expected",
    "depends",
    "expect_outputs",
    "run",
    "stamp",
]
