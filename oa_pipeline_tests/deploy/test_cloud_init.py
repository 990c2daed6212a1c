"""Hosts' scripts, run in a folder: what would change the machine is played by programs that note their calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from oa_pipeline_tests.servers import Request, Response, serve

from .templates import TOP

CLOUD_INIT = TOP / "deploy" / "cloud-init"
if not CLOUD_INIT.is_dir():
    pytest.skip("not in a checkout", allow_module_level=True)

NOTED = (
    "apt-get", "fallocate", "mkswap", "swapon", "mkfs.xfs", "mount", "useradd", "chown", "systemctl", "dpkg",
    "shutdown",
)  # fmt: skip
NOTE = '#!/bin/bash\necho "$(basename "$0") $*" >> "$CALLS"\n'
PYTHON = NOTE + '[ "$1 $2" = "-m venv" ] && { mkdir -p "$4/bin"; cp "$(dirname "$0")/pip" "$4/bin/python"; }\nexit 0\n'
DISKS = {
    "root alone": "/dev/nvme0n1 disk  \n/dev/nvme0n1p1 part ext4 /\n",
    "a second volume": "/dev/nvme0n1 disk  \n/dev/nvme0n1p1 part ext4 /\n/dev/nvme1n1 disk  \n",
    "a volume in use": "/dev/nvme0n1 disk  \n/dev/nvme0n1p1 part ext4 /\n/dev/nvme1n1 disk xfs /data\n",
    "two instance stores": "/dev/nvme2n1 disk  \n/dev/nvme1n1 disk  \n/dev/nvme0n1 disk  \n/dev/nvme0n1p1 part  /\n",
}
SERVICES = {
    "web": ["oa-environment", "oa-web"],
    "control": ["oa-environment", "oa-code", "oa-webserver", "oa-daemon", "oa-capacity", "oa-worker"],
    "worker": ["oa-environment", "oa-worker"],
    "dedicated": ["oa-environment", "oa-worker"],
}


@dataclass
class Host:
    """A root folder and programs that only note their calls."""

    root: Path
    programs: Path

    def run(self, role: str, disks: str = "root alone", **more: str) -> subprocess.CompletedProcess[str]:
        self._put("lsblk", f"#!/bin/bash\nprintf '{DISKS[disks]}'\n")
        host = self.root / "etc" / "oa" / "host"
        host.parent.mkdir(parents=True, exist_ok=True)
        lines = {"DEPLOYMENT": "oa", "ROLE": role, "RELEASE": "1.0", "LOG_GROUP": "/oa/oa", "NAMESPACE": "oa/oa"}
        host.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}", "ROOT": str(self.root), "CALLS": str(self._calls), **more,
        }  # fmt: skip
        script = self.root / "opt/oa/releases/1.0/cloud-init/setup.sh"
        return subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=False)

    @property
    def release(self) -> Path:
        return self.root / "opt/oa/releases/1.0"

    @property
    def _calls(self) -> Path:
        return self.programs.parent / "calls"

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def called(self, program: str) -> list[str]:
        return [call.partition(" ")[2] for call in self.calls if call.split()[0] == program]

    def forget(self) -> None:
        self._calls.unlink()

    def _put(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def prepare(self) -> None:
        for name in NOTED:
            self._put(name, NOTE + ('[ "$1" = -l ] && touch "$3"\nexit 0\n' if name == "fallocate" else ""))
        self._put("python3", PYTHON)
        self._put("pip", '#!/bin/bash\necho "pip $*" >> "$CALLS"\n[ -z "${NO_PIP:-}" ]\n')
        for name in ("mountpoint", "id"):
            self._put(name, "#!/bin/bash\nexit 1\n")
        wheel = "oa_pipeline-1.0-py3-none-any.whl"
        self._put("wheels", f'#!/bin/bash\n[ "$1 $2 $3" = "-m pip wheel" ] && touch "$6/{wheel}"\n')
        environment = {**os.environ, "PYTHON": str(self.programs / "wheels")}
        command = ["bash", TOP / "deploy/release.sh", self.release]
        made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert made.stdout.endswith(": 1 wheels\n")
        (self.root / "etc").mkdir(exist_ok=True)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "programs").mkdir()
    made = Host(tmp_path / "root", tmp_path / "programs")
    made.prepare()
    return made


def ran(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("role", SERVICES)
def test_each_kind_of_host_runs_its_own_services_and_no_others(host: Host, role: str) -> None:
    ran(host.run(role))
    assert [call.removeprefix("enable ") for call in host.called("systemctl") if "enable" in call] == SERVICES[role]
    installed = {path.stem for path in (host.root / "etc/systemd/system").glob("*.service")}
    assert installed == set(SERVICES[role])


@pytest.mark.parametrize(("role", "options"), [("worker", "--ec2"), ("dedicated", "--ec2"), ("control", "")])
def test_only_workers_of_the_pool_and_of_one_run_end_their_instance(host: Host, role: str, options: str) -> None:
    ran(host.run(role))
    assert (host.root / "etc/oa/worker").read_text() == f"WORKER_OPTIONS={options}\n"


@pytest.mark.parametrize(
    ("disks", "formatted"),
    [("root alone", []), ("a second volume", ["/dev/nvme1n1"]), ("a volume in use", []),
     ("two instance stores", ["/dev/nvme1n1"])],
)  # fmt: skip
def test_only_an_empty_disk_is_formatted(host: Host, disks: str, formatted: list[str]) -> None:
    ran(host.run("worker", disks))
    assert [call.split()[-1] for call in host.called("mkfs.xfs")] == formatted
    assert [call.split()[-2:] for call in host.called("mount")] == [
        [disk, str(host.root / "var/lib/oa/work")] for disk in formatted
    ]
    fstab = (host.root / "etc/fstab").read_text()
    assert ("/var/lib/oa/work xfs" in fstab) is bool(formatted)
    assert "/swapfile none swap" in fstab


def test_a_second_run_formats_and_installs_nothing(host: Host) -> None:
    ran(host.run("worker", "a second volume"))
    host.forget()
    host._put("mountpoint", "#!/bin/bash\nexit 0\n")
    ran(host.run("worker", "a second volume"))
    for program in ("mkfs.xfs", "mount", "mkswap", "pip", "fallocate"):
        assert host.called(program) == [], program
    assert (host.root / "etc/fstab").read_text().count("swapfile") == 1


def test_an_installation_that_broke_is_begun_again_and_the_former_release_stays(host: Host) -> None:
    assert host.run("worker", NO_PIP="1").returncode != 0
    assert not (host.root / "opt/oa/current").exists()
    assert not [call for call in host.called("systemctl") if "oa-worker" in call]
    ran(host.run("worker"))
    assert (host.root / "opt/oa/current").readlink() == Path("venv-1.0")


def test_nothing_is_installed_but_what_the_release_brings(host: Host) -> None:
    ran(host.run("web"))
    (call,) = host.called("pip")
    assert "--no-index" in call
    assert call.endswith("releases/1.0/wheels oa_pipeline")


def test_logs_go_to_cloudwatch_where_the_release_has_the_agent(host: Host) -> None:
    package = host.release / "amazon-cloudwatch-agent.deb"
    package.touch()
    control = host.root / "opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
    control.parent.mkdir(parents=True)
    control.write_text(NOTE)
    control.chmod(0o755)
    ran(host.run("worker"))
    written = (control.parents[1] / "etc/oa.json").read_text()
    assert '"/oa/oa"' in written
    assert '"oa/oa/hosts"' in written
    assert "@" not in written
    assert host.called("dpkg") == [f"-i {package}"]
    assert len(host.called("amazon-cloudwatch-agent-ctl")) == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(("tag", "minutes"), [("20", 1200), ("", 720), ("; reboot", 720), ("0", 720)])
def test_a_host_for_one_run_shuts_down_after_it_and_after_its_hours(host: Host, tag: str, minutes: int) -> None:
    def metadata(request: Request) -> Response:
        if request.path == "/latest/api/token":
            return Response(200 if request.method == "PUT" else 405, b"t0ken")
        if request.headers.get("x-aws-ec2-metadata-token") != "t0ken" or not tag:
            return Response(404)
        return Response(200, tag.encode()) if request.path.endswith("/tags/instance/oa:hours") else Response(404)

    with serve(metadata) as server:
        ran(host.run("dedicated", METADATA=server.url))
    assert host.calls[0] == f"shutdown -h +{minutes}"  # before anything that could go wrong
    told = (host.root / "etc/systemd/system/oa-worker.service.d/dedicated.conf").read_text().split()
    assert {"SuccessAction=poweroff", "FailureAction=poweroff", "Restart=no"} <= set(told)


def test_other_hosts_stay(host: Host) -> None:
    ran(host.run("worker"))
    assert host.called("shutdown") == []
    assert not (host.root / "etc/systemd/system/oa-worker.service.d").exists()


def test_a_kind_of_host_that_there_is_not_is_refused_before_anything_is_done(host: Host) -> None:
    done = host.run("worksr")
    assert done.returncode == 2
    assert "'worksr'" in done.stderr
    assert host.calls == []


def test_a_release_that_did_not_arrive_whole_changes_nothing(host: Host) -> None:
    (host.release / "wheels/oa_pipeline-1.0-py3-none-any.whl").write_text("half")
    done = host.run("worker")
    assert done.returncode != 0
    assert "oa_pipeline-1.0" in done.stdout + done.stderr
    assert host.calls == []


SCRIPTS = [*sorted(CLOUD_INIT.glob("*.sh")), CLOUD_INIT / "oa", TOP / "deploy/release.sh"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False, env=with_ours())
    assert done.returncode == 0, done.stdout


def with_ours() -> Mapping[str, str]:
    import sysconfig

    return {**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    ours = [f"opt/oa/current/bin/{name}" for name in ("oa", "dagster", "dagster-webserver", "dagster-daemon")]
    for name in (*ours, "usr/bin/timeout", "usr/bin/rm", "bin/sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(0o755)
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(CLOUD_INIT / "units", units)
    for name in ("network-online.target", "multi-user.target", "sysinit.target", "basic.target", "shutdown.target"):
        (units / name).write_text("[Unit]\nDescription=x\n")
    names = sorted(path.name for path in (CLOUD_INIT / "units").iterdir())
    done = _verify(tmp_path, [f"/etc/systemd/system/{name}" for name in names])
    assert _complaints(done) == []
    (units / "oa-web.service").write_text((units / "oa-web.service").read_text().replace("ProtectHome=", "ProtectHme="))
    assert "ProtectHme" in _verify(tmp_path, ["/etc/systemd/system/oa-web.service"]).stderr


def _verify(root: Path, units: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "verify", f"--root={root}", "--man=no", *units]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "oa-" in line]


def test_every_unit_reads_the_settings_and_leaves_what_it_cannot_need(tmp_path: Path) -> None:
    for unit in (CLOUD_INIT / "units").iterdir():
        text = unit.read_text()
        if unit.name == "oa-environment.service":
            continue
        assert "EnvironmentFile=/run/oa-environment/environment\n" in text, unit.name
        assert "User=oa\n" in text, unit.name
        assert "NoNewPrivileges=yes\n" in text, unit.name
        assert "ProtectSystem=strict\n" in text, unit.name
