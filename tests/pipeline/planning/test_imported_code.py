"""However code of the user's own is imported, and whatever becomes of it, the next plan sees it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import toy_steps

from data.errors import ConfigError, EnvironmentTrouble
from pipeline.config.graph import PipelineConfig, Step
from pipeline.planning.plan import PlannedStep
from pipeline.planning.prepare import Request, prepare
from pipeline.run import run
from pipeline.storage.ledger import Ledger

STEP = """
from toy_steps import Count, Numbers
{above}

class Own(Count):
    @staticmethod
    def run(inputs, config, context):
        {inside}
        (context.output_dir / "value").write_text(str(value()))
        return Count.Outputs(numbers=Numbers(path=context.output_dir, total=value()))
"""
PLUGIN = {
    "own_plugin-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: own-plugin\nVersion: 1\n",
    "own_plugin-1.dist-info/entry_points.txt": "[own.values]\nit = own_helper:value\n",
}
INSTALLED = {
    "own_pack-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: own-pack\nVersion: 1\n",
    "own_pack-1.dist-info/RECORD": "own_pack/step.py,,\nown_pack/helper.py,,\n",
}
LATER = """
def later(file):
    from pathlib import Path
    Path(file).write_text("def value(): return 41 # later")

"""
NAMED = "from own_pack.helper import value"
LATE = "from importlib import import_module; value = import_module('own_' + 'helper').value"
LOADED = (
    "from importlib.metadata import entry_points; "
    "value = entry_points(group='own.values')['it'].load()"
)


def package(above: str = "", inside: str = "pass", *, marked: bool = True) -> dict[str, str]:
    """The files of a package: a step, a helper that it imports, and what that one imports."""
    return {
        **({"own_pack/__init__.py": ""} if marked else {}),
        "own_pack/step.py": STEP.format(above=above, inside=inside),
        "own_pack/helper.py": "from .deeper import VALUE\ndef value(): return 10 * VALUE + 1\n",
        "own_pack/deeper.py": "VALUE = 4\n",
    }


def modules(inside: str, **more: str) -> dict[str, str]:
    """The same as modules of the top level."""
    return {
        "own_step.py": STEP.format(above="", inside=inside),
        "own_helper.py": "from own_deeper import VALUE\ndef value(): return 10 * VALUE + 1\n",
        "own_deeper.py": "VALUE = 4\n",
        **more,
    }


# way to import -> its files
WAYS: dict[str, dict[str, str]] = {
    "package": package(NAMED),
    "namespace package": package(NAMED, marked=False),
    "relative": package("from .helper import value"),
    "relative in a namespace package": package("from . import helper; value = helper.value"),
    "lazily in a function": modules("from own_helper import value"),
    "importlib": modules(LATE),
    "importlib at once": {
        **modules("pass"),
        "own_step.py": STEP.format(above=LATE, inside="pass"),
    },
    "importlib at once, for what it does": {
        **modules("pass"),
        "own_step.py": STEP.format(
            above="import importlib; importlib.import_module('own_' + 'helper')",
            inside="import sys; value = sys.own_value",
        ),
        "own_helper.py": "import sys\nfrom own_deeper import VALUE\n"
        "def value(): return 10 * VALUE + 1\nsys.own_value = value\n",
    },
    "plugin entry point": modules(LOADED, **PLUGIN),
    "editable install": package(NAMED),
    "installed": package(NAMED) | INSTALLED,
}


LATER_THAN_PLANNED = ("lazily in a function", "importlib", "plugin entry point")


class Project:
    """Code of the user's own in a folder, imported in one way by the one step of a pipeline."""

    def __init__(self, way: str, folder: Path) -> None:
        self.root = folder / "root"
        self.home = folder / ("site-packages" if way == "installed" else "code")
        for name, text in WAYS[way].items():
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text)
        self.inside = (self.home / "own_pack").is_dir()

    def file(self, name: str) -> Path:
        return self.home / (f"own_pack/{name}.py" if self.inside else f"own_{name}.py")

    def module(self, name: str) -> str:
        return f"own_pack.{name}" if self.inside else f"own_{name}"

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.file(name).read_text()
        assert old in text
        self.file(name).write_text(text.replace(old, new))

    @property
    def pipeline(self) -> PipelineConfig:
        step = Step(
            name="own", component=f"{self.module('step')}:Own", config=toy_steps.Count.Config()
        )
        return PipelineConfig(name="own", steps=(step,))

    def plan(self) -> PlannedStep:
        request = Request(root=self.root, beam_args=(), shared_filesystem=False)
        with Ledger(self.root) as ledger:
            (planned,) = prepare(self.pipeline, request, ledger).plan
        return planned

    def run(self, **options: Any) -> int:
        """The value that the step came to."""
        outputs = run(self.pipeline, root=self.root, **options).outputs
        return int(outputs["own"].numbers.total)

    def forget(self) -> None:
        """As a new process: nothing of the project is in memory."""
        for name in [n for n in sys.modules if n.startswith("own_")]:
            del sys.modules[name]
        vars(sys).pop("own_value", None)

    def imported(self) -> dict[str, str]:
        (manifest,) = self.root.glob("artifacts/*/*/manifest.json")
        return dict(json.loads(manifest.read_text())["imported"])


