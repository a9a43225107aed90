"""By every pip that one may have, on the day after a newer release of each package."""

from __future__ import annotations

import clusters
import pytest
import small_lock

pytestmark = [pytest.mark.runners, pytest.mark.timeout(1200)]  # seconds, but on a busy machine


@pytest.mark.parametrize("pip", ["23.0.1", "23.2.1", "24.0", "24.2", "newest"])
def test_every_pip_installs_what_is_locked(tmp_path, pip):
    if reason := clusters.missing(f"pips/{pip}"):
        pytest.skip(reason)
    index = tmp_path / "index"
    lock = small_lock.write_index(index)
    checkout = small_lock.write_checkout(tmp_path / "checkout", lock)
    venv = checkout / ".venv"
    done = small_lock.make(checkout, "venv", venv, index, pip=clusters.FETCHED / "pips" / pip)
    assert done.returncode == 0, done.stdout + done.stderr
    assert small_lock.installed_versions(venv) == small_lock.locked_versions(lock)
