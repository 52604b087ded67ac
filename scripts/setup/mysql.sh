#!/usr/bin/env bash
# Leaves .sandbox/mysql/bin/{mysqld,mysql,...}: the one place where the sandbox looks for MySQL, wherever MySQL really is.
set -euo pipefail
# shellcheck source=scripts/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

minimum=8.0.22
mysql_dir=$sandbox_dir/mysql
programs=(mysqld mysql mysqlbinlog mysqldump mysqladmin)

main() {
  local source
  source=$(choose_source)
  if is_current "$source"; then return; fi
  rm -rf "${mysql_dir:?}/bin" "$mysql_dir/source" "$mysql_dir/version"
  mkdir -p "$mysql_dir/bin"
  case $source in
    private) [ -x "$mysql_dir/root/usr/sbin/mysqld" ] || fetch_private ;;
    distribution) apt_install mysql-server-core-8.0 mysql-client-core-8.0 && source=path:$(command -v mysqld) ;;
  esac
  write_wrappers "$source"
  record_version "$source"
}

# basedir:DIR, path:FILE, distribution (Ubuntu has MySQL packages of its own) or private (Debian has none).
choose_source() {
  if [ -n "${DCMHA_MYSQL_BASEDIR:-}" ]; then
    find_program "$DCMHA_MYSQL_BASEDIR" mysqld >/dev/null ||
      die "DCMHA_MYSQL_BASEDIR=$DCMHA_MYSQL_BASEDIR has no bin/mysqld: name the folder that MySQL was unpacked into, or unset it"
    printf 'basedir:%s\n' "$(cd -P "$DCMHA_MYSQL_BASEDIR" && pwd)"
  elif have mysqld && [ "$(command -v mysqld)" != "$mysql_dir/bin/mysqld" ] && is_usable "$(command -v mysqld)"; then
    printf 'path:%s\n' "$(command -v mysqld)"
  elif [ "$(cat "$mysql_dir/source" 2>/dev/null)" = private ]; then
    printf 'private\n'
  elif [ -n "$(apt_candidate mysql-server-core-8.0)" ]; then
    printf 'distribution\n'
  else
    printf 'private\n'
  fi
}

is_current() {
  # Older than this script: the wrappers may be of another form, and making them anew costs nothing.
  [ -x "$mysql_dir/bin/mysqld" ] && [ "$mysql_dir/version" -nt "${BASH_SOURCE[0]}" ] &&
    [ "$(cat "$mysql_dir/source" 2>/dev/null)" = "$1" ]
}

find_program() {
  local folder
  for folder in bin sbin libexec usr/bin usr/sbin; do
    if [ -x "$1/$folder/$2" ]; then
      printf '%s\n' "$1/$folder/$2"
      return 0
    fi
  done
  return 1
}

# MariaDB's mysqld has another replication dialect.
is_usable() {
  local line
  line=$("$1" --no-defaults --version 2>/dev/null) || return 1
  case $line in *MariaDB*) return 1 ;; esac
  version_at_least "$(version_of "$line")" "$minimum"
}

version_of() { sed -n 's/.*Ver \([0-9][0-9.]*[0-9]\).*/\1/p' <<<"$1"; }

# The mirror of this machine's own Debian sources, so that a private mirror is respected.
debian_mirror() {
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    awk 'tolower($1) == "uris:" { for (i = 2; i <= NF; i++) if ($i ~ /\/debian\/?$/) { print $i; exit } }' "$file"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -e "$file" ] || continue
    sed -n 's/^deb \(\[[^]]*\] *\)\{0,1\}\([^ ]*\/debian\/\{0,1\}\) .*/\2/p' "$file"
  done
}

# MySQL and its complete library closure from Debian sid, unpacked into one folder. The apt state is a folder of our own with an
# empty dpkg status, so apt resolves every dependency down to libc and neither reads nor changes what is installed here.
fetch_private() {
  local state=$sandbox_dir/setup/apt-sid log=$sandbox_dir/setup/mysql.log unpacked=$mysql_dir/root.new
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror package
  local remedy='install MySQL >= 8.0.22 by hand and put mysqld on PATH or its folder in DCMHA_MYSQL_BASEDIR'
  if ! have apt-get || ! have dpkg-deb; then die "no MySQL server found, and no apt here to fetch one: $remedy"; fi
  [ -r "$keyring" ] || die "no MySQL server found, and $keyring is missing: apt-get install debian-archive-keyring, or $remedy"
  mirror=$(debian_mirror | head -n 1)
  [ -n "$mirror" ] || die "no MySQL server found, and no Debian mirror in /etc/apt to fetch one from: $remedy"

  say 'fetching MySQL from Debian sid into .sandbox/mysql (about 70 MB; the system is not changed)'
  rm -rf "$state" "$unpacked"
  mkdir -p "$state"/{state/lists/partial,cache/archives/partial} "$unpacked"
  : >"$state/status"
  printf 'deb [signed-by=%s] %s sid main\n' "$keyring" "$mirror" >"$state/sources.list"
  local -a apt=(apt-get -q -y
    -o "Dir::State=$state/state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state/cache"
    -o "Dir::Etc::sourcelist=$state/sources.list" -o 'Dir::Etc::sourceparts=/dev/null'
    -o 'Dir::Etc::preferences=/dev/null' -o 'Dir::Etc::preferencesparts=/dev/null'
    -o 'APT::Install-Recommends=false' -o 'APT::Sandbox::User=root' -o 'Acquire::Languages=none'
    -o 'APT::Keep-Downloaded-Packages=true' -o 'Acquire::Retries=3' -o 'Debug::NoLocking=true')
  run_logged "$log" "${apt[@]}" update ||
    die "the Debian mirror $mirror cannot be read: check the network and /etc/apt, or $remedy (log: $log)"
  run_logged "$log" "${apt[@]}" install --download-only mysql-server-core mysql-client-core ||
    die "MySQL cannot be fetched from Debian sid: $(grep -m 1 '^E:' "$log" || echo 'see the log'); $remedy (log: $log)"
  for package in "$state"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$unpacked" 2>>"$log" || die "$package cannot be unpacked: is the disk full? (log: $log)"
  done
  rm -rf "$unpacked"/usr/share/{doc,man,locale,info,lintian} "$mysql_dir/root" "$state"
  mv "$unpacked" "$mysql_dir/root"
}

