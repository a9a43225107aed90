"""Train: fit a model to the train split and write the candidate's whole serving bundle."""

from components.train.component import Inputs, Outputs, check_expected, depends, pin, run
from components.train.config import Config

__all__ = ["Config", "Inputs", "Outputs", "check_expected", "depends", "pin", "run"]
