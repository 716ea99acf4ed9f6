// Message ids as arguments of fmt::format(). A program that includes this header links fmt itself.
#pragma once

#include <fmt/format.h>

#include "spoolq/message.hpp"

/// Formats an id as MessageId::to_string() does, with the options of a string.
template <>
struct fmt::formatter<spoolq::MessageId> : fmt::formatter<std::string> {
  template <typename Context>
  auto format(const spoolq::MessageId& id, Context& context) const {
    return fmt::formatter<std::string>::format(id.to_string(), context);
  }
};
