"""Whether workers on other machines see the files that a step reads and writes."""

from __future__ import annotations

from components.context import Context
from data.errors import ConfigError
from data.files.input_files import is_url


def refuse_unshared_paths(context: Context, path: str | None = None) -> None:
    """Refuse local files where workers may be on other machines and nobody said that they see them.

    Args:
        context: its output folder is always one of them.
        path: what the step reads, a path or a URL; None: nothing from outside the root.

    Raises:
        ConfigError: workers are elsewhere, and `context.shared_filesystem` is not set.
    """
    from components.beam.options import workers_are_elsewhere

    if context.shared_filesystem or not workers_are_elsewhere(context.beam_args):
        return
    is_input = path and not is_url(path)
    raise ConfigError(
        f"workers on other machines may not see the {'input' if is_input else 'output folder'} "
        f"{path if is_input else context.output_dir}",
        expected="a path that all workers see",
        got="a local one, and a runner whose workers are elsewhere",
        follows="nothing ran",
        remedy="if they see it by the same path, say so with --shared-filesystem",
    )
