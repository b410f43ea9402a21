#!/usr/bin/env bash
# Runs one real Apache Cassandra node from the jars that pom.xml fetches.
#   node.sh fetch | up | start | stop | kill9 | wait | status | pid | seeds | nodetool ARGS... | run | healthy
# `run` is for a container: the node is the process itself, on the container's address, and logs to stdout.
# Everything is set by environment variables:
#   CASS_VERSION  of the server                          (5.0.9)
#   CASS_JARS   folder for the fetched jars              (<repository>/.store/cassandra/jars-VERSION)
#   CASS_ADDR   address it listens on                    (127.0.0.1; in a container its own)
#   CASS_ANNOUNCE  address it tells nodes and clients    (CASS_ADDR)
#   CASS_DATA   data folder                              (<repository>/.store/cassandra/CASS_ADDR)
#   CASS_HEAP   heap in MiB                              (512)
#   CASS_SEEDS  seeds, comma separated; may be the same for all nodes, `seeds` says what is made of them (127.0.0.1)
#   CASS_TOKEN  initial token (num_tokens 1), or empty   (0)
#   CASS_COMMITLOG_SYNC  batch, group or periodic; only with periodic may what was answered not be on disk yet  (batch)
#   CASS_JMX    JMX port                                 (7199)
#   CASS_METRICS  port for Prometheus, or empty for none ('')
set -euo pipefail
if [[ ${1:-} =~ ^(run|healthy)$ ]]; then : "${CASS_ADDR:=$(hostname -i | cut -d' ' -f1)}" "${CASS_LOGBACK:=logback-stdout.xml}"; fi
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
store="$here/../../.store/cassandra"
: "${CASS_VERSION:=5.0.9}" "${CASS_JARS:=$store/jars-$CASS_VERSION}" "${CASS_ADDR:=127.0.0.1}" "${CASS_HEAP:=512}" "${CASS_SEEDS:=127.0.0.1}"
: "${CASS_ANNOUNCE:=$CASS_ADDR}"
: "${CASS_DATA:=$store/$CASS_ADDR}" "${CASS_JMX:=7199}" "${CASS_METRICS:=}"
: "${CASS_CLUSTER:=dev}" "${CASS_CQL_PORT:=9042}" "${CASS_STORAGE_PORT:=7000}"
: "${CASS_NUM_TOKENS:=1}" "${CASS_TOKEN=0}" "${CASS_PAXOS:=v2}" "${CASS_AUTO_BOOTSTRAP:=false}"
: "${CASS_COMMITLOG_SYNC:=batch}" "${CASS_COMMITLOG_ACCESS:=legacy}" "${CASS_LOGLEVEL:=INFO}"
: "${CASS_LOGBACK:=logback.xml}" "${CASS_AUTH:=none}" "${CASS_BOOT_TIMEOUT:=120}" "${CASS_EXTRA:=}" "${CASS_FAST:=1}" "${CASS_SKIP_SYNC:=0}"
JAVA="${JAVA_HOME:+$JAVA_HOME/bin/}java"
pidfile="$CASS_DATA/pid"

