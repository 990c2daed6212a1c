"""Settings and secrets as a host gets them, from servers that speak as Amazon's do."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from oa_pipeline.ledger.urls import parsed
from oa_pipeline.settings import Settings

from .templates import TOP

FETCH = TOP / "deploy/cloud-init/fetch.py"
if not FETCH.is_file():
    pytest.skip("not in a checkout", allow_module_level=True)

PASSWORD = "p/w:@%$`\\\"'é"


class Account:
    """A deployment's parameters and secrets."""

    def __init__(self, endpoint: str, place: Path) -> None:
        self.name = f"d-{secrets.token_hex(4)}"
        self.place = place
        self.endpoint = endpoint
        self.ssm = boto3.client("ssm", endpoint_url=endpoint)
        self.secretsmanager = boto3.client("secretsmanager", endpoint_url=endpoint)

    def parameter(self, path: str, value: str) -> None:
        self.ssm.put_parameter(Name=f"/{self.name}/settings/{path}", Value=value, Type="String")

    def secret(self, name: str, **held: object) -> None:
        self.secretsmanager.create_secret(Name=f"{self.name}/{name}", SecretString=json.dumps(held))

    def fetch(self, role: str, *names: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "DEPLOYMENT": self.name, "ROLE": role, "SECRETS": " ".join(f"{self.name}/{n}" for n in names),
            "AWS_ENDPOINT_URL": self.endpoint,
        }  # fmt: skip
        command = [sys.executable, FETCH, self.place]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def sourced(self) -> dict[str, str]:
        """The variables as a shell has them that read the file."""
        told = "import json, os; print(json.dumps(dict(os.environ)))"
        script = f"set -a; . {self.place}/environment; exec {sys.executable} -c '{told}'"
        done = subprocess.run(["bash", "-c", script], env={}, capture_output=True, text=True, check=True)
        return {n: v for n, v in json.loads(done.stdout).items() if n.startswith(("OA_", "AWS_", "DAGSTER_"))}


@pytest.fixture
def account(s3_server: str, credentials: None, tmp_path: Path) -> Account:
    return Account(s3_server, tmp_path / "run")


def test_a_host_gets_the_settings_of_all_and_of_its_kind_and_its_secrets(account: Account) -> None:
    for number in range(12):  # more than a page
        account.parameter(f"other/OA_NOT_{number}", "x")
    account.parameter("all/OA_STORE", "s3://results")
    account.parameter("all/OA_KEEP_DAYS", "90")
    account.parameter("web/OA_KEEP_DAYS", "30")
    account.secret("database", username="oa", password=PASSWORD, host="db.example.org", port=5432, dbname="oa")
    account.secret("web", OA_GITHUB_SECRETS="one,two")
    account.secret("github", OA_GITHUB_TOKEN="t0ken")
    done = account.fetch("web", "database", "web")
    assert done.returncode == 0, done.stderr
    got = account.sourced()
    settings = Settings.from_env(got)
    assert settings.store == "s3://results"
    assert settings.keep_days == 30
    assert settings.github_secrets == ("one", "two")
    assert settings.github_token == ""
    address = parsed(settings.database_url)
    assert (address.username, address.password, address.host, address.database) == (
        "oa",
        PASSWORD,
        "db.example.org",
        "oa",
    )
    assert address.query["sslmode"] == "require"
    assert not {name for name in got if name.startswith("OA_NOT_")}
    assert got["DAGSTER_HOME"] == "/var/lib/oa/dagster"


def test_a_host_for_one_run_has_the_settings_of_workers(account: Account) -> None:
    account.parameter("worker/OA_CONVERT_MEMORY_MIB", "8192")
    account.parameter("web/OA_WEB_HOST", "0.0.0.0")
    assert account.fetch("dedicated").returncode == 0
    assert account.sourced()["OA_CONVERT_MEMORY_MIB"] == "8192"
    assert "OA_WEB_HOST" not in account.sourced()


def test_what_is_secret_is_in_one_file_that_only_root_reads_and_is_not_printed(account: Account) -> None:
    account.secret("database", username="oa", password=PASSWORD, host="db", port=5432, dbname="oa")
    done = account.fetch("worker", "database")
    file = account.place / "environment"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "p/w" not in done.stdout + done.stderr
    assert "p%2Fw" not in done.stdout + done.stderr
    assert "OA_DATABASE_URL" in done.stdout
    assert [path.name for path in account.place.iterdir()] == ["environment"]


def test_a_private_key_becomes_a_file_that_is_named(account: Account) -> None:
    account.secret("github", OA_GITHUB_APP_ID="7", OA_GITHUB_APP_KEY="-----BEGIN KEY-----\nabc\n-----END KEY-----\n")
    assert account.fetch("control", "github").returncode == 0
    path = Path(account.sourced()["OA_GITHUB_APP_KEY"])
    assert path.read_text().splitlines() == ["-----BEGIN KEY-----", "abc", "-----END KEY-----"]
    assert path.stat().st_mode & 0o007 == 0


@pytest.mark.parametrize(
    ("name", "value"), [("LD_PRELOAD", "/tmp/x.so"), ("PATH", "/tmp"), ("OA_STORE", "a\nLD_PRELOAD=/tmp/x.so")]
)
def test_nothing_but_a_services_own_variables_can_be_set(account: Account, name: str, value: str) -> None:
    account.secret("github", **{name: value})
    done = account.fetch("control", "github")
    assert done.returncode != 0
    assert name in done.stderr
    assert not (account.place / "environment").exists()


def test_what_cannot_be_fetched_leaves_what_was_there(account: Account) -> None:
    account.parameter("all/OA_STORE", "s3://results")
    account.fetch("worker")
    assert account.fetch("worker", "missing").returncode != 0
    assert account.sourced()["OA_STORE"] == "s3://results"
