"""Ingest: write the labelled images of a source as Examples, checked, split and encoded."""

from components.ingest.checks import check_config, check_expected, expect_outputs, stamp
from components.ingest.component import Inputs, Outputs, run
from components.ingest.config import Config
from components.ingest.outside_data import depends, modules

__all__ = [
    "Config",
    "Inputs",
    "Outputs",
    "check_config",
    "check_expected",
    "depends",
    "expect_outputs",
    "modules",
    "run",
    "stamp",
]
