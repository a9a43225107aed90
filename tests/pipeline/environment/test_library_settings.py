"""What of the environment is pinned, what is part of a fingerprint, and what stays."""

from __future__ import annotations

import os
import urllib.request

import pytest
from docs_pages import names_in_table

from data.errors import EnvironmentTrouble
from pipeline.environment import library_settings
from pipeline.environment.library_settings import (
    COUNTED,
    pin_libraries,
    read_counted_variables,
    refuse_other_variables,
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What a test changes in the environment is gone afterwards."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "no_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)


def test_without_a_proxy_nothing_is_set():
    pin_libraries()
    assert not {"no_proxy", "NO_PROXY"} & os.environ.keys()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTPS_PROXY", "all_proxy", "grpc_proxy"])
def test_loopback_passes_by_any_proxy(variable):
    os.environ[variable] = "http://proxy.example:3128"
    for _ in range(2):
        pin_libraries()
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "localhost,127.0.0.1,::1"
    for host in ("localhost:8099", "127.0.0.1:8081"):
        assert urllib.request.proxy_bypass_environment(host)
    assert not urllib.request.proxy_bypass_environment("example.org")


def test_what_a_user_excepts_from_a_proxy_stays_excepted():
    os.environ |= {"http_proxy": "http://p:1", "NO_PROXY": "a.example, b.example"}
    os.environ |= {"no_grpc_proxy": "g.example"}
    pin_libraries()
    assert os.environ["no_proxy"] == "a.example,b.example,localhost,127.0.0.1,::1"
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"]
    assert dict(os.environ)["no_grpc_proxy"] == "g.example,localhost,127.0.0.1,::1"
    os.environ["no_proxy"] = "*"
    pin_libraries()
    assert "*" in os.environ["no_proxy"].split(",")


def test_what_limits_a_training_for_debugging_is_removed():
    os.environ |= {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "1"}
    pin_libraries()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert "KERAS_MAX_EPOCHS" not in os.environ


@pytest.mark.parametrize("name", COUNTED)
def test_a_variable_on_which_results_depend_is_looked_at(name):
    os.environ.pop(name, None)
    assert name not in read_counted_variables()
    os.environ[name] = "1"
    assert read_counted_variables()[name] == "1"
    refuse_other_variables(read_counted_variables(), "here")
    with pytest.raises(EnvironmentTrouble, match=f"{name} on there differs") as found:
        refuse_other_variables(
            {k: v for k, v in read_counted_variables().items() if k != name}, "there"
        )
    assert (found.value.expected, found.value.got) == ("not set", "'1'")


def test_the_docs_name_them_all():
    named = names_in_table("how-to/training.md", "variable")
    assert named >= {*COUNTED, *library_settings.PINNED, *library_settings.REMOVED}
