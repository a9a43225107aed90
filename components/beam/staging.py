"""Send Penstock's code and the user's code to remote workers."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.metadata
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.beam.users_code import collect_user_modules
from data.code.first_party import get_user_file
from data.code.import_path import OUR_PACKAGES

_HOME = Path(__file__).resolve().parents[2]  # holds our packages
_PACKED_WITH = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
_LOCAL_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# with one of these options the user provides the packages of the workers
_OWN_PACKAGES = ("setup_file", "extra_package", "extra_packages", "sdk_container_image")


@contextlib.contextmanager
def pickle_user_code_by_value() -> Iterator[None]:
    """Pickle the user's imported modules into the DoFns that are pickled in the block."""
    from apache_beam.internal.cloudpickle import (
        register_pickle_by_value,
        unregister_pickle_by_value,
    )

    modules = [sys.modules[name] for name in list(sys.modules) if _is_user_module(name)]
    for module in modules:
        register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            unregister_pickle_by_value(module)


def _is_user_module(name: str) -> bool:
    """Whether a module is the user's, under its own name."""
    return get_user_file(name) is not None and sys.modules[name].__name__ == name


@contextlib.contextmanager
def stage_code(args: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Prepare the code that remote workers need; yields the flags that send it along."""
    from components.beam.options import workers_are_elsewhere

    if not workers_are_elsewhere(args):
        yield tuple(args)
        return
    from data.code.worker_code import ship_user_modules

    files = collect_user_modules(filter(_is_user_module, list(sys.modules)))
    with (
        tempfile.TemporaryDirectory(prefix="penstock-wheel-") as folder,
        pickle_user_code_by_value(),
        ship_user_modules(files),
    ):
        yield add_our_code(args, Path(folder))


def add_our_code(args: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Add a flag that lets workers install Penstock, if they install packages at all.

    Workers do so in containers, in processes started by Beam's boot program, and on Dataflow. Flags
    that name the user's own packages or container are not changed.

    Args:
        args: Beam's flags.
        folder: for the wheel or the copied code; must exist until the job is submitted.
    """
    from components.beam.options import (
        get_environment_type,
        get_option,
        get_runner_name,
        parse_flags,
        workers_are_elsewhere,
    )

    options = parse_flags(args)
    on_dataflow = get_runner_name(options) == "DataflowRunner"
    if not on_dataflow and (
        not workers_are_elsewhere(args)
        or get_environment_type(options) not in ("DOCKER", "PROCESS")
    ):
        return tuple(args)
    own_image = get_environment_type(options) == "DOCKER" and get_option(
        options, "environment_config"
    )
    if own_image or any(get_option(options, name) for name in _OWN_PACKAGES):
        return tuple(args)
    if (_HOME / "setup.py").is_file():
        return (*args, f"--setup_file={_copy_checkout(folder) / 'setup.py'}")
    distribution = importlib.metadata.distribution("penstock")
    return (*args, f"--extra_package={build_wheel(distribution, folder)}")


def _copy_checkout(folder: Path) -> Path:
    """Copy what setup.py packs: packing writes beside it, which the user may not be allowed to."""
    copy = folder / "penstock"
    for package in OUR_PACKAGES:
        shutil.copytree(
            _HOME / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in _PACKED_WITH:
        shutil.copy(_HOME / name, copy)
    return copy


def build_wheel(distribution: importlib.metadata.Distribution, folder: Path) -> Path:
    """Build a wheel from the installed files of a distribution in pure Python.

    Raises:
        FileNotFoundError: a file that the RECORD names is missing.
    """
    name, version = distribution.name, distribution.version
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    record = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in distribution.files or ():
            top, is_info = file.parts[0], file.parts[0].endswith(".dist-info")
            if is_info:
                info = top
            if not is_info and top not in OUR_PACKAGES:
                continue  # the command, in another folder of the environment
            if "__pycache__" in file.parts or (is_info and file.name in _LOCAL_METADATA):
                continue
            content = Path(str(file.locate())).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record.append(f"{file.as_posix()},sha256={digest.decode()},{len(content)}\n")
            archive.writestr(file.as_posix(), content)
        archive.writestr(f"{info}/RECORD", "".join(record) + f"{info}/RECORD,,\n")
    return wheel
