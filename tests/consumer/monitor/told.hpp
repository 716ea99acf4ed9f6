// What a monitor tells, as lines that a test can compare.
#pragma once

#include <fmt/core.h>

#include <string>
#include <vector>

#include "spoolq/monitor.hpp"

namespace spoolq::test {

using Lines = std::vector<std::string>;

/// What has happened, each as "KIND STATE", or as "KIND -" when the message is nowhere.
inline Lines told(Monitor& monitor) {
  Lines lines;
  while (const auto event = monitor.next(Duration{0})) {
    lines.push_back(fmt::format("{} {}", to_string(event->kind),
                                event->state ? to_string(*event->state) : "-"));
  }
  return lines;
}

}  // namespace spoolq::test
