// Where files go that will never be messages: .rejected/ in the folder they were dropped into.
#pragma once

#include <sys/stat.h>

#include <string>

#include "queue/os/sys.hpp"

namespace spoolq::detail {

/// Moves the file into .rejected/, which is made when it is missing, with its reason in a file
/// NAME.reason beside it. Opens nothing, overwrites nothing. False when it is gone, or is another
/// file than the one whose status was `found`. Throws the errno; the file is where it was then.
bool reject_file(Sys& sys, int directory, const std::string& path, const std::string& file,
                 const struct stat& found, const std::string& reason);

}  // namespace spoolq::detail
