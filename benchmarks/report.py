"""Measure how long a run's report takes, process start to end, and its size.

    python benchmarks/report.py --set ingest.source=idx --set ingest.path=DIR

Two MNIST models of one epoch each: the second is held against the first, so that its report has all
there is to show, 24 + 24 images among it. Goals: <= 2 s and <= 3 MB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from timing import median_of, penstock, seconds


def main(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for seed in (1, 2):
            settings = ["--set", f"seed={seed}", "--set", "train.epochs=1"]
            # A model of one epoch may miss the floors of ten: what serves must not hang on it.
            settings += ["--set", 'evaluate.thresholds=[{metric="accuracy", at_least=0.8}]']
            seconds(penstock("run", "mnist", *words, *settings, "--root", folder))
        report = Path(folder, "report.html")
        written = penstock("report", "latest", "--root", folder, "--output", str(report))
        print(f"penstock report latest  {median_of(seconds(written, times=7))}")
        page = report.read_text(encoding="utf-8")
        print(f"size                    {len(page.encode()) / 1e6:6.3f} MB")
        print(f"images                  {page.count('<img'):6}")


if __name__ == "__main__":
    main(sys.argv[1:])
