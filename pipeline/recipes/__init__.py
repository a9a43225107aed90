"""Define the named recipes, one per file: a function of the file's name returns the pipeline.

The first line of its docstring says what it is, with accuracy and time; the command follows.
"""

from pipeline.recipes._registry import Recipe, build, configure, find, list_recipes

__all__ = ["Recipe", "build", "configure", "find", "list_recipes"]
