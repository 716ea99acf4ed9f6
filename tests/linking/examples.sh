#!/usr/bin/env bash
# Builds docs/examples as a project of somebody else, and uses what comes out.
#
#   examples.sh cmake|make static|shared
#   examples.sh shell                     the one that needs only the program
source "$(dirname "$0")/support.sh"
examples=$SPOOLQ_SOURCE_DIR/docs/examples
build=$scratch/build
queue=$scratch/queue
spoolq=$SPOOLQ_BUILD_DIR/cli/spoolq

build_with_cmake() {
  need ninja
  quietly "$CMAKE" -S "$examples" -B "$build" -G Ninja -DCMAKE_PREFIX_PATH="$WORK/$1" \
    -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_CXX_FLAGS="${flags[*]}"
  quietly "$CMAKE" --build "$build" --parallel 1
}

build_with_make() {
  need make pkg-config
  local rpath=
  if [[ $1 == shared ]]; then rpath=-Wl,-rpath,$WORK/shared/lib; fi
  quietly make -C "$examples" O="$build" PKG_CONFIG_PATH="$WORK/$1/lib/pkgconfig" \
    CXX="$CXX" CXXFLAGS="${flags[*]}" LDFLAGS="$rpath"
}

# libraries_are static|shared: what the programs in fact load.
libraries_are() {
  local loaded
  loaded=$(readelf -dW "$build/producer" "$build/worker")
  case $1 in
    static) [[ $loaded != *libspoolq* ]] || fail "not static: $loaded" ;;
    shared) [[ $loaded == *libspoolq-producer.so.*libspoolq-consumer.so.* ]] || fail "$loaded" ;;
  esac
}

stats_are() {
  local stats expected
  stats=$("$spoolq" stats "$queue" --json)
  for expected in "$@"; do
    [[ $stats =~ \"${expected%=*}\":${expected#*=}[,}] ]] || return 1
  done
}

use_producer() {
  local id
  echo "one two three" >"$scratch/text"
  id=$("$build/producer" "$queue" "$scratch/text")
  [[ $("$spoolq" cat "$queue" "$id") == "one two three" ]] || fail "another payload"
  [[ $("$spoolq" show "$queue" "$id") == *"$scratch/text"* ]] || fail "no header"
  ! "$build/producer" "$queue" "$scratch/missing" 2>/dev/null || fail "a missing file was put"
  stats_are ready=1 || fail "$("$spoolq" stats "$queue")"
}

# It takes what was there before, what comes while it waits, and what becomes due.
use_event_loop() {
  local code=0
  "$build/event_loop" "$queue" >"$scratch/lines" 2>"$scratch/event_loop.err" &
  running+=($!)
  within_seconds 20 grep -q '^one two three$' "$scratch/lines"
  "$spoolq" put "$queue" --delay 1s <<<"later" >/dev/null
  "$spoolq" put "$queue" <<<"now" >/dev/null
  within_seconds 20 grep -q '^now$' "$scratch/lines"
  within_seconds 20 grep -q '^later$' "$scratch/lines"
  within_seconds 20 stats_are ready=0 claimed=0 delayed=0 failed=0
  kill -TERM "${running[0]}"
  wait "${running[0]}" || code=$?
  ((code == 0)) || fail "event_loop ended with $code: $(<"$scratch/event_loop.err")"
  running=()
}

# request URL TEXT: sends the text to the server and prints what it answers.
request() {
  local address=${1#http://} answer
  exec {connection}<>"/dev/tcp/${address%:*}/${address#*:}"
  printf '%s' "$2" >&"$connection"
  answer=$(cat <&"$connection")
  exec {connection}>&-
  printf '%s' "$answer"
}

use_web_and_worker() {
  local url id answer results=$scratch/results code=0
  mkdir "$results"
  "$build/web" "$queue" >"$scratch/url" 2>"$scratch/web.err" &
  running+=($!)
  within_seconds 20 test -s "$scratch/url"
  url=$(<"$scratch/url")

  answer=$(request "$url" $'POST /jobs HTTP/1.1\r\ncontent-length: 7\r\n\r\na b c d')
  [[ $answer == "HTTP/1.1 202 "* ]] || fail "the answer to a job: $answer"
  id=${answer##*$'\n'}
  stats_are ready=1 || fail "$("$spoolq" stats "$queue")"

  answer=$(request "$url" $'GET /jobs HTTP/1.1\r\n\r\n')
  [[ $answer == "HTTP/1.1 404 "* ]] || fail "the answer to a GET: $answer"
  answer=$(request "$url" $'POST /jobs HTTP/1.1\r\n\r\n')
  [[ $answer == "HTTP/1.1 411 "* ]] || fail "the answer to a job without a length: $answer"
  # A client that goes away before it has sent all.
  exec {connection}<>"/dev/tcp/127.0.0.1/${url##*:}"
  printf 'POST /jobs HTTP/1.1\r\nContent-Length: 7\r\n\r\na b' >&"$connection"
  exec {connection}>&-

  "$build/worker" "$queue" "$results" 2>"$scratch/worker.err" &
  running+=($!)
  within_seconds 20 test -f "$results/$id"
  [[ $(<"$results/$id") == 4 ]] || fail "a wrong result: $(<"$results/$id")"
  # Half a job is not there.
  within_seconds 20 stats_are ready=0 claimed=0 failed=0 bad=0
  [[ $(find "$results" -type f | wc -l) == 1 ]] || fail "results: $(ls -A "$results")"

  kill -TERM "${running[1]}"
  wait "${running[1]}" || code=$?
  ((code == 0)) || fail "the worker ended with $code: $(<"$scratch/worker.err")"
  kill -TERM "${running[0]}"
  wait "${running[0]}" 2>/dev/null || true
  running=()
}

use_shell() {
  local id out=$scratch/out
  PATH=$SPOOLQ_BUILD_DIR/cli:$PATH
  mkdir "$out"
  echo "hello" >"$scratch/text"
  id=$("$examples/compress.sh" put "$queue" "$scratch/text")
  "$examples/compress.sh" work "$queue" "$out"
  [[ $(gzip -dc "$out/$id.gz") == hello ]] || fail "another text"
  stats_are ready=0 claimed=0 delayed=0 failed=0 || fail "$(spoolq stats "$queue")"
  # With no room for the result the job is put off, and not lost.
  "$examples/compress.sh" put "$queue" "$scratch/text" >/dev/null
  "$examples/compress.sh" work "$queue" "$scratch/nowhere" 2>/dev/null
  stats_are ready=0 claimed=0 delayed=1 || fail "$(spoolq stats "$queue")"
}

case $1 in
  shell) use_shell ;;
  *)
    "build_with_$1" "$2"
    libraries_are "$2"
    use_producer
    use_event_loop
    use_web_and_worker
    ;;
esac
