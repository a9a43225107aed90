"""Execute the code cells of a notebook in this process: python notebook_cells.py NOTEBOOK OUT.

For each cell, OUT has a line of JSON: the repr of its last expression, and whether Matplotlib is
loaded after it.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any


def execute(source: str, namespace: dict[str, Any]) -> Any:
    """Execute a cell and return the value of its last expression, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), namespace)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)


def main(notebook: Path, out: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with out.open("w", encoding="utf-8") as file:
        for cell in cells:
            if cell["cell_type"] == "code":
                value = execute("".join(cell["source"]), namespace)
                seen = {"repr": repr(value), "matplotlib": "matplotlib" in sys.modules}
                file.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
