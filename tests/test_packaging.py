"""What is declared, locked and built is what the code needs."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = Path(__file__).parents[1]
PACKAGES = ("data", "serving_export", "components", "pipeline")
TEMPLATE = HOME / "pipeline" / "environment" / "template"
REPORT = HOME / "components" / "report" / "html" / "templates"
EMIT = HOME / "pipeline" / "schedule" / "emit" / "templates"
INSTALLERS = (HOME / ".ci" / "run", HOME / "tests" / "runners" / "install")
# Where a distribution is not called as what is imported from it.
DISTRIBUTIONS = {
    "grpc": "grpcio",
    "PIL": "pillow",
    "google": "protobuf",
    "sklearn": "scikit-learn",
    "tensorflow_serving": "tensorflow-serving-api",
    "yaml": "pyyaml",
}
NEVER_IMPORTED = {"importlib-resources", "tensorboard"}  # by us: setup.py says why it is there


def declared(name: str) -> dict[str, Requirement]:
    """Canonical name -> requirement, of the list `name` in setup.py."""
    for node in ast.parse((HOME / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            found = [Requirement(text) for text in ast.literal_eval(node.value)]
            return {canonicalize_name(requirement.name): requirement for requirement in found}
    raise AssertionError(name)


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (HOME / package).rglob("*.py")


def third_party_imports() -> set[str]:
    """The distributions that the packages import from, wherever in the code."""
    names = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    names -= {*PACKAGES, *sys.stdlib_module_names, *(path.stem for path in TEMPLATE.glob("*.py"))}
    return {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in names}


def locked() -> list[str]:
    """The lock's entries, each with its hashes, without comments."""
    lines = (HOME / "requirements.lock").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return re.split(r"\n(?=\S)", text.strip())


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    assert third_party_imports() == set(declared("RUNTIME")) - NEVER_IMPORTED


def test_every_range_has_both_ends_and_holds_what_is_locked():
    pinned: dict[str, list[str]] = {}
    for entry in locked():
        name, version = re.match(r"(\S+?)==(\S+)", entry).groups()
        pinned.setdefault(name, []).append(version)
    for name, requirement in {**declared("RUNTIME"), **declared("DEV")}.items():
        assert {part.operator for part in requirement.specifier} == {">=", "<"}, name
        assert all(requirement.specifier.contains(version) for version in pinned[name]), name


def test_the_lock_is_exact_and_names_no_place():
    for entry in locked():
        assert re.match(r"[a-z0-9.-]+==\S+( ; [^\\]+)? \\\n +--hash=sha256:[0-9a-f]{64}", entry)
    assert not re.search(r"://|file:|--(?!hash=)|[ =]\.?/", "\n".join(locked()))


def test_every_place_that_installs_a_lock_does_so_without_resolving_or_fetching_more():
    """Else it ends, by some pips, on the day after a newer release."""
    places = {}
    for path in (
        HOME / "Makefile",
        HOME / "README.md",
        *INSTALLERS,
        *(HOME / "docs").rglob("*.md"),
    ):
        text = re.sub(r"\\\n\s*", " ", path.read_text())
        for flags in re.findall(r"\bLOCKED ?=[ \"]*([^\"\n]+)", text):
            text = re.sub(r"\$\(?LOCKED\)?", flags, text)
        for flags in re.findall(r"install\b([^;|&\n]*?)-r \S*(?:\.lock|/stdin)", text):
            places.setdefault(path.name, []).append(flags)
            assert "--require-hashes --no-deps" in flags, path
            assert re.search(r"--no-build-isolation|--only-binary :all:", flags), path
    assert {name: len(flags) for name, flags in places.items()} == {
        "Makefile": 2,
        "emit.md": 2,
        "run": 2,
        "install": 1,
    }


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_lock_holds_all_that_its_packages_ask_for_their_extras_too(system):
    """With `--no-deps` no pip would notice."""
    here = {**default_environment(), "sys_platform": system}
    if system == "darwin":
        here |= {"platform_system": "Darwin", "platform_machine": "arm64"}
    entries = [Requirement(entry.partition(" \\")[0]) for entry in locked()]
    pins = {e.name: e.specifier for e in entries if not e.marker or e.marker.evaluate(here)}
    todo = [*declared("RUNTIME").values(), *declared("DEV").values()]
    reached: dict[str, set[str]] = {}
    while todo:
        asked = todo.pop()
        name = canonicalize_name(asked.name)
        assert name in pins, asked
        (pin,) = pins[name]
        assert asked.specifier.contains(pin.version, prereleases=True), asked
        new = {"", *asked.extras} - reached.setdefault(name, set())
        reached[name] |= new
        try:
            requires = map(Requirement, distribution(name).requires or ())
        except PackageNotFoundError:  # only on that system
            continue
        todo += [
            needed
            for needed in requires
            for extra in new
            if (needed.marker.evaluate({**here, "extra": extra}) if needed.marker else not extra)
        ]
    assert set(reached) == set(pins)
    assert len([name for name, extras in reached.items() if len(extras) > 1]) > 1


def without_wheel() -> list[str]:
    """What `.ci/run` leaves out where it looks for the files of another system."""
    (line,) = re.findall(r"^SOURCES='(.+)'$", INSTALLERS[0].read_text(), re.MULTILINE)
    return line.split("|")


@pytest.mark.parametrize("name", without_wheel())
def test_what_comes_as_source_needs_no_compiler(name):
    assert "Root-Is-Purelib: true" in distribution(name).read_text("WHEEL")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of what a build reads, tests included, so that building leaves nothing here."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(HOME / name, folder)
    for name in (*PACKAGES, "tests"):
        shutil.copytree(HOME / name, folder / name)
    return folder


def python(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def to_be_shipped() -> set[str]:
    """The packages' modules and the files of all templates, relative to the checkout."""
    template = (p for p in TEMPLATE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    report = (p for p in REPORT.iterdir() if p.suffix in (".j2", ".css"))
    return {str(p.relative_to(HOME)) for p in (*sources(), *template, *report, *EMIT.iterdir())}


@pytest.mark.slow
def test_the_wheel_holds_the_packages_the_templates_and_the_licence_only(checkout):
    python(checkout, "-m", "build", "--wheel", "--no-isolation")
    with zipfile.ZipFile(next(checkout.glob("dist/penstock-*-py3-none-any.whl"))) as wheel:
        names = set(wheel.namelist())
        info = next(name for name in names if name.endswith("/METADATA")).partition("/")[0]
        metadata = wheel.read(f"{info}/METADATA").decode()
        entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    assert {name for name in names if not name.startswith(info)} == to_be_shipped()
    assert f"{info}/licenses/LICENSE" in names
    assert "penstock = pipeline.cli.main:main" in entry_points
    asked = [Requirement(text) for text in re.findall(r"^Requires-Dist: (.*)$", metadata, re.M)]
    runtime = {canonicalize_name(r.name): r.specifier for r in asked if not r.marker}
    assert runtime == {name: r.specifier for name, r in declared("RUNTIME").items()}
    assert "\nRequires-Python: <3.14,>=3.11\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata


@pytest.mark.slow
def test_what_beam_ships_to_its_workers_holds_the_packages_and_no_tests(checkout):
    python(checkout, "setup.py", "sdist", "--dist-dir", "for-workers")  # as Beam's stager calls it
    with tarfile.open(next(checkout.glob("for-workers/penstock-*.tar.gz"))) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert names >= to_be_shipped() | {"setup.py", "pyproject.toml", "LICENSE"}
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]
