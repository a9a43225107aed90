"""Named recipes, one per file: a function of the file's name that returns a `PipelineConfig`.

Its docstring says what it is in one line, then the command, the expected accuracy and the time.
"""

from pipeline.recipes._registry import Recipe, build, configure, find, list_recipes

__all__ = ["Recipe", "build", "configure", "find", "list_recipes"]
