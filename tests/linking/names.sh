#!/usr/bin/env bash
# Looks at the names that the shared libraries export.
#
#   names.sh exported   nothing but spoolq, and its inside under a version of its own
#   names.sh control    the same look at a library without its version script must find fault
#   names.sh linkers    the scripts mean the same to every linker that there is
source "$(dirname "$0")/support.sh"

# exported_by LIBRARY: one a line: type, name as in C++, @@version.
exported_by() { nm -D --defined-only "$1" | c++filt | cut -c 18- | LC_ALL=C sort; }

# faults_of LIBRARY: the exported names that should not be.
faults_of() {
  exported_by "$1" | awk '
    # The versions themselves.
    /^A SPOOLQ_(PRIVATE_)?[0-9.]+$/ { next }
    # The inside, for our own libraries only.
    /^[TWBDRV] spoolq::detail::.*@@SPOOLQ_PRIVATE_[0-9.]+$/ { next }
    # What the program imports with.
    /^T spoolq::(Importer::|to_string\(spoolq::ImportFormat\)).*@@SPOOLQ_PRIVATE_[0-9.]+$/ { next }
    # That, and what is behind the pointers of the public classes, is not for programs.
    /^[^ ]+ spoolq::(detail|Importer|[A-Za-z]+::Impl)::/ { print; next }
    /^T spoolq::.*@@SPOOLQ_[0-9.]+$/ { next }
    # By these a program catches our errors.
    /^V (typeinfo|typeinfo name|vtable) for spoolq::Error@@SPOOLQ_[0-9.]+$/ { next }
    { print }'
}

# queue_library OUTPUT OPTION...: the objects of the queue, linked once more.
queue_library() {
  local objects
  mapfile -t objects < <(find "$SPOOLQ_BUILD_DIR-shared/queue/CMakeFiles/spoolq_queue.dir" -name '*.o')
  "$CXX" -shared -o "$1" "${@:2}" "${objects[@]}" -lboost_filesystem -lfmt
}

case $1 in
  exported)
    for name in queue producer consumer; do
      library=$WORK/shared/lib/libspoolq-$name.so
      faults=$(faults_of "$library")
      [[ -z $faults ]] || fail "libspoolq-$name.so exports"$'\n'"$faults"
      # Not because there is nothing at all.
      (($(exported_by "$library" | grep -c '^T spoolq::') > 10)) || fail "$name exports nothing"
    done
    ;;
  control)
    queue_library "$scratch/leaking.so"
    faults=$(faults_of "$scratch/leaking.so")
    for name in boost::uuids:: nlohmann:: 'std::vector<' 'T spoolq::detail::'; do
      [[ $faults == *"$name"* ]] || fail "the leak of $name was not found"
    done
    ;;
  linkers)
    script=$SPOOLQ_BUILD_DIR-shared/queue/symbols.map
    exported_by "$WORK/shared/lib/libspoolq-queue.so" | grep -v '^A ' >"$scratch/expected"
    for linker in bfd gold lld; do
      command -v "ld.$linker" >/dev/null || continue
      queue_library "$scratch/$linker.so" "-fuse-ld=$linker" "-Wl,--version-script=$script"
      exported_by "$scratch/$linker.so" | grep -v '^A ' | diff "$scratch/expected" - ||
        fail "ld.$linker reads the version script in another way"
    done
    ;;
esac
