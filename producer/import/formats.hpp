// What there is in the queues of other programs, told in the terms of an transfer.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "producer/adopt/transfer.hpp"
#include "spoolq/importer.hpp"

namespace spoolq::detail {

/// One element of another program's queue.
struct Element {
  Arrival arrival{};  ///< Its `name` is set where it can be taken.
  Verdict verdict = Verdict::take;
  std::string reason{};
  /// A directory below Arrival::directory's parent that is to go when all in it went; empty: none.
  std::string emptied{};

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

void visit_dirq(const Transfer& transfer, const VisitElements& visit);
void visit_maildir(const Transfer& transfer, const VisitElements& visit);
void visit_nq(const Transfer& transfer, const VisitElements& visit);

/// A message's name for something put at `time`, of which `microseconds` are the part below the
/// millisecond: names of such ids sort by both.
MessageName name_at(const Transfer& transfer, const Arrival& arrival, Time time,
                    unsigned microseconds, std::string original);

/// The entries of a directory that `wanted` wants, sorted.
std::vector<std::string> sorted_entries(Sys& sys, int directory, const std::string& path,
                                        const std::function<bool(std::string_view)>& wanted);

}  // namespace spoolq::detail
