#!/usr/bin/env bash
# Programs linked in special ways.
#
#   programs.sh glibc    the spoolq program with SPOOLQ_STATIC: needs nothing but glibc, and works
#   programs.sh shared   the spoolq program with the shared libraries, as it was built and installed
#   programs.sh border   errors are caught by their types across the border of a shared library
#   programs.sh libuv    a producer needs no libuv, a consumer does
#   programs.sh runpath  no program or library of any tree loads libraries from the current folder
#   programs.sh runpath-control   the same look at a program that does must find fault
source "$(dirname "$0")/support.sh"

# use PROGRAM: put, take, a delay and a dead letter.
use() {
  local spoolq=$1 queue claim
  queue=$(mktemp -u "$scratch/queue.XXXXXX")
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

# loads_from_current_folder FOLDER...: the programs and libraries in these folders, not below them, with
# a RUNPATH entry that is empty or relative.
loads_from_current_folder() {
  local file runpath
  while read -r -d '' file; do
    runpath=$(readelf -dW "$file" 2>/dev/null | sed -n 's/.*(RUNPATH).*\[\(.*\)\]/\1/p;s/.*(RPATH).*\[\(.*\)\]/\1/p')
    [[ -n $runpath ]] || continue
    [[ :$runpath: =~ ::|:[^/\$:] ]] && echo "$file: $runpath"
  # Debian installs shared libraries without the execute permission.
  done < <(find "$@" -maxdepth 1 -type f \( -executable -o -name '*.so*' \) -print0)
  return 0
}

case $1 in
  glibc)
    program=$SPOOLQ_BUILD_DIR-program/cli/spoolq
    others=$(needs "$program" | grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*\.so\..*)$') || true
    [[ -z $others ]] || fail "it needs $others"
    use "$program"
    ;;
  shared)
    use "$SPOOLQ_BUILD_DIR-shared/bin/spoolq"
    use "$WORK/shared/bin/spoolq"
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
  runpath)
    mapfile -t folders < <(printf '%s\n' "$SPOOLQ_BUILD_DIR"/{cli,tests,tests/crash,tests/fuzz} \
      "$SPOOLQ_BUILD_DIR"-{shared,program}/{bin,cli,lib,lib/*} "$WORK"/{static,shared}/{bin,lib} |
      while read -r folder; do [[ ! -d $folder ]] || echo "$folder"; done)
    faults=$(loads_from_current_folder "${folders[@]}")
    [[ -z $faults ]] || fail "$faults"
    ;;
  runpath-control)
    mkdir "$scratch/bin"
    echo 'int main() {}' >"$scratch/main.cpp"
    for runpath in :::: /usr/lib: :/usr/lib lib; do
      "$CXX" -o "$scratch/bin/${runpath//\//_}" "$scratch/main.cpp" "-Wl,-rpath,$runpath"
    done
    chmod 644 "$scratch/bin/lib"
    mv "$scratch/bin/lib" "$scratch/bin/lib.so.1"
    "$CXX" -o "$scratch/bin/good" "$scratch/main.cpp" '-Wl,-rpath,$ORIGIN/../lib:/usr/lib'
    faults=$(loads_from_current_folder "$scratch/bin")
    [[ $(wc -l <<<"$faults") == 4 && $faults != *good* ]] || fail "$faults"
    ;;
  libuv)
    lib=$WORK/shared/lib
    [[ $(needs "$lib/libspoolq-producer.so") != *libuv* ]] || fail "the producer needs libuv"
    [[ $(needs "$lib/libspoolq-queue.so") != *libuv* ]] || fail "the queue needs libuv"
    [[ $(needs "$lib/libspoolq-consumer.so") == *libuv* ]] || fail "the consumer has no libuv"
    ;;
esac
