from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import ConfigError, EnvironmentTrouble
from data.redaction import redact
from pipeline.config import secrets

VALUE = "Zr8kQ1-marked-2vYp"

NAMES = (
    "s3_secret_access_key",
    "s3_access_key_id",
    "s3_session_token",
    "azure_connection_string",
    "dataflow_kms_key",
    "my_password",
    "PASSWD",
    "credential",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dashes", ["-", "--"])
def test_a_secret_in_a_flag_is_refused_with_the_way_to_write_it(name: str, dashes: str) -> None:
    flag = f"{dashes}{name}"
    for flags in ([f"{flag}={VALUE}"], [flag, VALUE], ["--runner=X", flag, VALUE, "--y"], [flag]):
        with pytest.raises(ConfigError) as caught:
            secrets.refuse_secrets_in_flags(flags)
        assert VALUE not in str(caught.value)
        assert f"{flag}=env:VARIABLE, or {flag}=file:/PATH" in str(caught.value)
    for named in ("env:MINE", "file:/run/secrets/mine"):
        secrets.refuse_secrets_in_flags([f"{flag}={named}"])
        secrets.refuse_secrets_in_flags([flag, named])


@pytest.mark.parametrize(
    "value",
    [
        "http://ann:hunter2@flink:8081",
        "DefaultEndpointsProtocol=https;AccountKey=abc==",
        '{"command": "/boot", "env": {"API_TOKEN": "abc"}}',
        "https://host/?sig=abc",
    ],
)
def test_a_secret_in_the_value_of_another_flag(value: str) -> None:
    for flags in ([f"--environment_config={value}"], ["--environment_config", value]):
        with pytest.raises(ConfigError, match="--environment_config") as caught:
            secrets.refuse_secrets_in_flags(flags)
        assert value not in str(caught.value)
    secrets.refuse_secrets_in_flags(["--environment_config=env:CONTAINER"])


@pytest.mark.parametrize(
    "flags",
    [
        ["--runner=FlinkRunner", "--flink_master=flink:8081", "--parallelism", "2"],
        ["--enable_hot_key_logging", "--allow_non_deterministic_key_coders"],
        ["--temp_location=file:///tmp/x", "--environment_config=apache/beam:2.77"],
        ['--environment_config={"command": "/boot"}', "--hdfs_host=there"],
        ["--impersonate_service_account=a@b.iam.gserviceaccount.com"],
        ["--ssl_key_file=/etc/key.pem", "--credentials_path", "/etc/google.json"],
        [],
    ],
)
def test_what_is_no_secret_stays_as_it_is(flags: list[str]) -> None:
    secrets.refuse_secrets_in_flags(flags)
    assert secrets.read_secrets_in_flags(flags) == tuple(flags)
    assert secrets.list_variables(flags) == ()


@pytest.mark.parametrize(("named", "words"), [("env:A B", "letters"), ("file:mine", "absolute")])
def test_a_place_that_there_cannot_be(named: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        secrets.refuse_secrets_in_flags([f"--s3_secret_access_key={named}"])


def test_it_is_read_where_it_is_kept_and_from_then_on_hidden(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "kept").write_text(f"{VALUE}-file\n")
    monkeypatch.setenv("KEPT", f"{VALUE}-env")
    flags = ["--a", f"--s3_session_token=file:{tmp_path}/kept", "--s3_access_key_id", "env:KEPT"]
    assert secrets.read_secrets_in_flags([*flags, "--b=1"]) == (
        "--a",
        f"--s3_session_token={VALUE}-file",
        f"--s3_access_key_id={VALUE}-env",
        "--b=1",
    )
    assert secrets.list_variables(flags) == ("KEPT",)
    assert redact(f"denied: {VALUE}-env, {VALUE}-file") == "denied: …, …"


def test_what_cannot_be_read_is_the_machines_trouble(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("KEPT", raising=False)
    (tmp_path / "empty").touch()
    for named in ("env:KEPT", f"file:{tmp_path}/none", f"file:{tmp_path}/empty"):
        with pytest.raises(EnvironmentTrouble, match=named.partition(":")[2]):
            secrets.read_secrets_in_flags([f"--s3_secret_access_key={named}"])


@pytest.mark.parametrize(
    "options",
    [
        {"password": VALUE},
        {"db": {"user": "ann", "db_passwd": VALUE}},
        {"servers": [{"api_key": VALUE}]},
        {"tokens": {"token": VALUE}},
        {"url": f"postgresql://ann:{VALUE}@host/db"},
        {"urls": ["s3://fine", f"https://ann:{VALUE}@host"]},
    ],
)
def test_a_secret_in_a_config_is_refused(options: dict) -> None:
    with pytest.raises(ConfigError, match=r"ingest\.options") as caught:
        secrets.refuse_secrets_in_config("ingest", {"path": None, "options": options})
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"key": "image", "max_tokens": "5", "tokenizer": "words"},
        {"password": "env:DATABASE_PASSWORD", "api_key": "file:/run/secrets/key"},
        {"password": "", "secret": None, "token": 5, "token_file": "/run/token"},
        {"url": "postgresql://ann@host/db"},
    ],
)
def test_what_is_no_secret_of_a_config(options: dict) -> None:
    secrets.refuse_secrets_in_config("ingest", {"path": "/data", "options": options})
