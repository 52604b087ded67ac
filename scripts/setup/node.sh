#!/usr/bin/env bash
# Node >= the version in package.json, with npm: the one on PATH, else the distribution's, else a private one in .sandbox/node.
set -euo pipefail
# shellcheck source=scripts/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

minimum=$(sed -n 's/.*"node": *">=\([0-9.]*\)".*/\1/p' "$root_dir/package.json")

main() {
  if is_usable; then return; fi
  apt_install nodejs npm ca-certificates
  if is_usable; then return; fi
  install_private
  is_usable || die "Node $minimum or newer with npm is missing: install it from nodejs.org and put it on PATH"
}

is_usable() {
  local version
  hash -r
  have npm || return 1
  version=$(node --version 2>/dev/null) || return 1
  version_at_least "${version#v}" "$minimum"
}

# Debian 12 and Ubuntu 24.04 have Node 18. Its npm can fetch a newer one, headers included, from the registry that it is set up for.
install_private() {
  local dir=$sandbox_dir/node log=$sandbox_dir/setup/node.log arch
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "Node $minimum or newer is missing, and there is no ready one for $(uname -m): build it and put it on PATH" ;;
  esac
  say "the distribution's Node is older than $minimum: fetching Node 20 into .sandbox/node (the system is not changed)"
  rm -rf "$dir"
  mkdir -p "$dir/bin"
  run_logged "$log" npm install --prefix "$dir" --no-save --no-audit --no-fund "node-linux-$arch@20" npm@11 ||
    die "Node 20 cannot be fetched with npm: check the network, or install Node $minimum or newer by hand (log: $log)"
  ln -s "../node_modules/node-linux-$arch/bin/node" "$dir/bin/node"
  ln -s ../node_modules/npm/bin/npm-cli.js "$dir/bin/npm"
  ln -s ../node_modules/npm/bin/npx-cli.js "$dir/bin/npx"
}

main
