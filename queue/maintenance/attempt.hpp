// One step of maintenance that may fail without stopping the next.
#pragma once

#include <string>

#include "queue/os/throw_error.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Runs one step of maintenance. What may not be touched, or has no room to go to, is reported once
/// and left, so that it does not stop what comes after it; false then.
template <typename Step>
bool attempt(OpenQueue& queue, const std::string& file, Step step) {
  try {
    step();
    return true;
  } catch (const Error& error) {
    if (!is_forbidden(error.code()) && error.code() != condition::temporary) throw;
    queue.warn_once(file, escaped(error.what()));
    return false;
  }
}

}  // namespace spoolq::detail
