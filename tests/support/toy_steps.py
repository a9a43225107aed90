"""Define components that need no library, for tests of what runs them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from components.artifacts import Push, Verdict
from components.context import Context, Depends
from data.errors import BadDataError
from data.spec import ImageSpec
from serving_export.bundle.manifest import write_manifest
from serving_export.model_store.push import push

_LONG = 120.0  # seconds after which what waits goes on in any case


@dataclass(frozen=True, kw_only=True)
class Numbers:
    path: Path
    total: int


@dataclass(frozen=True, kw_only=True)
class Words:
    path: Path


class Count:
    """Writes the numbers below `upto`, or those of a file."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        upto: int = 3
        file: str | None = None
        pause: float = 0.0

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        pass

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        numbers: Numbers

    @staticmethod
    def depends(config: Any) -> Depends:
        return Depends(files=(Path(config.file),) if config.file else ())

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any:
        _trace(context, "count")
        numbers = list(range(config.upto))
        if config.file:
            numbers = [int(line) for line in Path(config.file).read_text().split()]
        if not numbers:
            context.warn("there are no numbers")
        for number in numbers:
            context.progress(number, len(numbers))
            (context.output_dir / f"{number}.txt").write_text(str(number))
            time.sleep(config.pause)
        return Count.Outputs(numbers=Numbers(path=context.output_dir, total=sum(numbers)))


class Read:
    """Adds up the numbers in the files of a folder; nothing but its options says that it reads it.

    Options: folder; write, a name in it that is written to at the end.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        options: dict[str, Any]

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        pass

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        numbers: Numbers

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any:
        _trace(context, "read")
        folder = Path(config.options.get("folder", "nowhere"))
        total = sum(int(file.read_text()) for file in folder.glob("*"))
        (context.output_dir / "sum").write_text(str(total))
        if "write" in config.options:
            (folder / config.options["write"]).write_text("7")
        return Read.Outputs(numbers=Numbers(path=context.output_dir, total=total))


class Stamped(Read):
    """Says what its data is: `words`, one after the other, the last again and again."""

    words: ClassVar[list[str]] = []

    @staticmethod
    def stamp(config: Any, beam_args: tuple[str, ...]) -> Callable[[], str]:
        words = Stamped.words
        return lambda: words.pop(0) if len(words) > 1 else words[0]


class Add:
    """Adds a constant to one or more Numbers."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        constant: int = 0
        noisy: bool = False

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        many: tuple[Numbers, ...]
        bias: Numbers | None = None

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        numbers: Numbers

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any:
        _trace(context, "add")
        total = sum(n.total for n in inputs.many) + config.constant
        (context.output_dir / "sum").write_text(str(total))
        if config.noisy:  # as a SavedModel, which differs each time
            (context.output_dir / "noise").write_bytes(os.urandom(8))
        return Add.Outputs(numbers=Numbers(path=context.output_dir, total=total))


class Judge:
    """A verdict as the config says, or a failure."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        status: str = "passed"

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        numbers: Numbers

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        verdict: Verdict

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any:
        _trace(context, "judge")
        (context.output_dir / "half").write_text("written")
        if config.status == "bad data":
            raise BadDataError("the numbers are odd", expected="even", got="odd")
        if config.status == "interrupt":
            raise KeyboardInterrupt
        if config.status == "crash":
            raise ZeroDivisionError("division by zero")
        verdict = Verdict(path=context.output_dir, status=config.status, model_digest="d")
        return Judge.Outputs(verdict=verdict)


class Leak:
    """Tells Beam's flags, with the secrets in them, wherever a component can tell anything."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        raises: str = "none"

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        pass

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        numbers: Numbers

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any:
        flags = " ".join(context.beam_args)
        Path(context.output_dir.parents[2].parent, "given").write_text(flags)
        context.progress(0, 1, flags)
        context.logger.warning("flags: %s", flags)
        if config.raises == "bad data":
            raise BadDataError(f"no access with {flags}", got=context)
        if config.raises == "crash":
            raise ZeroDivisionError(f"no access with {flags}") from KeyError(flags)
        return Leak.Outputs(numbers=Numbers(path=context.output_dir, total=0))


class Outside:
    """Writes a file outside the root, and knows when it is gone."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        target: str

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        numbers: Numbers

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        numbers: Numbers

    @staticmethod
    def is_current(outputs: Any, context: Context) -> bool:
        return context.serving_dir is not None and (context.serving_dir / "mark").exists()

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any:
        _trace(context, "outside")
        assert context.serving_dir
        context.serving_dir.mkdir(parents=True, exist_ok=True)
        (context.serving_dir / "mark").write_text(config.target)
        return Outside.Outputs(numbers=Numbers(path=context.output_dir, total=0))


class Serve:
    """Pushes a small bundle; before that it says `started` in `hold` and waits for `go` there."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        model_name: str = "toy"
        hold: str | None = None

    @dataclass(frozen=True, kw_only=True)
    class Inputs:
        verdict: Verdict

    @dataclass(frozen=True, kw_only=True)
    class Outputs:
        push: Push

    @staticmethod
    def run(inputs: Any, config: Any, context: Context) -> Any:
        _trace(context, "serve")
        bundle = context.output_dir / "bundle"
        bundle.mkdir()
        (bundle / "saved_model.pb").write_bytes(os.urandom(8))  # no two are the same
        spec = ImageSpec(height=2, width=3, channels=1, class_names=("a", "b"))
        write_manifest(bundle, spec, {})
        if config.hold:
            wait_in(Path(config.hold))
        assert context.serving_dir
        version, served = push(
            bundle,
            context.serving_dir,
            config.model_name,
            record={},
            guard=context.push_right.held,
        )
        made = Push(path=context.output_dir, pushed=True, version=version, served_path=served)
        return Serve.Outputs(push=made)


def wait_in(folder: Path) -> None:
    """Write `started` to the folder, and wait for `go`."""
    (folder / "started").touch()
    end = time.monotonic() + _LONG
    while not (folder / "go").exists() and time.monotonic() < end:
        time.sleep(0.05)


def _trace(context: Context, name: str) -> None:
    """Leave a line per call beside the root, so that tests count calls across processes."""
    root = context.output_dir.parents[2]
    with open(f"{root}.calls", "a") as file:
        file.write(f"{name} {os.getpid()}\n")
