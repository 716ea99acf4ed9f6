// What every public header needs: the language, and the mark of what the shared libraries export.
#pragma once

#if __cplusplus < 202002L
#error "spoolq needs C++20: compile with -std=c++20 or a later one"
#endif

/// Stands before every class and function that programs may use. It makes them visible across the
/// border of a shared library also where -fvisibility=hidden is given, here or in a program: an
/// exception is caught there only if its type is one and the same on both sides.
#define SPOOLQ_EXPORT [[gnu::visibility("default")]]
