#!/usr/bin/env bash
# Makes one of the trees that the other scripts look at, below $WORK.
#
#   trees.sh static|shared|program
#
# static, shared: installed, and then moved elsewhere, as packagers and people do. program: the preset
# static. A later run continues the builds of an earlier one.
source "$(dirname "$0")/support.sh"

# build TREE TARGET OPTION...
build() {
  quietly "$CMAKE" -S "$SPOOLQ_SOURCE_DIR" -B "$SPOOLQ_BUILD_DIR-$1" -DCMAKE_CXX_COMPILER="$CXX" \
    "${@:3}"
  quietly "$CMAKE" --build "$SPOOLQ_BUILD_DIR-$1" --parallel 2 --target "$2"
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
    # Options and depth of the folder are those of the preset dev, so ccache has the objects.
    build shared all --preset dev \
      -DBUILD_SHARED_LIBS=ON -DSPOOLQ_BUILD_TESTS=OFF
    install_and_move shared "$SPOOLQ_BUILD_DIR-shared"
    ;;
  program)
    # Linking does not depend on optimisation.
    build program spoolq --preset static -DCMAKE_CXX_FLAGS_RELEASE=-O0
    ;;
esac
