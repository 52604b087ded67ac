#!/usr/bin/env bash
# Turns a bare Debian or Ubuntu machine into a working checkout. Run again, it does nothing.
set -euo pipefail
# shellcheck source=scripts/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/lib.sh"

mkdir -p "$sandbox_dir/setup"
# Two of them at once would write the same folders; the second waits and then finds everything done.
exec 9>"$sandbox_dir/setup/lock"
if have flock; then flock 9; fi

for step in packages node mysql dependencies; do
  bash "$root_dir/scripts/setup/$step.sh" </dev/null 9>&-
done
if [ -x "$sandbox_dir/node/bin/node" ]; then
  say 'everything is in place; outside make, put .sandbox/node/bin first on PATH'
else
  say 'everything is in place'
fi
