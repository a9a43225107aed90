"""What workers get of our code and of the user's is enough where they have nothing of it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from components.beam import staging
from components.beam.users_code import collect_user_modules
from data.code.import_path import OUR_PACKAGES
from data.code.worker_code import install_user_modules

MINE = """
import helper_of_mine

class Doubles:
    def __call__(self, x):
        return helper_of_mine.twice(x)
"""


@pytest.fixture
def users_folder(tmp_path, monkeypatch) -> Path:
    """A folder on the path: mine_of_user.py, helper_of_mine.py, a package, and a stranger."""
    (tmp_path / "mine_of_user.py").write_text(MINE)
    (tmp_path / "helper_of_mine.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "not_asked_for.py").write_text("raise RuntimeError\n")
    (tmp_path / "pack_of_user" / "deep").mkdir(parents=True)
    for name in ("__init__.py", "deep/__init__.py"):
        (tmp_path / "pack_of_user" / name).write_text("")
    (tmp_path / "pack_of_user" / "deep" / "fn.py").write_text("import mine_of_user, numpy\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("mine_of_user", "helper_of_mine"):
        sys.modules.pop(name, None)


def test_user_modules_are_those_imported_with_their_packages_and_none_of_ours(users_folder):
    files = collect_user_modules(["pack_of_user.deep.fn", "data.sources.arrays.idx", "numpy"])
    assert set(files) == {
        "mine_of_user.py",
        "helper_of_mine.py",
        "pack_of_user/__init__.py",
        "pack_of_user/deep/__init__.py",
        "pack_of_user/deep/fn.py",
    }
    assert files["mine_of_user.py"] == MINE
    assert collect_user_modules(["components.ingest", "data.sources.arrays.idx"]) == {}


def test_what_is_installed_elsewhere_is_imported_from_there(users_folder, tmp_path, monkeypatch):
    files = collect_user_modules(["mine_of_user"])
    there = tmp_path / "there"
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(users_folder)])
    install_user_modules(files, there)
    found = importlib.import_module("mine_of_user")
    assert Path(found.__file__).parent == there
    assert found.Doubles()(21) == 42


@pytest.mark.slow
def test_a_users_object_arrives_where_its_modules_are_not(users_folder, tmp_path):
    from apache_beam.internal import pickler

    doubles = importlib.import_module("mine_of_user").Doubles()
    with staging.pickle_user_code_by_value():
        by_value = pickler.dumps(doubles)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, by_value.decode()],
        cwd=empty,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "42", done.stderr


@pytest.mark.slow
def test_what_a_function_imports_late_arrives_too(users_folder, tmp_path, monkeypatch):
    """The module by value, and in the worker the files that it imports at work."""
    (users_folder / "late_of_user.py").write_text(
        "from data.code.worker_code import SameCodeDoFn\n"
        "class Fn(SameCodeDoFn):\n"
        "    def process(self, x):\n"
        "        from space_of_user.deep import twice\n"
        "        yield twice(x)\n"
    )
    (users_folder / "space_of_user").mkdir()
    (users_folder / "space_of_user" / "deep.py").write_text("from helper_of_mine import twice\n")
    from apache_beam.internal import pickler

    function = importlib.import_module("late_of_user").Fn()
    args = ("--runner=PortableRunner", "--environment_type=EXTERNAL")
    monkeypatch.setattr(sys, "modules", {n: m for n, m in sys.modules.items() if "test" not in n})
    with staging.stage_code(args):
        sent = pickler.dumps(function)
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _WORK, sent.decode()],
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(staging._HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[42]", done.stderr


_WORK = """
import sys
from apache_beam.internal import pickler
function = pickler.loads(sys.argv[1].encode())
function.setup()
print(list(function.process(21)))
"""
_LOAD = """
import sys
from apache_beam.internal import pickler
print(pickler.loads(sys.argv[1].encode())(21))
"""


def test_a_wheel_of_the_installed_files_installs_what_was_installed(tmp_path):
    site = tmp_path / "site"
    info = site / "penstock-1.2.dist-info"
    files = {
        "data/__init__.py": "",
        "components/report/html/templates/style.css": "b {}",
        "stranger/x.py": "",
    }
    files |= {"data/__pycache__/a.pyc": "", "../bin/penstock": "#!"}
    files |= {f"{info.name}/METADATA": "Metadata-Version: 2.4\nName: penstock\nVersion: 1.2\n"}
    files |= {
        f"{info.name}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    }
    files |= {f"{info.name}/direct_url.json": "{}"}
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in [*files, f"{info.name}/RECORD"]))
    found = importlib.metadata.Distribution.at(info)
    wheel = staging.build_wheel(found, tmp_path)
    assert wheel.name == "penstock-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == {
            "data/__init__.py",
            "components/report/html/templates/style.css",
            *(f"{info.name}/{name}" for name in ("METADATA", "WHEEL", "RECORD")),
        }
        assert archive.read("components/report/html/templates/style.css") == b"b {}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "takes_ours"),
    [
        (("--runner=FnApiRunner",), False),
        (("--runner=PortableRunner", "--environment_type=LOOPBACK"), False),
        (("--runner=PortableRunner", "--environment_type=EXTERNAL"), False),
        (("--runner=PortableRunner", "--environment_type=DOCKER"), True),
        (("--runner=PortableRunner", "--environment_type=PROCESS"), True),
        (("--runner=DataflowRunner",), True),
        (("--runner=DataflowRunner", "--setup_file=/x/setup.py"), False),
        (("--runner=DataflowRunner", "--extra_package=/x.whl"), False),
        (("--runner=DataflowRunner", "--sdk_container_image=mine"), False),
    ],
)
def test_our_code_is_added_where_workers_install_packages_and_nobody_else_sees_to_it(
    args, takes_ours, tmp_path
):
    added = (f"--setup_file={tmp_path / 'penstock' / 'setup.py'}",) if takes_ours else ()
    assert staging.add_our_code(args, tmp_path) == (*args, *added)


@pytest.mark.slow
def test_packing_a_checkout_leaves_nothing_in_it_and_packs_all_of_it(tmp_path, monkeypatch):
    """Beam packs where setup.py lies; the checkout may belong to another user."""
    from apache_beam.runners.portability.stager import Stager

    home = staging._HOME
    checkout = tmp_path / "checkout"
    for package in OUR_PACKAGES:
        shutil.copytree(home / package, checkout / package)
    for name in staging._PACKED_WITH:
        shutil.copy(home / name, checkout)
    before = sorted(checkout.rglob("*"))
    monkeypatch.setattr(staging, "_HOME", checkout)
    (flag,) = staging.add_our_code(("--runner=DataflowRunner",), tmp_path / "copied")[1:]
    packed = Stager._build_setup_package(flag.partition("=")[2], str(tmp_path))
    assert sorted(checkout.rglob("*")) == before
    with tarfile.open(packed) as package:
        inside = {name.partition("/")[2] for name in package.getnames()}
    ours = {file for file in before if file.is_file() and "__pycache__" not in file.parts}
    assert {file.relative_to(checkout).as_posix() for file in ours} <= inside
