// What the producers and consumers of the crash tests do all day, and how a queue is emptied.
#pragma once

#include <cstdint>
#include <string>

#include "queue/os/sys.hpp"
#include "tests/crash/judge.hpp"
#include "tests/crash/ledger.hpp"

namespace spoolq::test {

/// Shares are in percent.
struct Plan {
  std::string queue;  ///< Absolute, without links.
  detail::Sys* sys = nullptr;
  std::uint64_t seed = 0;

  unsigned delayed = 10;     ///< Puts with a delay.
  unsigned unsynced = 0;     ///< Puts and acks with Sync::none.
  bool priorities = true;    ///< Puts of all priorities, else all of one.
  std::int64_t backlog = 0;  ///< Producers pause above it; 0: never.

  unsigned release = 10;  ///< Of the deliveries; what is left over is acked.
  unsigned release_later = 6;
  unsigned fail = 5;
  unsigned detach = 5;
  unsigned drop = 4;
  unsigned retry = 2;  ///< After a delivery a failed message is put back.
};

/// Put messages until killed.
void produce(const Plan& plan, Ledger& ledger, std::uint32_t worker);
/// Take messages and finish them in one way or another until killed.
void consume(const Plan& plan, Ledger& ledger, std::uint32_t worker);

/// Takes back what the dead hold, then takes, checks and acks everything, the failed messages too,
/// after their reasons were looked at. What is left at the end is reported to the judge. Nobody
/// else may be at work. Fills in what the ledger has to know.
void empty_queue(const std::string& queue, Ledger& ledger, Judge& judge, bool expect_reasons);

}  // namespace spoolq::test
