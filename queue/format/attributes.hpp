// Headers and failure reasons as extended attributes of the message's file.
#pragma once

#include <optional>
#include <string>

#include "queue/os/sys.hpp"
#include "spoolq/message.hpp"

namespace spoolq::detail {

constexpr std::size_t kHeadersMax = 2048;

/// Throws errc::bad_value for a header name or a total size that docs/format.md does not allow.
void require_valid_headers(const Headers& headers);
/// Sets them on an open file. Throws errc::headers_refused when the file system takes fewer, or
/// none at all.
void set_headers(Sys& sys, int fd, const Headers& headers, const std::string& path);
/// Keeps the whole original name where N had to cut it; nothing happens where it does not fit.
void set_whole_name(Sys& sys, int fd, const std::string& name);

/// Copies everything that spoolq keeps there. Throws the errno when it cannot be read,
/// errc::headers_refused when the other file system takes less; `path` is the source's. A reason is
/// shortened instead.
void copy_attributes(Sys& from, int from_fd, Sys& to, int to_fd, const std::string& path);

Headers get_headers(Sys& sys, int fd);
std::optional<std::string> get_whole_name(Sys& sys, int fd);

/// Sets the reason, shortened to what fits, or not at all: a reason never stops a move.
void set_reason(Sys& sys, int fd, const Reason& reason);
void remove_reason(Sys& sys, int fd);
std::optional<Reason> get_reason(Sys& sys, int fd);

}  // namespace spoolq::detail
