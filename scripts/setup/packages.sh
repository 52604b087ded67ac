#!/usr/bin/env bash
# HAProxy, ZooKeeper, Java and what isolated sandboxes need from the distribution, with no service started; records ZooKeeper's class path for the sandbox.
set -euo pipefail
# shellcheck source=scripts/setup/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

classpath_file=$sandbox_dir/zookeeper/classpath

main() {
  local missing=()
  have haproxy || missing+=(haproxy)
  zookeeper_jar >/dev/null || missing+=(zookeeper)
  have java || missing+=(default-jre-headless)
  have ip || missing+=(iproute2)
  have nft || missing+=(nftables)
  have setsid || missing+=(util-linux)
  # Clocks that step, in the fault tests.
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
  # The zookeeper package of npm is compiled here.
  have c++ || missing+=(g++)
  have make || missing+=(make)
  have python3 || missing+=(python3)
  if [ ${#missing[@]} -gt 0 ]; then
    apt_install "${missing[@]}"
    leave_haproxy_disabled "${missing[@]}"
  fi
  have haproxy || die 'haproxy is missing: apt-get install haproxy'
  have java || die 'java is missing: apt-get install default-jre-headless'
  zookeeper_jar >/dev/null || die 'ZooKeeper is missing: apt-get install zookeeper'
  if [ ! -s "$classpath_file" ]; then record_classpath; fi
}

zookeeper_jar() {
  local jar
  for jar in /usr/share/java/zookeeper.jar /usr/share/zookeeper/lib/zookeeper-[0-9]*.jar; do
    if [ -r "$jar" ]; then
      printf '%s\n' "$jar"
      return 0
    fi
  done
  return 1
}

# Installed for the sandbox's own processes only, so it must not come up as a service at the next boot either.
leave_haproxy_disabled() {
  case " $* " in *' haproxy '*) ;; *) return ;; esac
  if have systemctl && [ -d /run/systemd/system ]; then
    as_root 'disabling the haproxy service' systemctl disable -q haproxy.service 2>/dev/null || true
  fi
}

# Debian's zkEnv.sh takes its class path from /etc/zookeeper/conf/environment; what that says is used.
record_classpath() {
  local environment=/etc/zookeeper/conf/environment classpath
  classpath=$(zookeeper_jar)
  if [ -r "$environment" ]; then
    classpath=$(
      set +u
      # shellcheck disable=SC1090
      . "$environment" >/dev/null 2>&1
      printf '%s' "${CLASSPATH:-$classpath}"
    )
  fi
  # Without a binding SLF4J drops every message; this one, a part of the same Debian package as its API, writes to standard error.
  if [ -r /usr/share/java/slf4j-simple.jar ]; then classpath+=:/usr/share/java/slf4j-simple.jar; fi
  mkdir -p "$(dirname "$classpath_file")"
  printf '%s\n' "$classpath" >"$classpath_file"
  say "ZooKeeper's class path is in .sandbox/zookeeper/classpath"
}

main
