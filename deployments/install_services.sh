#!/bin/sh
# Install PostgreSQL, Redis and HAProxy for `make scale-test` where that is possible without asking anyone: as root on
# Debian or Ubuntu. Only the programs are wanted: no cluster is made, and no service is started.
set -eu

postgres_is_here() {
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

if postgres_is_here && command -v redis-server >/dev/null && command -v haproxy >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "no PostgreSQL, Redis and HAProxy here: the test of many machines is skipped until they are installed" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive

# Debian starts what it installs unless this file says no.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends postgresql-common redis-server haproxy >/dev/null
if ! postgres_is_here; then
    if [ -e /etc/postgresql-common/createcluster.conf ]; then
        sed -i 's/^#\? *create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    fi
    apt-get install -y -qq --no-install-recommends postgresql >/dev/null
fi
