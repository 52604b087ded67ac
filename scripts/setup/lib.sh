# shellcheck shell=bash
# Shared by the set-up scripts: messages, root, apt. Sourced, never run.

root_dir=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
sandbox_dir=$root_dir/.sandbox
export PATH="$sandbox_dir/node/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf 'setup: %s\n' "$*"; }

# One line that says what is missing and how to get it; nothing follows it.
die() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least HAVE WANT, for dotted numbers.
version_at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# as_root WHAT COMMAND...: WHAT names the purpose in the message of a user who may not become root.
as_root() {
  local what=$1
  shift
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
  else
    die "$what needs root: run 'make setup' as root, or install sudo, or install it by hand"
  fi
}

# run_logged LOG COMMAND...: quiet unless it fails; then the caller names the log in its one line.
run_logged() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 </dev/null
}

policy_file=/usr/sbin/policy-rc.d

# Debian packages start their services when they are installed, unless this file says 101 (invoke-rc.d(8)).
forbid_services() {
  if [ -e "$policy_file" ] && ! grep -q 'dcmha setup' "$policy_file"; then
    as_root 'installing packages' mv "$policy_file" "$policy_file.dcmha-saved"
  fi
  printf '#!/bin/sh\n# dcmha setup: no service may start while packages are installed\nexit 101\n' |
    as_root 'installing packages' tee "$policy_file" >/dev/null
  as_root 'installing packages' chmod 755 "$policy_file"
  trap allow_services EXIT
  trap 'exit 130' INT TERM HUP
}

allow_services() {
  if [ -e "$policy_file.dcmha-saved" ]; then
    as_root 'installing packages' mv "$policy_file.dcmha-saved" "$policy_file"
  elif [ -e "$policy_file" ] && grep -q 'dcmha setup' "$policy_file"; then
    as_root 'installing packages' rm -f "$policy_file"
  fi
}

# apt_install PACKAGE...: without recommended packages, without starting any service.
apt_install() {
  local log=$sandbox_dir/setup/apt.log
  have apt-get || die "$* missing, and there is no apt-get here: install them with this system's package manager"
  say "installing $* with apt"
  as_root "installing $*" true || die "installing $* needs root: run 'make setup' as root, or once with a sudo that asks no password"
  forbid_services
  run_logged "$log" as_root "installing $*" apt-get update -q ||
    say "apt-get update failed (see $log); going on with the package lists that are there"
  run_logged "$log" as_root "installing $*" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" ||
    die "apt-get install $* failed: $(grep -m 1 '^E:' "$log" || echo 'see the log') (log: $log)"
  allow_services
}

# apt_candidate PACKAGE: the version that the distribution would install, or nothing.
apt_candidate() {
  have apt-cache || return 0
  apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p' | grep -v '(none)' || true
}