class Finder:
    """What an editable install puts on `sys.meta_path`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name != "own_pack":
            return None
        init = self._folder / "own_pack" / "__init__.py"
        return importlib.util.spec_from_file_location(name, init)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Project]]:
    made: list[Project] = []
    # A change within a second that leaves the size as it was: Python would take the .pyc for new.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def make(way: str) -> Project:
        made.append(Project(way, tmp_path))
        if way == "editable install":
            monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder(made[0].home)])
        else:
            monkeypatch.syspath_prepend(made[0].home)
        return made[0]

    yield make
    for one in made:
        one.forget()


def change_a_constant(project: Project) -> None:
    project.edit("helper", "+ 1", "+ 2")


def change_two_imports_away(project: Project) -> None:
    project.edit("deeper", "4", "5")


def rename(project: Project) -> None:
    """With all that refers to it."""
    project.file("helper").rename(project.file("renamed"))
    for file in [f for f in project.home.rglob("*") if f.suffix in (".py", ".txt")]:
        file.write_text(file.read_text().replace("helper", "renamed"))


def rename_alone(project: Project) -> None:
    project.file("helper").rename(project.file("renamed"))


def delete_two_imports_away(project: Project) -> None:
    project.file("deeper").unlink()


CHANGES = {
    change_a_constant: "helper",
    change_two_imports_away: "deeper",
    rename: "",
    rename_alone: "helper",
    delete_two_imports_away: "deeper",
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_becomes_of_imported_code_is_noticed(project, way: str, tmp_path: Path) -> None:
    own = project(way)
    assert own.run() == 41
    shutil.copytree(own.home, tmp_path / "as it was")
    for change, name in CHANGES.items():
        assert own.plan().sealed, f"nothing changed before: {change.__name__}"
        own.forget()
        change(own)
        if change in (rename_alone, delete_two_imports_away) and way not in LATER_THAN_PLANNED:
            with pytest.raises((ConfigError, ImportError), match=name):
                own.plan()
        else:
            planned = own.plan()
            assert planned.sealed is None, change.__name__
            assert any(f"code {own.module(name)}" in why.replace("/", ".") for why in planned.why)
        own.forget()
        shutil.rmtree(own.home)
        shutil.copytree(tmp_path / "as it was", own.home)
    change_two_imports_away(own)
    assert own.run() == 51
    assert own.plan().sealed


@pytest.mark.parametrize("way", WAYS)
def test_an_edited_module_is_noticed_in_the_same_process(project, way: str) -> None:
    """As in a notebook: nothing is sealed of code that is not what the files say."""
    own = project(way)
    assert own.run() == 41
    names = ("deeper", "helper", "step")
    assert own.run(force=["own"]) == 41
    foreseen = own.plan().parts["code"]
    seen = {*foreseen, *(f"{name.replace('.', '/')}.py" for name in own.imported())}
    assert {f"{own.module(name).replace('.', '/')}.py" for name in names} <= seen

    change_two_imports_away(own)
    for force in ([], ["own"]):
        with pytest.raises(EnvironmentTrouble, match=r"deeper\.py is not what was imported"):
            own.run(force=force)
    importlib.reload(sys.modules[own.module("deeper")])
    with pytest.raises(EnvironmentTrouble, match=r"helper\.py was imported before \S+deeper was"):
        own.run()
    for name in names[1:]:
        importlib.reload(sys.modules[own.module(name)])
    assert own.run() == 51
    assert own.plan().sealed


def test_code_edited_between_the_plan_and_its_import_refuses_the_seal(project) -> None:
    own = project("lazily in a function")
    own.edit("step", "from own_helper", "import own_editor; from own_helper")
    (own.home / "own_editor.py").write_text(
        "import own_step\nfrom pathlib import Path\n"
        "file = Path(own_step.__file__).with_name('own_deeper.py')\n"
        "file.write_text('VALUE = 7')\n"
    )
    with pytest.raises(EnvironmentTrouble, match=r"own_deeper\.py is not what was imported"):
        own.run()
    assert not list(own.root.glob("artifacts/*/*/manifest.json"))
    own.forget()
    assert own.run() == 71  # the file has that already


def test_a_file_edited_after_its_import_costs_no_training(project) -> None:
    own = project("package")
    own.edit("step", "pass", "later(value.__code__.co_filename)")
    own.edit("step", "class Own", f"{LATER}class Own")
    assert own.run() == 41
    assert "code own_pack/helper.py" in own.plan().why


MANAGER = "def load(point):\n    return point.load()\n"
# who asks for the plugin -> the lines of the step that load it
ASKING = {
    "the step": LOADED,
    "an installed plugin manager": "from importlib.metadata import entry_points; from own_manager "
    "import load; value = load(entry_points(group='own.values')['it'])",
    "the step, by a name of its own": LATE,
}


@pytest.fixture
def installed(project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Project]:
    """A project whose helper is an installed distribution, own-plugin, of version 1."""

    def make(way: str) -> Project:
        own, home = project("plugin entry point"), tmp_path / "site-packages"
        monkeypatch.syspath_prepend(home)
        info = home / "own_plugin-1.dist-info"
        shutil.copytree(own.home / info.name, info)
        shutil.rmtree(own.home / info.name)
        for name in ("own_helper.py", "own_deeper.py"):
            shutil.move(own.home / name, home / name)
        (info / "RECORD").write_text("own_helper.py,,\nown_deeper.py,,\n")
        if way == "an installed plugin manager":
            (home / "own_manager.py").write_text(MANAGER)
        own.edit("step", LOADED, ASKING[way])
        return own

    return make


@pytest.mark.parametrize("way", ASKING)
def test_the_version_of_an_installed_plugin_counts(installed, way: str, tmp_path: Path) -> None:
    own, info = installed(way), tmp_path / "site-packages" / "own_plugin-1.dist-info"
    assert own.run() == 41
    assert own.imported() == {"distribution own-plugin": "1"}
    assert own.plan().sealed

    metadata = info / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1", "Version: 2"))
    assert own.plan().why == ("own-plugin 1 → 2",)
    own.forget()
    assert own.run() == 41
    assert own.plan().sealed

    shutil.rmtree(info)
    assert own.plan().why == ("own-plugin 2 → nothing",)
