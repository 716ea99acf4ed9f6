// What a call threw, as a value that a test can compare.
#pragma once

#include <functional>
#include <string>
#include <system_error>

#include "spoolq/error.hpp"

namespace spoolq::test {

/// The code of the Error that `call` throws; no error when it returns.
template <typename Call>
std::error_code error_of(Call call) {
  try {
    static_cast<void>(call());
  } catch (const Error& error) {
    return error.code();
  }
  return {};
}

/// The text of the Error that `call` throws; empty when it returns.
inline std::string text_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// An errno as the library throws it.
inline std::error_code errno_code(int error) { return {error, std::generic_category()}; }

}  // namespace spoolq::test
