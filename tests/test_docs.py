"""The README is true: its commands parse, none is missing, its links and exit codes are real."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import docs_pages
import pytest

from pipeline import exit_codes
from pipeline.cli.main import penstock

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text()


def test_every_command_parses_and_every_command_is_in_the_readme():
    shown = set()
    for page in docs_pages.pages():
        for block in docs_pages.blocks_of(page):
            for words in docs_pages.commands(block.text) if block.language == "sh" else ():
                docs_pages.parse(words, penstock())
                shown |= {words[0]} if page == "README.md" else set()
    assert shown == set(penstock().commands)


def test_every_block_has_a_language_and_a_mark_that_means_something():
    for page in docs_pages.pages():
        for block in docs_pages.blocks_of(page):
            if block.language == "":  # indented: a formula, a tree of files
                assert "penstock " not in block.text, block
                continue
            assert block.language in docs_pages.LANGUAGES, block
            assert block.mark in ("", *docs_pages.MARKS), block


# Why a block runs nowhere; its commands are parsed.
NOT_RUN = {
    "README.md": ["CI begins with these", "the tests are in that environment", "it downloads"],
    "docs/how-to/emit.md": [
        "a machine's own systemd, and root",
        "an image is built and kept elsewhere",
        "a cluster of yours",
    ],
    "docs/how-to/inputs.md": ["buckets and clusters of others"],
}


def test_what_runs_nowhere_is_listed_here():
    found = {
        page: reasons
        for page in docs_pages.pages()
        if (reasons := [b.value for b in docs_pages.blocks_of(page) if b.mark == "not run"])
    }
    assert found == NOT_RUN


@pytest.fixture(scope="session")
def readme(reader, tmp_path_factory) -> Path:
    """The folder in which the README was followed."""
    folder = tmp_path_factory.mktemp("readme")
    docs_pages.run_page("README.md", folder, reader)
    return folder / "here"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_readme_runs(readme):
    assert (readme / ".penstock/serving/digits/3/saved_model.pb").is_file()
    assert (readme / "seen.png").is_file()
    assert (readme / "flowers/.penstock/serving/shapes/1/saved_model.pb").is_file()


# what a page takes for granted: that the reader has followed the README
_AFTER_README = (
    "docs/explanation/gate.md",
    "docs/how-to/pictures.md",
    "docs/reference/report.md",
    "docs/how-to/serving.md",
)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "page",
    [
        *_AFTER_README,
        "docs/how-to/emit.md",
        "docs/how-to/notify.md",
        "docs/reference/recipes.md",
        "docs/tutorials/retraining.md",
        "docs/how-to/runners.md",
        "docs/how-to/schedule.md",
        "docs/how-to/spans.md",
        "docs/how-to/training.md",
    ],
)
def test_a_page_runs(page, reader, tmp_path, request):
    (tmp_path / "here").mkdir()
    if page in _AFTER_README:
        readme = request.getfixturevalue("readme")
        shutil.copytree(readme / ".penstock", tmp_path / "here" / ".penstock")
    docs_pages.run_page(page, tmp_path, reader)


def test_every_page_with_a_block_to_run_runs():
    """Here, or in tests/runners, where every block that needs something runs."""
    run = {"README.md", *test_a_page_runs.pytestmark[0].args[1]}
    blocks = [block for page in docs_pages.pages() for block in docs_pages.blocks_of(page)]
    assert run >= {block.page for block in blocks if block.runs and not block.needs}


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", README, re.MULTILINE)) <= {
        pair for target in targets for pair in ((target, ""), ("", target))
    }


def test_the_exit_codes_of_the_readme_are_the_real_ones():
    shown = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert shown == {v for k, v in vars(exit_codes).items() if k.isupper() and isinstance(v, int)}


def test_every_link_between_our_pages_leads_somewhere():
    for page in (HOME / "README.md", HOME / "CHANGELOG.md", *(HOME / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