write_wrappers() {
  local program real basedir=''
  for program in "${programs[@]}"; do
    case $1 in
      private) wrapper_of_private "$program" ;;
      basedir:*)
        basedir=${1#basedir:}
        real=$(find_program "$basedir" "$program") || die "$basedir has no $program: a complete MySQL is needed"
        wrapper_of_system "$program" "$real" "$basedir"
        ;;
      path:*)
        real=$(command -v "$program") || die "$program is not on PATH though mysqld is: install the MySQL client programs, too"
        wrapper_of_system "$program" "$real" ''
        ;;
    esac >"$mysql_dir/bin/$program"
    chmod 755 "$mysql_dir/bin/$program"
  done
}

# The wrapper finds its own root, so that a checkout may be moved.
wrapper_of_private() {
  local folder=bin
  if [ "$1" = mysqld ]; then folder=sbin; fi
  sed "s#@PROGRAM@#$folder/$1#" <<'WRAPPER'
#!/bin/bash
# Made by scripts/setup/mysql.sh. These programs need a newer libc than the system has, hence the loader of their own.
root=$(cd -P "${BASH_SOURCE[0]%/*}/../root" && pwd) || exit 127
loaders=("$root"/usr/lib/*/ld-linux-*.so.*)
run=("${loaders[0]}" --library-path "${loaders[0]%/*}:$root/usr/lib/mysql/private" "$root/usr/@PROGRAM@")
WRAPPER
  if [ "$1" = mysqld ]; then
    write_first_options
    cat <<'WRAPPER'
exec "${run[@]}" "${first[@]}" --basedir="$root/usr" --lc-messages-dir="$root/usr/share/mysql" \
  --plugin-dir="$root/usr/lib/mysql/plugin" --secure-file-priv= "$@"
WRAPPER
  else
    printf '%s\n' "exec \"\${run[@]}\" \"\$@\""
  fi
}

# wrapper_of_system PROGRAM FILE BASEDIR; an empty BASEDIR leaves the paths that were compiled in.
wrapper_of_system() {
  local options='--secure-file-priv='
  if [ -n "$3" ]; then options="--basedir=$(printf '%q' "$3") $options"; fi
  printf '%s\n' '#!/bin/bash' '# Made by scripts/setup/mysql.sh.'
  if [ "$1" = mysqld ]; then
    write_first_options
    # shellcheck disable=SC2016 # The wrapper is to expand them, not we.
    printf 'exec %q "${first[@]}" %s "$@"\n' "$2" "$options"
  else
    printf 'exec %q "$@"\n' "$2"
  fi
}

# mysqld takes options like --no-defaults only in front, so those of the caller go before ours; its others follow and override ours.
write_first_options() {
  cat <<'WRAPPER'
first=()
while [ $# -gt 0 ]; do
  case $1 in
    --no-defaults | --print-defaults | --no-login-paths | --defaults-* | --login-path=*) first+=("$1") && shift ;;
    *) break ;;
  esac
done
WRAPPER
}

record_version() {
  local line version
  line=$("$mysql_dir/bin/mysqld" --no-defaults --version 2>&1) || die "the MySQL server does not run here: ${line%%$'\n'*}"
  case $line in
    *MariaDB*) die "${1#*:} is a MariaDB, not MySQL: name a MySQL >= $minimum in DCMHA_MYSQL_BASEDIR, or unset it" ;;
  esac
  version=$(version_of "$line")
  version_at_least "$version" "$minimum" || die "MySQL $version is too old: $minimum or newer is needed"
  printf '%s\n' "$1" >"$mysql_dir/source"
  printf '%s\n' "$version" >"$mysql_dir/version"
  say "MySQL $version (${1%%:*}) is ready in .sandbox/mysql/bin"
}

main
