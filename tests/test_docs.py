"""The README is true: its commands parse, none is missing, its links and exit codes are real."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from pipeline import exit_codes
from pipeline.cli.app import cli

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text()


def test_every_command_of_the_readme_parses_and_every_command_is_in_it():
    shown = set()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    for line in re.findall(r"\bpenstock ([^#>\n]+)", blocks):
        name, *words = shlex.split(line)
        cli.commands[name].make_context(name, words)
        shown.add(name)
    assert shown == set(cli.commands)


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
