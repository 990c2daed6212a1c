#!/usr/bin/env bash
# Puts a release together in DEST: our wheel and those it needs, the hosts' scripts, Dagster's files.
#
#   deploy/release.sh DEST
#   aws s3 cp --recursive DEST s3://RELEASES/releases/VERSION/
#
# AGENT names amazon-cloudwatch-agent.deb, where hosts shall send their logs to CloudWatch. Wheels are made for the
# Python that runs this: use the hosts' (Ubuntu 24.04 has 3.12), e.g. PYTHON=python3.12.
set -euo pipefail
cd "$(dirname "$0")/.."
destination=${1:?where to? deploy/release.sh DEST}

mkdir -p "$destination/wheels"
"${PYTHON:-python3}" -m pip wheel --quiet --wheel-dir "$destination/wheels" .
cp -R deploy/cloud-init deploy/dagster.yaml deploy/workspace.yaml "$destination/"
rm -rf "$destination/cloud-init/__pycache__"
if [ -n "${AGENT:-}" ]; then
  cp "$AGENT" "$destination/amazon-cloudwatch-agent.deb"
fi
sums=$(cd "$destination" && rm -f SHA256SUMS && find . -type f -print0 | sort -z | xargs -0 sha256sum)
echo "$sums" > "$destination/SHA256SUMS"
echo "in $destination:" "$(find "$destination/wheels" -name '*.whl' | wc -l)" wheels
