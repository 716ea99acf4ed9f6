// What must hold of a folder that is adopted.
#pragma once

#include <string>

#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Throws errc::bad_value for a folder that is a queue or part of one: what is there is in a queue
/// already. `directory` has it open, `path` is canonical.
void require_foreign_folder(const OpenQueue& queue, int directory, const std::string& path);

/// Throws ENOENT when `path` is not the folder any more that `directory` has open: what is dropped
/// is dropped at the path.
void require_in_place(const OpenQueue& queue, int directory, const std::string& path);

}  // namespace spoolq::detail
