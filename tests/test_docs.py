"""README and docs are true: commands run, links lead somewhere, references are current."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click
import docs_pages
import pytest
import reference
from reference import walk_commands

from pipeline import exit_codes
from pipeline.cli.main import penstock

HOME = Path(__file__).parents[1]


def test_every_command_parses_and_every_command_is_shown_in_use():
    shown = set()
    for page in docs_pages.pages():
        for block in docs_pages.blocks_of(page):
            for words in docs_pages.commands(block.text) if block.language == "sh" else ():
                shown.add(docs_pages.parse(words, penstock()))
    paths = [path for path, command in walk_commands(penstock(), "") if not is_group(command)]
    assert {path.strip() for path in paths} <= shown


def is_group(command: click.Command) -> bool:
    return isinstance(command, click.Group)


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_references_are_what_the_code_says(name):
    written = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), f"docs/reference/{name}: run `make docs`"


def test_every_setting_has_a_meaning():
    text = reference.write_settings()
    assert not re.findall(r"^\| `(\w+)` .*\|  \|$", text, re.MULTILINE)


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
    "README.md": [
        "CI begins with these",
        "the tests are in that environment",
        "the tutorial runs these commands",
    ],
    "docs/tutorials/first-model.md": ["it downloads"],
    "docs/how-to/emit.md": [
        "a machine's own systemd, and root",
        "an image is built and kept elsewhere",
        "a cluster of yours",
    ],
    "docs/how-to/inputs.md": ["buckets and clusters of others"],
    "docs/how-to/sources/tfds.md": ["it downloads"],
}


def test_what_runs_nowhere_is_listed_here():
    found = {
        page: reasons
        for page in docs_pages.pages()
        if (reasons := [b.value for b in docs_pages.blocks_of(page) if b.mark == "not run"])
    }
    assert found == NOT_RUN


def test_no_server_is_shown_on_a_port_that_the_kernel_gives_away():
    for page in docs_pages.guides():
        text = (HOME / page).read_text(encoding="utf-8")
        ports = re.findall(r"(?:port[= ]|localhost:|HOST:|127\.0\.0\.1:)(\d{4,5})\b", text)
        assert all(int(port) < 32_768 for port in ports), f"{page}: {ports}"


@pytest.fixture(scope="session")
def tutorial(reader, tmp_path_factory) -> Path:
    """The folder in which the README and the first tutorial were followed."""
    folder = tmp_path_factory.mktemp("tutorial")
    for page in ("README.md", "docs/tutorials/first-model.md"):
        docs_pages.run_page(page, folder, reader)
    return folder / "here"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_readme_and_the_first_tutorial_run(tutorial):
    assert (tutorial / ".penstock/serving/digits/3/saved_model.pb").is_file()
    assert (tutorial / "seen.png").is_file()
    assert (tutorial / "flowers/.penstock/serving/flowers/1/saved_model.pb").is_file()


# Pages that need what the first tutorial left.
_AFTER_TUTORIAL = (
    "docs/how-to/gate.md",
    "docs/how-to/pictures.md",
    "docs/reference/report.md",
    "docs/how-to/serving.md",
)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "page",
    [
        *_AFTER_TUTORIAL,
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
    if page in _AFTER_TUTORIAL:
        tutorial = request.getfixturevalue("tutorial")
        shutil.copytree(tutorial / ".penstock", tmp_path / "here" / ".penstock")
    docs_pages.run_page(page, tmp_path, reader)


def test_every_page_with_a_block_to_run_runs():
    """Here, or in tests/runners, where every block that needs something runs."""
    first = {"README.md", "docs/tutorials/first-model.md"}
    run = first | {*test_a_page_runs.pytestmark[0].args[1]}
    blocks = [block for page in docs_pages.pages() for block in docs_pages.blocks_of(page)]
    alone = (block for block in blocks if block.runs and block.mark not in ("needs", "file"))
    assert run >= {block.page for block in alone}


def test_every_make_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.MULTILINE))
    for page in docs_pages.pages():
        text = (HOME / page).read_text()
        assert {*re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)} <= targets, page


def test_contribute_lists_the_targets_of_the_checks():
    table = (HOME / "docs/how-to/contribute.md").read_text()
    checks = {"lint", "format", "test-fast", "test", "test-runners", "torture", "conditions"}
    assert {*re.findall(r"^\| `make ([a-z-]+)`", table, re.MULTILINE)} == checks | {"bench", "docs"}


def test_every_exit_code_that_a_page_names_is_real():
    real = {v for k, v in vars(exit_codes).items() if k.isupper() and isinstance(v, int)}
    for page in docs_pages.pages():
        named = re.findall(r"[Ee]xit code (\d+)|exits? with (\d+)", (HOME / page).read_text())
        assert {int(code or other) for code, other in named} <= real, page


def test_every_link_between_our_pages_leads_somewhere():
    for page in (HOME / "README.md", HOME / "CHANGELOG.md", *(HOME / "docs").rglob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
            target, _, anchor = link.partition("#")
            file = page.parent / target if target else page
            assert file.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in docs_pages.anchors(file), f"{page.name}: {link}"


def test_the_index_names_every_page():
    index = (HOME / "docs" / "README.md").read_text()
    linked = {*re.findall(r"\]\(([^)#]+)\)", index)}
    pages = {p.removeprefix("docs/") for p in docs_pages.pages() if p.count("/") == 2}
    assert {p for p in pages if not p.startswith("decisions/")} <= linked


@pytest.mark.parametrize("page", docs_pages.guides())
def test_lines_of_prose_have_at_most_100_characters(page):
    long = [line for line in docs_pages.prose(page) if len(line) > 100]
    assert not long


def test_pictures_are_small():
    for file in (HOME / "docs" / "images").iterdir():
        assert file.stat().st_size < 100_000, file


def test_the_modules_that_the_architecture_names_exist():
    text = (HOME / "docs" / "explanation" / "architecture.md").read_text()
    rows = re.compile(r"^\| (?:\(top\)|`([\w/]+)`) \| (.+) \|$", re.MULTILINE)
    for package in ("data", "serving_export", "components", "pipeline"):
        _, _, section = text.partition(f"\n## {package}\n")
        for folder, modules in rows.findall(section.partition("\n## ")[0]):
            for name in re.findall(r"`([\w/]+)`", modules):
                path = HOME / package / folder / name
                assert path.is_dir() or path.with_suffix(".py").is_file(), path
