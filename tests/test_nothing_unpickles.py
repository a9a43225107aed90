"""Nothing unpickles, and models are loaded in a few known places."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
PACKAGES = ("data", "serving_export", "components", "pipeline")
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {"eval", "exec", "yaml.load", "yaml.unsafe_load", "compile"}
# Where a program is loaded, and what vouches for it.
LOADERS = {
    "components/evaluate/standalone/unmanaged_model.py",  # in a child process, by a digest
    "serving_export/bundle/open_models.py",  # every byte is held against a digest
    "serving_export/bundle/transform_graph.py",  # an artifact of the root, sealed with its digests
}


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((HOME / package).rglob("*.py"))]


def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(HOME).as_posix())
def test_no_module_can_unpickle_or_run_text(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in MODULES
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("np.load", "numpy.load"):
                allowed = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert allowed.get("allow_pickle") == "False", f"line {node.lineno}"
            else:
                assert name not in CALLS, f"line {node.lineno}"
            assert not any(
                k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords
            )


def test_models_are_loaded_in_the_known_places_only() -> None:
    found = {
        path.relative_to(HOME).as_posix()
        for path in sources()
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("saved_model.load", "load_model"))
    }
    assert found == LOADERS
