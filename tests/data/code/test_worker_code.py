"""DoFns refuse to work where the code is another than at the sender."""

from __future__ import annotations

import pickle  # Beam pickles DoFns too

import pytest

from data.code import worker_code
from data.code.worker_code import SameCodeDoFn
from data.errors import EnvironmentTrouble, deserialize_error


class Keep(SameCodeDoFn):
    def __init__(self, number: int) -> None:
        self.number = number


def test_the_same_code_works() -> None:
    for one in (Keep(3), pickle.loads(pickle.dumps(Keep(3)))):
        one.setup()
        assert one.number == 3


@pytest.mark.parametrize("name", ["python", "beam", "penstock"])
def test_another_version_is_named(monkeypatch, name: str) -> None:
    other = {**worker_code.read_versions(), name: "another"}
    with monkeypatch.context() as sender:
        sender.setattr(worker_code, "read_versions", lambda: other)
        sent = pickle.dumps(Keep(3))
    with pytest.raises(RuntimeError) as caught:
        pickle.loads(sent).setup()
    error = deserialize_error(str(caught.value))
    assert isinstance(error, EnvironmentTrouble)
    assert error.expected == f"{name} another"
    assert error.got == f"{name} {worker_code.read_versions()[name]}"


def test_a_worker_says_that_it_began_where_the_sender_looks(tmp_path) -> None:
    with worker_code.collect_worker_reports(tmp_path):
        sent = pickle.dumps(Keep(3))
    assert list(tmp_path.iterdir()) == []
    again = pickle.dumps(pickle.loads(sent))  # as Beam's workers do
    pickle.loads(again).setup()
    assert len(list(tmp_path.iterdir())) == 1
    with worker_code.collect_worker_reports(tmp_path / "gone"):
        pickle.loads(pickle.dumps(Keep(3))).setup()
