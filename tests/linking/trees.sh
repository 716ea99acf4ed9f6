#!/usr/bin/env bash
# Makes one of the trees that the other scripts look at, below $WORK.
#
#   trees.sh static|shared|program
#
# static, shared: installed, and then moved elsewhere, as packagers and people do. program: built
# with SPOOLQ_STATIC. What was built before is built on.
source "$(dirname "$0")/support.sh"

# build TREE TARGET OPTION...
build() {
  quietly "$CMAKE" -S "$SPOOLQ_SOURCE_DIR" -B "$WORK/build-$1" -G Ninja \
    -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_CXX_FLAGS=-O0 -DSPOOLQ_BUILD_TESTS=OFF "${@:3}"
  quietly "$CMAKE" --build "$WORK/build-$1" --parallel 2 --target "$2"
}

# install_and_move TREE BUILD
install_and_move() {
  rm -rf "${WORK:?}/$1" "$WORK/$1-before"
  quietly "$CMAKE" --install "$2" --prefix "$WORK/$1-before"
  mv "$WORK/$1-before" "$WORK/$1"
}

need ninja
case $1 in
  static) install_and_move static "$SPOOLQ_BUILD_DIR" ;;
  shared)
    build shared all -DBUILD_SHARED_LIBS=ON -DSPOOLQ_BUILD_CLI=OFF
    install_and_move shared "$WORK/build-shared"
    ;;
  program)
    build program spoolq -DSPOOLQ_STATIC=ON
    ;;
esac