# ours, and not a stranger that got the same pid, nor a zombie
alive() {
  local p c; [ -s "$pidfile" ] || return 1
  p="$(cat "$pidfile")"; [ -r "/proc/$p/cmdline" ] || return 1
  { c="$(tr '\0' ' ' <"/proc/$p/cmdline")" || return 1; } 2>/dev/null
  [[ "$c" == *"-Dcassandra.storagedir=$CASS_DATA "* ]]
}
# a `stop` by another process is at work: its node is not ours to join
stopping() { [ -s "$CASS_DATA/stopping" ] && kill -0 "$(cat "$CASS_DATA/stopping")" 2>/dev/null; }
# Nodes that share one environment share one list of seeds. A node drops itself: its own seed joins without its data.
# Only the first of the list stays its own when no other one answers, since one node has to found the cluster.
is_me() { # HOST
  [[ "$1" == "$CASS_ADDR" || "$1" == "$CASS_ANNOUNCE" || "$(hostname -f 2>/dev/null || hostname)." == "$1."* ]] && return 0
  local address; address=$(getent ahostsv4 "$1" | head -n 1 | cut -d' ' -f1) || true
  [[ -n "$address" && ( "$address" == "$CASS_ADDR" || "$address" == "$CASS_ANNOUNCE" ) ]]
}
any_answers() { # SEED...
  local seed port
  for seed; do
    port=$CASS_STORAGE_PORT; [[ "$seed" != *:* ]] || port=${seed##*:}
    timeout 1 bash -c "exec 3<>'/dev/tcp/${seed%%:*}/$port'" 2>/dev/null && return 0
  done
  return 1
}
seeds() {
  local all seed others=() mine='' first=''
  IFS=', ' read -ra all <<<"$CASS_SEEDS"
  for seed in "${all[@]}"; do
    if ! is_me "${seed%%:*}"; then others+=("$seed"); continue; fi
    mine=$seed; [ ${#others[@]} -gt 0 ] || first=1
  done
  if [ ${#others[@]} -eq 0 ] || { [ -n "$first" ] && ! any_answers "${others[@]}"; }; then others=("$mine" "${others[@]}"); fi
  local IFS=,; echo "${others[*]}"
}
port_open() { (exec 3<>"/dev/tcp/$CASS_ADDR/$CASS_CQL_PORT") 2>/dev/null; }

jvm_modules=(
  --add-exports java.base/jdk.internal.misc=ALL-UNNAMED
  --add-exports java.base/jdk.internal.ref=ALL-UNNAMED
  --add-exports java.management.rmi/com.sun.jmx.remote.internal.rmi=ALL-UNNAMED
  --add-exports java.rmi/sun.rmi.registry=ALL-UNNAMED
  --add-exports java.rmi/sun.rmi.server=ALL-UNNAMED
  --add-exports java.rmi/sun.rmi.transport.tcp=ALL-UNNAMED
  --add-exports java.sql/java.sql=ALL-UNNAMED
  --add-exports java.base/java.lang.ref=ALL-UNNAMED
  --add-exports jdk.unsupported/sun.misc=ALL-UNNAMED
  --add-opens java.base/java.lang=ALL-UNNAMED
  --add-opens java.base/java.lang.module=ALL-UNNAMED
  --add-opens java.base/java.lang.reflect=ALL-UNNAMED
  --add-opens java.base/java.io=ALL-UNNAMED
  --add-opens java.base/java.math=ALL-UNNAMED
  --add-opens java.base/java.net=ALL-UNNAMED
  --add-opens java.base/java.nio=ALL-UNNAMED
  --add-opens java.base/java.util=ALL-UNNAMED
  --add-opens java.base/java.util.concurrent=ALL-UNNAMED
  --add-opens java.base/java.util.concurrent.atomic=ALL-UNNAMED
  --add-opens java.base/jdk.internal.loader=ALL-UNNAMED
  --add-opens java.base/jdk.internal.math=ALL-UNNAMED
  --add-opens java.base/jdk.internal.module=ALL-UNNAMED
  --add-opens java.base/jdk.internal.ref=ALL-UNNAMED
  --add-opens java.base/jdk.internal.reflect=ALL-UNNAMED
  --add-opens java.base/jdk.internal.util.jar=ALL-UNNAMED
  --add-opens java.base/sun.nio.ch=ALL-UNNAMED
  --add-opens java.rmi/sun.rmi.transport.tcp=ALL-UNNAMED
  --add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED
  --add-opens jdk.naming.rmi/com.sun.jndi.rmi.registry=ALL-UNNAMED
)

classpath() { local jars=("$CASS_JARS"/*.jar); local IFS=:; echo "${jars[*]}"; }

render() {
  mkdir -p "$CASS_DATA"/{conf,logs,data,commitlog,saved_caches,hints,tmp}
  local tok='' sync auth=AllowAllAuthenticator authz=AllowAllAuthorizer
  [ -n "$CASS_TOKEN" ] && [ "$CASS_NUM_TOKENS" = 1 ] && tok="initial_token: $CASS_TOKEN"
  case "$CASS_COMMITLOG_SYNC" in
    periodic) sync='commitlog_sync_period: 10000ms' ;;
    group)    sync='commitlog_sync_group_window: 1ms' ;;
    batch)    sync='# batch has no window' ;;
  esac
  [ "$CASS_AUTH" = password ] && { auth=PasswordAuthenticator; authz=CassandraAuthorizer; }
  sed -e "s|@CLUSTER@|$CASS_CLUSTER|" -e "s|@NUM_TOKENS@|$CASS_NUM_TOKENS|" \
      -e "s|@INITIAL_TOKEN_LINE@|$tok|" -e "s|@ADDR@|$CASS_ADDR|" -e "s|@ANNOUNCE@|$CASS_ANNOUNCE|" -e "s|@SEEDS@|$(seeds)|" \
      -e "s|@STORAGE_PORT@|$CASS_STORAGE_PORT|" -e "s|@CQL_PORT@|$CASS_CQL_PORT|" \
      -e "s|@DATA@|$CASS_DATA|" -e "s|@AUTHENTICATOR@|$auth|" -e "s|@AUTHORIZER@|$authz|" \
      -e "s|@COMMITLOG_SYNC@|$CASS_COMMITLOG_SYNC|" -e "s|@COMMITLOG_SYNC_LINE@|$sync|" \
      -e "s|@COMMITLOG_ACCESS@|$CASS_COMMITLOG_ACCESS|" -e "s|@PAXOS_VARIANT@|$CASS_PAXOS|" \
      -e "s|@AUTO_BOOTSTRAP@|$CASS_AUTO_BOOTSTRAP|" \
      "$here/cassandra.yaml.in" > "$CASS_DATA/conf/cassandra.yaml"
  # 4.1 does not know this setting and refuses to start with it
  case "$CASS_VERSION" in 4.*) sed -i /^commitlog_disk_access_mode/d "$CASS_DATA/conf/cassandra.yaml" ;; esac
}

# Into a folder of its own first: a fetch that is interrupted leaves nothing that looks complete.
fetch() {
  [ -d "$CASS_JARS" ] && return 0
  local new="$CASS_JARS.new"; rm -rf "$new"; mkdir -p "$new"
  mvn -B -q -f "$here/pom.xml" -Dcassandra.version="$CASS_VERSION" -DoutputDirectory="$(realpath "$new")" dependency:copy-dependencies
  mvn -B -q -f "$here/pom-agent.xml" -DoutputDirectory="$(realpath "$new")/agent" dependency:copy-dependencies
  mv "$new" "$CASS_JARS"
}

# Renders the configuration and leaves the command in `node`.
prepare() {
  render
  local opts=(
    -ea -Xms128M -Xmx${CASS_HEAP}M -Xss256k -XX:+UseSerialGC -XX:MaxDirectMemorySize=256M
    -XX:+ExitOnOutOfMemoryError -XX:-HeapDumpOnOutOfMemoryError -XX:+PerfDisableSharedMem
    -Xshare:auto
    -Djava.net.preferIPv4Stack=true -Djdk.attach.allowAttachSelf=true -Djna.nosys=true
    -Dio.netty.tryReflectionSetAccessible=true -Dio.netty.eventLoop.maxPendingTasks=65536
    -Djava.io.tmpdir="$CASS_DATA/tmp"
    -Dcassandra.config="file://$CASS_DATA/conf/cassandra.yaml"
    -Dlogback.configurationFile="$here/$CASS_LOGBACK" -Dcassandra.logdir="$CASS_DATA/logs"
    -Dcassandra.loglevel="$CASS_LOGLEVEL" -Dcassandra.storagedir="$CASS_DATA"
    -Dcassandra.jmx.local.port="$CASS_JMX"
    -javaagent:"$(echo "$CASS_JARS"/jamm-*.jar)"
  )
  if [ "$CASS_FAST" = 1 ]; then opts+=(
    -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100
    -Dcassandra.superuser_setup_delay_ms=0
    -Dcassandra.size_recorder_interval=0 )
  fi
  # no fsync at all: only for tests that never pull the plug (a killed process still loses nothing)
  [ "$CASS_SKIP_SYNC" = 1 ] && opts+=( -Dcassandra.skip_sync=true )
  [ -n "$CASS_METRICS" ] && opts+=( -javaagent:"$(echo "$CASS_JARS"/agent/jmx_prometheus_javaagent-*.jar)=$CASS_ADDR:$CASS_METRICS:$here/jmx_exporter.yml" )
  # shellcheck disable=SC2206
  node=("$JAVA" "${opts[@]}" "${jvm_modules[@]}" $CASS_EXTRA -cp "$(classpath)" org.apache.cassandra.service.CassandraDaemon)
  export MALLOC_ARENA_MAX=2
}

start() {
  while stopping; do sleep 0.1; done
  if alive; then echo "already running, pid $(cat "$pidfile")"; return 0; fi
  prepare
  setsid "${node[@]}" >"$CASS_DATA/logs/out.log" 2>&1 </dev/null &
  echo $! >"$pidfile"
  for _ in $(seq 100); do alive && return 0; sleep 0.02; done   # until it is java, not yet-to-exec bash
}

wait_up() {
  local end=$((SECONDS + CASS_BOOT_TIMEOUT))
  until port_open; do
    alive || { echo "node $CASS_ADDR died; see $CASS_DATA/logs" >&2; tail -n 20 "$CASS_DATA/logs/out.log" >&2; return 1; }
    [ $SECONDS -lt $end ] || { echo "node $CASS_ADDR not up in ${CASS_BOOT_TIMEOUT}s" >&2; return 1; }
    sleep 0.1
  done
}

stop() { # SIG
  alive || { rm -f "$pidfile"; return 0; }
  local p; p="$(cat "$pidfile")"; echo $$ >"$CASS_DATA/stopping"; kill "-$1" "$p"
  for _ in $(seq 300); do alive || break; sleep 0.1; done
  if alive; then kill -KILL "$p" || true; while alive; do sleep 0.1; done; fi
  for _ in $(seq 100); do port_open || break; sleep 0.05; done   # or `up` takes the dead one's socket for the next one
  rm -f "$pidfile" "$CASS_DATA/stopping"
}

case "${1:-}" in
  fetch)  fetch ;;
  start)  start ;;
  wait)   wait_up ;;
  up)     start; wait_up ;;
  stop)   stop TERM ;;
  kill9)  stop KILL ;;
  pid)    cat "$pidfile" ;;
  seeds)  seeds ;;
  # In the foreground, or it closes its output once it has started, and what it says later is lost.
  run)    CASS_EXTRA="-Dcassandra-foreground=yes $CASS_EXTRA"; prepare; exec "${node[@]}" ;;
  healthy) port_open ;;
  status) alive && port_open && echo up || { echo down; exit 1; } ;;
  nodetool) shift; mkdir -p "$CASS_DATA/tmp"
    exec "$JAVA" -Xmx128M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "${jvm_modules[@]}" \
      -Dlogback.configurationFile="$here/logback-tools.xml" -Dcassandra.storagedir="$CASS_DATA" \
      -Dcassandra.config="file://$CASS_DATA/conf/cassandra.yaml" \
      -cp "$(classpath)" org.apache.cassandra.tools.NodeTool -h 127.0.0.1 -p "$CASS_JMX" "$@" ;;
  *) sed -n '2,16p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
