// Throwing errors and showing names, the same way everywhere.
#pragma once

#include <string>
#include <string_view>

#include "queue/os/sys.hpp"
#include "spoolq/error.hpp"

namespace spoolq::detail {

[[noreturn]] inline void throw_errno(int error, std::string_view operation, std::string_view path,
                                     std::string detail = {}) {
  throw Error{std::error_code{error, std::generic_category()}, std::string{operation},
              std::string{path}, std::move(detail)};
}

[[noreturn]] inline void throw_errc(errc code, std::string_view operation, std::string_view path,
                                    std::string detail = {}) {
  throw Error{code, std::string{operation}, std::string{path}, std::move(detail)};
}

/// The descriptor or the count of bytes that a call gave; one call moves less than 2 GiB. Throws
/// the errno when it has failed.
inline int require(const SysResult& result, std::string_view operation, std::string_view path) {
  if (!result.ok()) throw_errno(result.error(), operation, path);
  return static_cast<int>(result.value());
}

/// Not ours to touch: somebody else's file, a sticky folder, a file that something is mounted on.
bool is_forbidden(const std::error_code& code);

/// A name with everything but printable ASCII written as \xNN, so that it cannot forge a line.
std::string escaped(std::string_view text);

}  // namespace spoolq::detail
