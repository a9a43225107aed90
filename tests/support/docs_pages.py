"""The fenced blocks of a Markdown page, as one script that a reader might have typed.

`sh` blocks run as they are printed, one after the other in one bash from an empty folder, with the
installed command; so do `python` blocks, each as a file. A `toml` block is a config file that a
recipe takes; a `json` or `yaml` block can be read; a `text` block is what something prints.

What a block needs beyond that stands in an HTML comment right before it, one of:

    <!-- file: mine.py -->        it is this file, which later blocks use
    <!-- needs: flink, pool -->   it runs in `make test-runners`, where those are; "minutes": no
                                  server, but too long for `make test`
    <!-- stays: a text -->        its one command stays in the foreground: it runs beside the
                                  blocks that follow, once it has printed the text, until the end
    <!-- not run: why -->         it is parsed only

A command whose comment ends in "exit code N" must end so.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import click
import yaml
from markdown_it import MarkdownIt

HOME = Path(__file__).resolve().parents[2]
MARKS = ("file", "needs", "stays", "not run")
LANGUAGES = ("sh", "python", "toml", "json", "yaml", "dockerfile", "text")
_GENERATED = ("docs/reference/commands.md", "docs/reference/settings.md")
_MARK = re.compile(r"<!-- ([a-z ]+): (.+?) -->")
_CODE = re.compile(r"^(.*?)\s+# .*\bexit code (\d+)$")


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str
    mark: str = ""  # one of MARKS
    value: str = ""  # behind the mark

    @property
    def needs(self) -> set[str]:
        return set(self.value.split(", ")) if self.mark == "needs" else set()

    @property
    def runs(self) -> bool:
        return self.language not in ("", "text") and self.mark != "not run"

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page that a reader may follow, relative to the checkout."""
    paths = [HOME / "README.md", *sorted((HOME / "docs").rglob("*.md"))]
    return [path.relative_to(HOME).as_posix() for path in paths]


def blocks_of(page: str) -> list[Block]:
    """The page's blocks of code, in order; an indented one has no language."""
    found, comment = [], ""
    for token in MarkdownIt().parse((HOME / page).read_text()):
        if token.type in ("fence", "code_block"):
            mark = _MARK.fullmatch(comment.strip())
            assert token.map
            found.append(
                Block(
                    page=page,
                    line=token.map[0] + 1,
                    language=token.info,
                    text=token.content,
                    mark=mark[1] if mark else "",
                    value=mark[2] if mark else "",
                )
            )
        comment = token.content if token.type == "html_block" else ""
    return found


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `penstock …` in a block of shell, without comments and redirections."""
    for name, value in re.findall(r'(\w+)="([^"]*)"', text):
        text = text.replace(f"${name} ", f"{value} ")
    for line in re.sub(r"\\\n", " ", text).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        while "penstock" in words:
            words = words[words.index("penstock") + 1 :]
            ends = (i for i, word in enumerate(words) if not word.strip("();<>|&"))
            yield words[: next(ends, len(words))]


def parse(words: list[str], group: click.Group) -> str:
    """Parse a command line, and return the words that name its command.

    Raises:
        click.ClickException: there is no such command or option.
    """
    name, *rest = words
    context = click.Context(group)
    command = group.get_command(context, name)
    if command is None:
        raise click.UsageError(f"no command {name!r}")
    if isinstance(command, click.Group):
        return f"{name} {parse(rest, command)}"
    command.make_context(name, rest)
    return name


def guides() -> list[str]:
    """The pages that are written by hand for users, relative to the checkout."""
    written = ("docs/decisions/", "docs/errors.md", *_GENERATED)
    return [page for page in pages() if not page.startswith(written)]


def prose(page: str) -> Iterator[str]:
    """The lines of a page outside of blocks of code, tables and headings."""
    text = (HOME / page).read_text()
    inside = {
        number
        for token in MarkdownIt("commonmark").enable("table").parse(text)
        if token.type in ("fence", "code_block", "table_open", "heading_open") and token.map
        for number in range(*token.map)
    }
    yield from (line for number, line in enumerate(text.splitlines()) if number not in inside)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}


def run_page(
    page: str,
    folder: Path,
    environment: Mapping[str, str],
    *,
    has: Collection[str] = (),
    only_needing: bool = False,
) -> str:
    """Run the page's blocks from an empty folder. Returns what they printed.

    Args:
        page: relative to the checkout.
        folder: for the working folder `here`, and the files of this function.
        environment: of the reader; the installed command comes first on its PATH.
        has: what blocks may need.
        only_needing: leave out the blocks that need nothing.

    Raises:
        AssertionError: a command failed; says what was printed.
    """
    lines = ["set -ex", "trap 'set +ex; kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for number, block in enumerate(blocks_of(page)):
        wanted = block.needs <= {*has} and (block.mark in ("needs", "file") or not only_needing)
        if block.runs and wanted:
            lines += _script(block, folder / f"{number}.{block.language}")
    (folder / "here").mkdir(exist_ok=True)
    (folder / "page.sh").write_text("\n".join(lines))
    with (folder / "printed").open("w") as printed:
        code = subprocess.run(
            ["bash", folder / "page.sh"],
            cwd=folder / "here",
            env=_installed(environment),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    text = (folder / "printed").read_text()
    assert code == 0, f"{page}: exit code {code}\n{text[-6000:]}"
    return text


def _installed(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which nothing but the installation leads to Penstock.

    Where this checkout only borrows an installation, see the Makefile, PYTHONPATH leads to it.
    """
    caches = {"XDG_CACHE_HOME": str(Path.home() / ".cache")}  # of fonts, else made again
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PENSTOCK"))}
    path = f"{Path(sys.executable).parent}:{environment.get('PATH', os.environ['PATH'])}"
    if str(HOME) in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        outside["PYTHONPATH"] = str(HOME)
    return {**caches, **outside, "TERM": "dumb", "COLUMNS": "160", **environment, "PATH": path}


def _script(block: Block, file: Path) -> Iterator[str]:
    """What to type for a block; `file` is outside the working folder, and may be written."""
    yield f": {block}"
    if block.mark == "file":
        file.write_text(block.text)
        yield f"cp {file} {block.value}"
    if block.mark == "stays":
        yield f"(exec {block.text.strip().partition('  #')[0]}) >{file} 2>&1 &"
        yield f"until grep -q {shlex.quote(block.value)} {file}; do kill -0 $!; sleep 0.1; done"
    elif block.language == "sh":
        yield from _shell(block.text)
    elif block.mark == "file":
        pass
    elif block.language == "python":
        file.write_text(block.text)
        yield f"python {file}"
    elif block.language == "toml":
        file.write_text(block.text)
        yield f"penstock config mnist --config {file} >/dev/null"
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "yaml":
        assert list(yaml.safe_load_all(block.text))
    else:
        assert block.language == "text", f"{block} cannot be run"


def _shell(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\n", " ", text).splitlines():
        told = _CODE.match(line)
        yield f"code=0; {told[1]} || code=$?; [ $code = {told[2]} ]" if told else line


def names_in_table(page: str, head: str) -> set[str]:
    """The names in backquotes in the first column of a page's table, whose head begins so."""
    _, _, rest = (HOME / "docs" / page).read_text().partition(f"| {head} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
