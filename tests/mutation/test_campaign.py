"""Do the tests see it where a line that decides is changed? `campaign.py` says how it is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def campaign() -> Iterator[ModuleType]:
    """The module `campaign`, with those beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        import campaign

        yield campaign
    for name in ("campaign", "mutants"):
        sys.modules.pop(name, None)


def test_a_draw_is_the_same_again_and_of_each_file(campaign: ModuleType) -> None:
    drawn = campaign.draw(campaign.SEED, ["rollback"])
    assert drawn == campaign.draw(campaign.SEED, ["rollback"])
    assert drawn != campaign.draw(campaign.SEED + 1, ["rollback"])
    assert len(drawn) == campaign.AREAS["rollback"]
    for mutant in drawn:
        text = (campaign.HOME / mutant.file).read_text(encoding="utf-8")
        assert mutant.text != text
        assert mutant.was in " ".join(text.split())
        assert mutant.becomes in " ".join(mutant.text.split())


@pytest.mark.slow
def test_each_named_mutant_is_killed_by_its_test(campaign: ModuleType) -> None:
    asked = [(mutant, [test]) for mutant, test in campaign.named()]
    lived = [campaign.words(r) for r in campaign.run(asked, workers=1, heavy=False) if not r.killed]
    assert not lived, "\n".join(lived)


@pytest.mark.torture
@pytest.mark.timeout(3 * 3600)
def test_most_mutants_are_killed_and_the_others_have_a_reason(campaign: ModuleType) -> None:
    asked = [(mutant, campaign.tests_of(mutant)) for mutant in campaign.draw(campaign.SEED)]
    results = list(campaign.run(asked, workers=2))
    print(f"seed {campaign.SEED}", campaign.table(results), sep="\n")
    survivors, reasons = [r for r in results if not r.killed], campaign.reasons()
    for survivor in survivors:
        print(campaign.words(survivor), reasons.get(survivor.mutant.key), sep="\n  ")
    unlisted = [campaign.words(r) for r in survivors if r.mutant.key not in reasons]
    assert not unlisted, "\n".join(unlisted)
    assert len(survivors) <= (1 - campaign.LEAST) * len(results)
    assert len(results) >= 200
