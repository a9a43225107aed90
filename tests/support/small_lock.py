"""Make a checkout with a lock of a few packages, and an index of these and newer ones."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

HOME = Path(__file__).parents[2]
TOOLS = ("sh", "make", "cat", "cmp", "sed", "find", "cp", "mkdir", "ls", "rm")
SETUP = """from setuptools import setup
setup(name={name!r}, version={version!r}, py_modules=[{name!r}])
"""
LOCKED, NEWER = "1.0", "2.0"
TOO_NEW = "999.0"  # of a setuptools with which nothing can be built any more


def write_index(folder: Path) -> str:
    """Write each kind of package in two releases; return the lock of the older ones."""
    folder.mkdir()
    (folder.parent / "uv.toml").write_text(f'no-index = true\nfind-links = ["{folder}"]\n')
    for version in (LOCKED, NEWER):
        write_wheel(folder, "plain", version)
        write_wheel(folder, "base", version, "plain; extra == 'more'")
        write_wheel(folder, "asker", version, "base[more]")  # of a locked package, an extra
        write_wheel(folder, "tool", version, "asker", "base[more]")
        write_source(folder, "source", version)
    entries = [folder / f"{name}-{LOCKED}-py3-none-any.whl" for name in ("plain", "base", "asker")]
    entries += [folder / f"tool-{LOCKED}-py3-none-any.whl", folder / f"source-{LOCKED}.tar.gz"]
    for name in ("setuptools", "wheel", "packaging"):
        version = distribution(name).version
        entries.append(repack(folder, name, version))
        repack(folder, name, TOO_NEW, broken=True)
    return "".join(map(lock_entry, entries))


def lock_entry(file: Path) -> str:
    name, version = file.name.removesuffix(".tar.gz").split("-")[:2]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n    # via penstock (setup.py)\n"


def write_wheel(folder: Path, name: str, version: str, *requires: str) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", "Provides-Extra: more"]
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": "\n".join([*metadata, *(f"Requires-Dist: {r}" for r in requires), ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)


def write_source(folder: Path, name: str, version: str) -> None:
    files = {
        "setup.py": SETUP.format(name=name, version=version),
        f"{name}.py": "",
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def repack(folder: Path, name: str, version: str, *, broken: bool = False) -> Path:
    """Build a wheel of an installed package, with another version if one is given."""
    installed = distribution(name)
    old, new = f"{name}-{installed.version}.dist-info", f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in installed.files or ():
            if "__pycache__" in file.parts or ".." in file.parts:
                continue
            content = file.read_binary().replace(old.encode(), new.encode())
            if file.name == "METADATA":
                content = content.replace(
                    f"\nVersion: {installed.version}\n".encode(), f"\nVersion: {version}\n".encode()
                )
            if broken and str(file) == f"{name}/__init__.py":
                content = b"raise ImportError('too new')\n"
            wheel.writestr(str(file).replace(old, new), content)
    return path


def write_checkout(folder: Path, lock: str) -> Path:
    """Write a checkout with the Makefile, and a Penstock that only prints where its code lies."""
    folder.mkdir()
    shutil.copy(HOME / "Makefile", folder)
    (folder / "requirements.lock").write_text(lock)
    (folder / "setup.py").write_text(
        "from setuptools import setup\n"
        "setup(name='penstock', version='0', packages=['pipeline'], package_dir={'': '.'},\n"
        "      entry_points={'console_scripts': ['penstock = pipeline:main']})\n"
    )
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
    )
    (folder / "pipeline").mkdir()
    (folder / "pipeline" / "__init__.py").write_text("def main():\n    print(__file__)\n")
    return folder


def make(
    checkout: Path,
    target: str,
    venv: Path,
    index: Path,
    *,
    pip: Path | None = None,
    uv: bool = False,
    python: str = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """`make TARGET VENV=…` with nothing to install from but `index`, by that pip or by uv."""
    tools = index.parent / ("tools-uv" if uv else "tools")
    if not tools.exists():
        tools.mkdir()
        for name in (*TOOLS, *(["uv"] if uv else [])):
            program = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
            assert program, name
            (tools / name).symlink_to(program)
    environment = {
        "PATH": str(tools),
        "HOME": str(index.parent),
        "LC_ALL": "C.UTF-8",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CONFIG_FILE": str(index.parent / "uv.toml"),
        "UV_CACHE_DIR": str(index.parent / "uv-cache"),
        **({"PYTHONPATH": str(pip)} if pip else {}),
    }
    words = ["make", target, f"VENV={venv}", f"PYTHON={python}"]
    return subprocess.run(
        words, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def locked_versions(lock: str) -> dict[str, str]:
    return dict(line.split(" ")[0].split("==") for line in lock.splitlines() if "==" in line)


def installed_versions(venv: Path) -> dict[str, str]:
    """Read the versions of all installed packages but pip and Penstock."""
    folders = (*venv.glob("lib/python*/site-packages/*.dist-info"),)
    names = dict(folder.name.removesuffix(".dist-info").split("-", 1) for folder in folders)
    return {name: version for name, version in names.items() if name not in ("pip", "penstock")}
