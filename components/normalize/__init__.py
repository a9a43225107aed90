"""Normalize: make the graph of the preprocessing, with tensorflow-transform on Beam."""

from components.normalize.component import Config, Inputs, Outputs, check_expected, depends, run

__all__ = ["Config", "Inputs", "Outputs", "check_expected", "depends", "run"]
