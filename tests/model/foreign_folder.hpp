// A folder of another program beside a story's queue, and what takes files from it.
#pragma once

#include <string>
#include <vector>

#include "producer/adopt/transfer.hpp"

namespace spoolq::test {

/// How files are taken from the folder, which its name says to the next process.
enum class FolderKind {
  plain,   ///< They go.
  kept,    ///< They stay.
  marked,  ///< They go, and count as complete only beside a marker, NAME.done.
};

/// Where a story has such a folder, if it has one.
std::string foreign_folder(const std::string& path, FolderKind kind);

/// The complete files in the folder of `transfer`.
std::vector<detail::Arrival> arrivals_in(const detail::Transfer& transfer, FolderKind kind);

/// Takes everything that is complete there. False when there is no such folder. Throws what one
/// file is refused for.
bool take_foreign_folder(detail::OpenQueue& queue, const std::string& path, FolderKind kind);

/// Makes the folder with one file in it, "report.txt", which is durable.
void make_foreign_folder(detail::Sys& sys, const std::string& path, FolderKind kind,
                         const std::string& content);

}  // namespace spoolq::test
