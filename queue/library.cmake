# What the three libraries have in common: how they are named, what they export, how they are
# installed. The CMakeLists.txt of each says what is its own.

# The headers that most sources of the libraries and of the program include. The compiler reads them
# once for each target. A source still includes what it uses: the preset asan and clang-tidy do without
# precompiled headers.
set(SPOOLQ_PRECOMPILED_HEADERS
  <algorithm> <array> <atomic> <chrono> <filesystem> <functional> <map> <memory> <mutex> <optional>
  <set> <string> <string_view> <utility> <vector>)

# While the version is 0.x, each minor version may break programs that were linked to another.
set(SPOOLQ_ABI_VERSION ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(SPOOLQ_ABI_VERSION 0.${PROJECT_VERSION_MINOR})
endif()

if(SPOOLQ_INSTALL)
  include(CMakePackageConfigHelpers)
  include(GNUInstallDirs)
  set(SPOOLQ_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/spoolq)

  # The .pc files name the prefix by the way up from themselves, so that an installed tree can be
  # moved; not where somebody wants the libraries outside of the prefix.
  set(SPOOLQ_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    string(REGEX REPLACE "/$" "" up ${up})
    set(SPOOLQ_PC_PREFIX "\${pcfiledir}/${up}")
  endif()
  foreach(kind LIB INCLUDE)
    set(SPOOLQ_PC_${kind}DIR ${CMAKE_INSTALL_${kind}DIR})
    if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${kind}DIR})
      set(SPOOLQ_PC_${kind}DIR "\${prefix}/${CMAKE_INSTALL_${kind}DIR}")
    endif()
  endforeach()
endif()

# spoolq_place(TARGET FOLDER RUNPATH): what is the same for TARGET in the build tree and installed. With
# shared libraries the build tree has the folders of the installed one, and RUNPATH leads to the libraries
# in both. CMake would give a RUNPATH of the build tree room for another one, as empty entries at its
# end, and an empty entry makes the loader search the current folder.
function(spoolq_place target folder runpath)
  set_target_properties(${target} PROPERTIES
    BUILD_WITH_INSTALL_RPATH ON
    INSTALL_RPATH_USE_LINK_PATH ON)  # Libraries outside of the system's folders.
  if(BUILD_SHARED_LIBS)
    set_target_properties(${target} PROPERTIES
      INSTALL_RPATH "${runpath}"
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder}
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
  endif()
endfunction()

# spoolq_library(NAME HEADER...): what is left to say of the target spoolq_NAME. Its folder has the
# version script symbols.map.in and the .pc file's template. Variables for the latter: PC_REQUIRES and
# PC_LIBS, what a program needs besides if the libraries are static.
function(spoolq_library name)
  set(target spoolq_${name})
  add_library(spoolq::${name} ALIAS ${target})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${ARGN})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:spoolq_options>)
  if(PROJECT_IS_TOP_LEVEL)  # The tests run this code millions of times.
    target_compile_options(${target} PRIVATE $<$<CONFIG:Debug>:-O1>)
  endif()
  target_precompile_headers(${target} PRIVATE ${SPOOLQ_PRECOMPILED_HEADERS} <fmt/core.h>)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME spoolq-${name}
    EXPORT_NAME ${name}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${SPOOLQ_ABI_VERSION}
    POSITION_INDEPENDENT_CODE ON  # Static ones may become part of somebody's shared library.
    VISIBILITY_INLINES_HIDDEN ON
    DEFINE_SYMBOL "")  # The objects of a static and of a shared library are the same.

  get_target_property(type ${target} TYPE)
  if(type STREQUAL SHARED_LIBRARY)
    set(map ${CMAKE_CURRENT_BINARY_DIR}/symbols.map)
    configure_file(symbols.map.in ${map} @ONLY)
    target_link_options(${target} PRIVATE -Wl,--version-script=${map})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${map})
    if(NOT SPOOLQ_SANITIZE)  # What instruments the code is in the program.
      target_link_options(${target} PRIVATE -Wl,--no-undefined)
    endif()
    set(PC_REQUIRES "")
    set(PC_LIBS "")
  endif()

  if(SPOOLQ_INSTALL)
    spoolq_place(${target} ${CMAKE_INSTALL_LIBDIR} "$ORIGIN")
    # One export for each library, so that a program loads only those it asks for.
    install(TARGETS ${target} EXPORT spoolq-${name} FILE_SET HEADERS)
    install(EXPORT spoolq-${name} NAMESPACE spoolq:: DESTINATION ${SPOOLQ_CONFIG_DIR})
    configure_file(spoolq-${name}.pc.in spoolq-${name}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/spoolq-${name}.pc
      DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endif()
endfunction()
