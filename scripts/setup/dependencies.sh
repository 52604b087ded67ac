#!/usr/bin/env bash
# npm ci when node_modules is not what package-lock.json says; a build when the sources changed since the last one.
set -euo pipefail
# shellcheck source=scripts/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$root_dir"
log_dir=$sandbox_dir/setup
stamp=dist/.built-from

main() {
  local sources
  if ! node scripts/setup/installed.mjs; then install; fi
  check_addons
  sources=$(fingerprint)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ]; then return; fi
  say 'building dist'
  run_logged "$log_dir/build.log" npm run -s build ||
    die "the build failed: $(grep -m 1 'error' "$log_dir/build.log" || echo 'see the log') (log: $log_dir/build.log)"
  printf '%s\n' "$sources" >"$stamp"
}

install() {
  use_local_headers
  say 'installing the npm packages of package-lock.json'
  run_logged "$log_dir/npm.log" npm ci ||
    die "npm ci failed: $(grep -m 1 'npm error' "$log_dir/npm.log" || echo 'see the log') (log: $log_dir/npm.log)"
}

# The zookeeper package is compiled here (it has no binary for Linux), which needs Node's headers: those beside Node, when they
# are there, spare a download.
use_local_headers() {
  local prefix
  prefix=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
  if [ -r "$prefix/include/node/node_version.h" ]; then export npm_config_nodedir=$prefix; fi
}

# Once for each Node and each set of packages: an addon is built for one Node.
check_addons() {
  local checked=node_modules/.addons-checked version
  version=$(node --version)
  if [ "$checked" -nt node_modules/.package-lock.json ] && [ "$(cat "$checked")" = "$version" ]; then return; fi
  if ! addons_load; then rebuild_addons; fi
  printf '%s\n' "$version" >"$checked"
}

# zookeeper has a native addon and esbuild (under tsx) a program; both come from install scripts, which npm may have skipped.
addons_load() {
  node -e 'import("zookeeper").then(() => import("esbuild")).then((esbuild) => esbuild.transform("let a: 1", { loader: "ts" }))
    .then(() => process.exit(0), () => process.exit(1))' >/dev/null 2>&1
}

rebuild_addons() {
  say 'rebuilding the native addons'
  use_local_headers
  run_logged "$log_dir/rebuild.log" npm rebuild --foreground-scripts zookeeper esbuild || true
  addons_load ||
    die "zookeeper's native addon or esbuild does not load: is a C++ compiler here, and python3? (log: $log_dir/rebuild.log)"
}

fingerprint() {
  find src tsconfig.json tsconfig.build.json package-lock.json scripts/build.sh -type f -print0 | sort -z |
    xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

main
