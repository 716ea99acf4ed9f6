// What there is in the queues of other programs, in the terms of a transfer.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "producer/adopt/transfer_folder.hpp"

namespace spoolq::detail {

/// One element of another program's queue.
struct Element {
  Arrival arrival{};  ///< Its `name` is set where it can be taken.
  Verdict verdict = Verdict::take;
  std::string reason{};
  /// A directory below Arrival::directory's parent that is to go when all in it went; empty: none.
  std::string emptied{};

  /// It is not taken.
  void leave(Verdict what, std::string why) {
    verdict = what;
    reason = std::move(why);
  }
  /// What it is called in reports.
  [[nodiscard]] std::string title() const {
    if (arrival.name) return arrival.name->original;
    // A directory is named by its path, whatever is in it.
    return emptied.empty() ? arrival.below + arrival.file
                           : arrival.below.substr(0, arrival.below.size() - 1);
  }
};

/// Is given the elements of one directory, whose descriptors are open during the call. Returns
/// false to stop.
using VisitElements = std::function<bool(std::vector<Element>& elements, int directory)>;

// Each visits all elements in the order in which their own consumers would take them, the oldest
// first. They change nothing. Throw errc::bad_value for a folder that is not of the format.

void visit_dirq(const TransferFolder& folder, const VisitElements& visit);
void visit_maildir(const TransferFolder& maildir, const VisitElements& visit);
void visit_nq(const TransferFolder& folder, const VisitElements& visit);

/// A message's name for something put at `time` since 1970. Names sort by all of it, ids hold its
/// milliseconds.
MessageName name_at(const TransferFolder& folder, const Arrival& arrival,
                    std::chrono::microseconds time, std::string original);

/// The entries of a directory that `wanted` wants, sorted.
std::vector<std::string> sorted_entries(Sys& sys, int directory, const std::string& path,
                                        const std::function<bool(std::string_view)>& wanted);

}  // namespace spoolq::detail
