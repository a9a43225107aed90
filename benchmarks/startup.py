"""Measure how long commands without work take: `python benchmarks/startup.py`.

Goals: `penstock --help` <= 0.3 s, a run with every step cached <= 0.5 s, process start to end.
Beside them, in the same run: Python's own start, and the imports that neither command makes.
"""

from __future__ import annotations

import tempfile

from timing import median_of, penstock, python, seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        run = penstock("run", "digits", "--root", root)
        seconds(run)  # from nothing; what follows finds every step cached
        rows = {
            "python -c pass": python("pass"),
            "penstock --help": penstock("--help"),
            "penstock run digits, all cached": run,
            "python -c 'import tensorflow'": python("import tensorflow"),
            "python -c 'import tensorflow_model_analysis'": python(
                "import tensorflow_model_analysis"
            ),
        }
        for name, command in rows.items():
            print(f"{name:<46} {median_of(seconds(command, times=7))}", flush=True)


if __name__ == "__main__":
    main()
