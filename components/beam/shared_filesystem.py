"""Check that workers on other machines can see the files that a step reads and writes."""

from __future__ import annotations

from components.context import Context
from data.errors import ConfigError
from data.files.input_files import is_url


def refuse_unshared_paths(context: Context, path: str | None = None) -> None:
    """Refuse local paths if workers may be on other machines and do not share the file system.

    Args:
        context: its output folder is checked, too.
        path: path or URL that the step reads; None: nothing from outside the root.

    Raises:
        ConfigError: workers are remote, and `context.shared_filesystem` is not set.
    """
    from components.beam.options import workers_are_elsewhere

    if context.shared_filesystem or not workers_are_elsewhere(context.beam_args):
        return
    is_input = path and not is_url(path)
    raise ConfigError(
        f"workers on other machines may not see the {'input' if is_input else 'output folder'} "
        f"{path if is_input else context.output_dir}",
        expected="a path that all workers see",
        got="a local path, and a runner with remote workers",
        follows="nothing ran",
        remedy="if the workers see it under the same path, set --shared-filesystem",
    )
