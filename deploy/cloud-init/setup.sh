#!/usr/bin/env bash
# Makes a host of a fresh Ubuntu instance. /etc/oa/host says of which kind (ROLE: web, control, worker, dedicated), from
# which release, and where settings and secrets are. Safe to run again: what is there already stays.
#
# ROOT is put before every path, so that a test can run it in a folder.
set -euo pipefail

ROOT=${ROOT:-}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
set -a
# shellcheck source=/dev/null
. "$ROOT/etc/oa/host"
set +a
: "${ROLE:?}" "${RELEASE:?}" "${DEPLOYMENT:?}" "${LOG_GROUP:?}" "${NAMESPACE:?}" "${SWAP_MIB:=2048}"

STATE=$ROOT/var/lib/oa
RELEASES_HERE=$ROOT/opt/oa/releases

case $ROLE in
  web) UNITS="oa-web" ;;
  control) UNITS="oa-code oa-webserver oa-daemon oa-capacity oa-worker" ;;
  worker) UNITS="oa-worker" ;;
  dedicated) UNITS="oa-worker" ;;
  *) echo "there is no kind of host ${ROLE@Q}: web, control, worker, dedicated" >&2; exit 2 ;;
esac

step() { printf '== %s\n' "$*"; }

# A download that broke off is found out before anything is changed.
whole() {
  (cd "$RELEASES_HERE/$RELEASE" && sha256sum --check --quiet SHA256SUMS)
}

packages() {
  DEBIAN_FRONTEND=noninteractive apt-get -qy install curl python3-venv python3-boto3 xfsprogs logrotate
}

# Small instances run out of memory for a moment now and then; better slow than killed.
swap() {
  local file=$ROOT/swapfile
  [ -e "$file" ] && return
  fallocate -l "${SWAP_MIB}M" "$file"
  chmod 600 "$file"
  mkswap "$file"
  swapon "$file"
  echo "/swapfile none swap sw 0 0" >> "$ROOT/etc/fstab"
}

# The second volume, or an instance store: the first disk without partitions, file system and mount.
spare_disk() {
  lsblk --noheadings --raw --paths --output NAME,TYPE,FSTYPE,MOUNTPOINT |
    awk '$2 == "disk" && NF == 2 { whole[$1] = 1 }
         $2 != "disk" { for (disk in whole) if (index($1, disk) == 1) delete whole[disk] }
         END { for (disk in whole) print disk }' | sort | head -n 1
}

work_volume() {
  local disk
  mkdir -p "$STATE/work"
  if ! mountpoint -q "$STATE/work"; then
    disk=$(spare_disk)
    if [ -n "$disk" ]; then
      mkfs.xfs -q -L oa-work "$disk"
      mount -o noatime,nodev,nosuid "$disk" "$STATE/work"
      # By its label: names of disks change. An instance store is empty after a stop, and the host starts without it.
      echo "LABEL=oa-work /var/lib/oa/work xfs noatime,nodev,nosuid,nofail 0 2" >> "$ROOT/etc/fstab"
    fi
  fi
}

account() {
  id oa > /dev/null 2>&1 || useradd --system --home-dir /var/lib/oa --shell /usr/sbin/nologin oa
  mkdir -p "$STATE/dagster" "$STATE/printed" "$ROOT/var/log/oa"
  install -m 644 "$HERE/../dagster.yaml" "$HERE/../workspace.yaml" "$STATE/dagster/"
  chown -R oa:oa "$STATE" "$ROOT/var/log/oa"
  chmod 700 "$STATE"
}

# A new release lies beside the former one; the link is changed in one step.
program() {
  local venv=$ROOT/opt/oa/venv-$RELEASE
  if [ ! -e "$venv/.ready" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --no-index --find-links "$RELEASES_HERE/$RELEASE/wheels" oa_pipeline
    touch "$venv/.ready"
  fi
  ln -sfn "venv-$RELEASE" "$ROOT/opt/oa/next"
  mv -T "$ROOT/opt/oa/next" "$ROOT/opt/oa/current"
  mkdir -p "$ROOT/usr/local/bin" "$ROOT/usr/local/lib/oa"
  install -m 755 "$HERE/oa" "$ROOT/usr/local/bin/oa"
  install -m 755 "$HERE/fetch.py" "$ROOT/usr/local/lib/oa/fetch.py"
}

services() {
  local units=$ROOT/etc/systemd/system options=""
  case $ROLE in worker | dedicated) options=--ec2 ;; esac
  echo "WORKER_OPTIONS=$options" > "$ROOT/etc/oa/worker"
  mkdir -p "$units"
  install -m 644 "$HERE/units/oa-environment.service" "$units/"
  for unit in $UNITS; do
    install -m 644 "$HERE/units/$unit.service" "$units/"
  done
  if [ "$ROLE" = dedicated ]; then
    # Its one run done, or failed, the machine shuts down, and with that it is gone.
    mkdir -p "$units/oa-worker.service.d"
    printf '%s\n' '[Unit]' SuccessAction=poweroff FailureAction=poweroff '[Service]' Restart=no \
      > "$units/oa-worker.service.d/dedicated.conf"
  fi
  mkdir -p "$ROOT/etc/logrotate.d"
  install -m 644 "$HERE/logrotate" "$ROOT/etc/logrotate.d/oa"
  systemctl daemon-reload
  systemctl enable oa-environment
  systemctl restart oa-environment
  for unit in $UNITS; do
    systemctl enable "$unit"
    systemctl restart "$unit"
  done
}

# An instance for one run is gone after the hours that its tag names, whatever it is doing then.
lifespan() {
  local token hours here=${METADATA:-http://169.254.169.254}/latest
  token=$(curl -sf -m 20 -X PUT "$here/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 60") || token=""
  hours=$(curl -sf -m 20 -H "X-aws-ec2-metadata-token: $token" "$here/meta-data/tags/instance/oa:hours") || hours=""
  [[ $hours =~ ^[1-9][0-9]{0,2}$ ]] || hours=12
  shutdown -h "+$((hours * 60))"
}

# Log lines and the fill of disks go to CloudWatch by Amazon's agent, which the release may bring.
watching() {
  local package=$RELEASES_HERE/$RELEASE/amazon-cloudwatch-agent.deb place=$ROOT/opt/aws/amazon-cloudwatch-agent
  if [ ! -e "$package" ]; then
    echo "the release has no amazon-cloudwatch-agent.deb: logs stay in /var/log/oa" >&2
    return
  fi
  dpkg -i "$package"
  mkdir -p "$place/etc"
  sed -e "s|@LOG_GROUP@|$LOG_GROUP|g" -e "s|@NAMESPACE@|$NAMESPACE|g" "$HERE/cloudwatch.json" > "$place/etc/oa.json"
  "$place/bin/amazon-cloudwatch-agent-ctl" -a fetch-config -m ec2 -s -c "file:$place/etc/oa.json"
}

if [ "$ROLE" = dedicated ]; then
  step lifespan; lifespan
fi
step "is the release whole"; whole
step packages; packages
step swap; swap
step "work volume"; work_volume
step account; account
step "release $RELEASE"; program
step watching; watching
step "services of a $ROLE host: ${UNITS:-none}"; services
step "this host is set up"
