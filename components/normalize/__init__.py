"""Normalize: make the one graph of preprocessing arithmetic, with tensorflow-transform on Beam."""

from components.normalize.component import Config, Inputs, Outputs, check_expected, depends, run

__all__ = ["Config", "Inputs", "Outputs", "check_expected", "depends", "run"]
