#!/usr/bin/env bash
# What other projects are told of an installed spoolq, and of its source as a part of theirs.
#
#   packages.sh moved           no installed file names the folder it was installed to
#   packages.sh versions        find_package takes a version of the same 0.x and no other
#   packages.sh components      find_package and pkg-config give a producer where there is no libuv
#   packages.sh headers         all are installed and compile alone; C++17 gets a clear word
#   packages.sh subdirectory    add_subdirectory changes no settings, installs and tests nothing
source "$(dirname "$0")/support.sh"

# configure PROJECT OPTION...: a project with this CMakeLists.txt.
configure() {
  rm -rf "$scratch/project"
  mkdir "$scratch/project"
  printf '%s\n' "cmake_minimum_required(VERSION 3.25)" "$1" >"$scratch/project/CMakeLists.txt"
  "$CMAKE" -S "$scratch/project" -B "$scratch/project/build" -DCMAKE_CXX_COMPILER="$CXX" \
    "${@:2}" 2>&1 </dev/null
}

# find_spoolq TREE ARGUMENTS OPTION...: calls find_package with these and says what it gave.
find_spoolq() {
  configure "project(p LANGUAGES CXX)
    find_package(spoolq $2)
    foreach(name queue producer consumer)
      if(TARGET spoolq::\${name})
        message(STATUS \"has \${name}\")
      endif()
    endforeach()" -DCMAKE_PREFIX_PATH="$WORK/$1" "${@:3}"
}

case $1 in
  moved)
    for tree in static shared; do
      found=$(grep -rlIF -e "$WORK" -e "$SPOOLQ_SOURCE_DIR" "$WORK/$tree") || true
      [[ -z $found ]] || fail "$found"
    done
    ;;
  versions)
    printed=$(find_spoolq static "0.1 REQUIRED") || fail "0.1: $printed"
    printed=$(find_spoolq static "0.2 REQUIRED") && fail "0.2: $printed"
    [[ $printed == *"requested version \"0.2\""* ]] || fail "$printed"
    ;;
  components)
    need pkg-config
    # A machine with what the queue needs, but no libuv.
    mkdir "$scratch/pc"
    cp "$(pkg-config --variable=pcfiledir fmt)/fmt.pc" "$scratch/pc/"
    export PKG_CONFIG_LIBDIR=$scratch/pc
    printed=$(find_spoolq static "COMPONENTS producer") || fail "$printed"
    [[ $printed == *"has producer"* && $printed != *"has consumer"* ]] || fail "$printed"
    printed=$(find_spoolq static "REQUIRED") && fail "a consumer without libuv: $printed"
    [[ $printed == *"spoolq::consumer needs libuv"* ]] || fail "$printed"
    printed=$(find_spoolq static "COMPONENTS broker REQUIRED") && fail "a broker: $printed"
    # Shared libraries know themselves what they need.
    printed=$(find_spoolq shared "REQUIRED") || fail "$printed"
    [[ $printed == *"has consumer"* ]] || fail "$printed"

    for tree in static shared; do
      export PKG_CONFIG_PATH=$WORK/$tree/lib/pkgconfig
      quietly pkg-config --cflags --libs --static spoolq-producer
    done
    pkg-config --exists spoolq-consumer || fail "shared: no consumer without libuv.pc"
    export PKG_CONFIG_PATH=$WORK/static/lib/pkgconfig
    ! pkg-config --exists spoolq-consumer || fail "static: a consumer without libuv.pc"
    ;;
  headers)
    diff <(cd "$SPOOLQ_SOURCE_DIR" && printf '%s\n' */include/spoolq/*.hpp | sed 's,.*/,,' | sort) \
      <(ls "$WORK/shared/include/spoolq") || fail "not every public header is installed"
    for header in "$WORK"/shared/include/spoolq/*.hpp; do
      echo "#include <spoolq/${header##*/}>" >"$scratch/alone.cpp"
      quietly "$CXX" -std=c++20 "${flags[@]}" -Wsign-conversion -Wold-style-cast \
        -Wnon-virtual-dtor -Woverloaded-virtual -fsyntax-only -I "$WORK/shared/include" \
        "$scratch/alone.cpp"
      if printed=$("$CXX" -std=c++17 -fsyntax-only -I "$WORK/shared/include" \
        "$scratch/alone.cpp" 2>&1); then
        fail "${header##*/} takes C++17"
      fi
      [[ $printed == *"spoolq needs C++20"* ]] || fail "$printed"
    done
    ;;
  subdirectory)
    printed=$(configure "project(p LANGUAGES CXX)
      get_cmake_property(before VARIABLES)
      add_subdirectory($SPOOLQ_SOURCE_DIR spoolq)
      get_cmake_property(after VARIABLES)
      list(REMOVE_ITEM after \${before} before)
      foreach(name IN LISTS after)
        if(name MATCHES \"^(CMAKE_CXX|CMAKE_POSITION|CMAKE_INSTALL|BUILD_|CXX)\")
          message(SEND_ERROR \"sets \${name}\")
        endif()
      endforeach()
      foreach(target queue_test spoolq_test_support)
        if(TARGET \${target})
          message(SEND_ERROR \"builds \${target}\")
        endif()
      endforeach()
      file(WRITE main.cpp \"int main() {}\")
      add_executable(main main.cpp)
      get_target_property(standard main CXX_STANDARD)
      if(standard)
        message(SEND_ERROR \"sets the standard \${standard}\")
      endif()
      foreach(name producer consumer queue)
        if(NOT TARGET spoolq::\${name})
          message(SEND_ERROR \"no spoolq::\${name}\")
        endif()
      endforeach()") || fail "$printed"
    quietly "$CMAKE" --install "$scratch/project/build" --prefix "$scratch/installed"
    [[ ! -e $scratch/installed ]] || fail "installs $(find "$scratch/installed")"
    ;;
esac
