// Reading a message's payload, with its size and checksum compared at the end.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "queue/os/checksum.hpp"
#include "queue/os/sys.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

/// Reads a payload in order. What the message's name does not tell is not compared. One thread.
class PayloadReader {
 public:
  PayloadReader(UniqueFd fd, const StoredMessage& message)
      : fd_{std::move(fd)}, size_{message.name.size}, checksum_{message.name.checksum} {}

  [[nodiscard]] int descriptor() const { return fd_.get(); }
  /// Fills `buffer` and returns how much there was, 0 at the end.
  std::size_t read(Sys& sys, std::span<std::byte> buffer, const std::string& path);
  /// After the end: what does not match, or nothing.
  [[nodiscard]] std::optional<std::string> mismatch() const;

 private:
  UniqueFd fd_;
  std::optional<std::uint64_t> size_;
  std::optional<std::uint64_t> checksum_;
  Checksum sum_;
  std::uint64_t read_ = 0;
};

}  // namespace spoolq::detail
