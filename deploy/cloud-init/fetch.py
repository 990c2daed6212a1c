"""Writes a host's settings and secrets where its services read them: an environment file for systemd, root's alone.

    fetch.py PLACE [GROUP]      GROUP may read files that variables name, such as a private key

Which they are stands in the environment: DEPLOYMENT, ROLE, SECRETS (names, by space), AWS_DEFAULT_REGION. Parameters
below /DEPLOYMENT/settings/all and .../ROLE are variables by their last part (a dedicated host has those of workers,
too); a secret is JSON of variables, or what Amazon's database service makes of one. Nothing is printed but names. Runs
with the system's Python and its boto3.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

ALLOWED = re.compile(r"(OA|AWS|DAGSTER)_[A-Z0-9_]+")
OF_A_HOST = {
    "OA_HOME": "/var/lib/oa",
    "DAGSTER_HOME": "/var/lib/oa/dagster",
    "PYTHONUNBUFFERED": "1",
    "TZ": "UTC",
}
PRIVATE_KEY = "-----BEGIN"


def main(place: Path, group: str = "") -> None:
    """Fetches everything, then writes it in one step: services never see half of it."""
    import boto3

    session = boto3.session.Session()
    role = os.environ["ROLE"]
    kinds = ["all", *(["worker"] if role == "dedicated" else []), role]
    wanted = [f"/{os.environ['DEPLOYMENT']}/settings/{kind}" for kind in kinds]
    variables = {**OF_A_HOST, "AWS_DEFAULT_REGION": os.environ["AWS_DEFAULT_REGION"]}
    for path in wanted:
        variables |= parameters(session.client("ssm"), path)
    for name in os.environ.get("SECRETS", "").split():
        variables |= secret(session.client("secretsmanager"), name)
    place.mkdir(mode=0o755, parents=True, exist_ok=True)
    variables = dict(in_files(variables, place, group))
    written = "".join(f"{name}={quoted(name, value)}\n" for name, value in sorted(variables.items()))
    write(place / "environment", written, 0o600)
    print("settings of this host:", *sorted(variables))


def parameters(client: Any, path: str) -> dict[str, str]:
    """The variables below a path of the parameter store."""
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=path)
    return {checked(each["Name"].rpartition("/")[2]): each["Value"] for page in pages for each in page["Parameters"]}


def secret(client: Any, name: str) -> dict[str, str]:
    """The variables of a secret."""
    held = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    if "password" in held:
        return {"OA_DATABASE_URL": database(held)}
    return {checked(key): str(value) for key, value in held.items()}


def database(held: Mapping[str, Any]) -> str:
    """The address that the database's secret comes to."""
    user, password = quote(str(held["username"]), safe=""), quote(str(held["password"]), safe="")
    where = f"{held['host']}:{held.get('port', 5432)}/{held.get('dbname', 'oa')}"
    return f"postgresql://{user}:{password}@{where}?sslmode=require"


def checked(name: str) -> str:
    """The name itself. Ends the program where it could change more than our services."""
    if not ALLOWED.fullmatch(name):
        sys.exit(f"{name!r} is no variable of a host: OA_..., AWS_..., DAGSTER_...")
    return name


def in_files(variables: Mapping[str, str], place: Path, group: str) -> Iterator[tuple[str, str]]:
    """The variables; what is a private key lies in a file of root and of the services, and is named by its path."""
    for name, value in variables.items():
        if value.startswith(PRIVATE_KEY):
            path = place / f"{name.lower()}.pem"
            write(path, value if value.endswith("\n") else f"{value}\n", 0o640, group)
            value = str(path)
        yield name, value


def quoted(name: str, value: str) -> str:
    """The value as systemd and a shell both read it."""
    if "\n" in value or "\0" in value:
        sys.exit(f"{name} has several lines, which no variable of a service can have")
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


def write(path: Path, text: str, mode: int, group: str = "") -> None:
    """Writes a file that nobody could read meanwhile."""
    import shutil

    partial = path.with_name(f".{path.name}")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    if group:
        shutil.chown(partial, group=group)
    partial.chmod(mode)
    partial.rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
