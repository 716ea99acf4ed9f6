#!/usr/bin/env bash
# Compresses files in the background, with nothing but the shell.
#
#   compress.sh put QUEUE FILE...    hands files over; prints an id for each once it is safe on disk
#   compress.sh work QUEUE OUT       compresses what there is into the folder OUT, then ends
#
# Several may work at once. A job is delivered at least once; as the result is written under its id,
# doing it again gives the same file.
set -euo pipefail

put() {
  local queue=$1
  shift
  spoolq init "$queue"  # Doing it again changes nothing.
  spoolq put "$queue" -- "$@"
}

work() {
  local queue=$1 out=$2 claim code id file
  while true; do
    # The claim outlives the command that made it, so it ends by a clock: take a lease that is
    # longer than the work.
    code=0
    claim=$(spoolq take "$queue" --hold --lease 10m) || code=$?
    ((code != 1)) || return 0  # 1: the queue is empty. All else is an error.
    ((code == 0)) || return "$code"
    id=${claim%%$'\t'*}
    file=${claim#*$'\t'}
    # The result must be on disk before the job is acknowledged.
    if gzip -c -- "$file" >"$out/.$id" && sync "$out/.$id" &&
      mv "$out/.$id" "$out/$id.gz" && sync "$out"; then
      spoolq ack "$queue" "$file"
    else
      # After max_attempts it is in failed/, where `spoolq ls --state failed` shows it.
      spoolq release "$queue" "$file" --delay 1m
    fi
  done
}

case ${1-} in
  put) put "${@:2}" ;;
  work) work "${@:2}" ;;
  *)
    echo "usage: compress.sh put QUEUE FILE... | work QUEUE OUT" >&2
    exit 64
    ;;
esac
