#!/usr/bin/env bash
# Programs linked in special ways.
#
#   programs.sh glibc    the spoolq program with SPOOLQ_STATIC: needs nothing but glibc, and works
#   programs.sh shared   the spoolq program with the shared libraries, from its objects in this build
#   programs.sh border   errors are caught by their types across the border of a shared library
#   programs.sh libuv    a producer needs no libuv, a consumer does
source "$(dirname "$0")/support.sh"

# use PROGRAM: put, take, a delay and a dead letter.
use() {
  local spoolq=$1 queue=$scratch/queue claim
  "$spoolq" init "$queue" max_attempts=1
  echo first | "$spoolq" put "$queue" --header user=7 >/dev/null
  [[ $("$spoolq" take "$queue") == first ]] || fail "took another payload"
  echo second | "$spoolq" put "$queue" --delay 1ms >/dev/null
  claim=$("$spoolq" take "$queue" --wait=20s --hold)
  "$spoolq" fail "$queue" "${claim#*$'\t'}" --reason "no"
  [[ $("$spoolq" ls "$queue" --json) == *'"failed"'* ]] || fail "not among the failed"
  "$spoolq" retry "$queue" @oldest
  [[ $("$spoolq" take "$queue") == second ]] || fail "the second is gone"
  "$spoolq" take "$queue" || [[ $? == 1 ]] || fail "not empty"
}

# needs FILE: the libraries it names, one a line.
needs() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

case $1 in
  glibc)
    program=$WORK/build-program/cli/spoolq
    others=$(needs "$program" | grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*\.so\..*)$') || true
    [[ -z $others ]] || fail "it needs $others"
    use "$program"
    ;;
  shared)
    # Those of this build: others may be left over from an older one.
    read -ra objects <<<"$SPOOLQ_OBJECTS"
    "$CXX" -o "$scratch/spoolq" "${objects[@]}" \
      -L"$WORK/shared/lib" -Wl,-rpath,"$WORK/shared/lib" \
      -lspoolq-producer -lspoolq-consumer -lspoolq-queue -lfmt -larchive
    use "$scratch/spoolq"
    ;;
  border)
    need pkg-config
    export PKG_CONFIG_PATH=$WORK/shared/lib/pkgconfig
    # shellcheck disable=SC2046  # Words are meant.
    "$CXX" -std=c++20 -fvisibility=hidden -fvisibility-inlines-hidden "${flags[@]}" \
      -o "$scratch/border" "$(dirname "$0")/border.cpp" \
      $(pkg-config --cflags --libs spoolq-producer spoolq-consumer) \
      -Wl,-rpath,"$WORK/shared/lib"
    "$scratch/border" "$scratch"
    ;;
  libuv)
    lib=$WORK/shared/lib
    [[ $(needs "$lib/libspoolq-producer.so") != *libuv* ]] || fail "the producer needs libuv"
    [[ $(needs "$lib/libspoolq-queue.so") != *libuv* ]] || fail "the queue needs libuv"
    [[ $(needs "$lib/libspoolq-consumer.so") == *libuv* ]] || fail "the consumer has no libuv"
    ;;
esac
