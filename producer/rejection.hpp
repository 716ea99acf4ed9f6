// Where files go that will never be messages: .rejected/ in the folder they were dropped into.
#pragma once

#include <string>

#include "queue/sys.hpp"

namespace spoolq::detail {

/// Moves the file into .rejected/, which is made when it is missing, with its reason in a file
/// NAME.reason beside it. Opens nothing, overwrites nothing. Does nothing when it is gone. Throws
/// the errno; the file is where it was then.
void reject_file(Sys& sys, int directory, const std::string& path, const std::string& file,
                 const std::string& reason);

}  // namespace spoolq::detail
