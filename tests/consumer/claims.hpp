// Claims on a disk in memory: taking them, ending them, and seeing where the message went.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {

using std::chrono::hours;
using std::chrono::seconds;

inline Consumer consumer_of(World& world) { return Consumer{handle(world.queue)}; }
inline Consumer consumer_of(World& world, Sys& sys) { return Consumer{handle(world.open(sys))}; }

inline std::optional<Claim> put_and_take(World& world, std::string_view payload = "hello") {
  put(world.queue, payload);
  return consumer_of(world).try_take();
}

/// Every call about a claim that is over, with what it throws.
inline std::vector<std::error_code> errors_of_all_calls(Claim& claim) {
  std::array<std::byte, 4> buffer;
  return {
      error_of([&] { return claim.payload(); }),
      error_of([&] { return claim.read(buffer); }),
      error_of([&] { return claim.headers(); }),
      error_of([&] { return claim.ack(), 0; }),
      error_of([&] { return claim.ack(Sync::none), 0; }),
      error_of([&] { return claim.release(), 0; }),
      error_of([&] { return claim.release(hours{1}), 0; }),
      error_of([&] { return claim.undo(), 0; }),
      error_of([&] { return claim.fail(reason("no")), 0; }),
      error_of([&] { return claim.detach(hours{1}); }),
  };
}

/// Where the only message of the queue is.
inline std::string whereabouts(const World& world) {
  std::string where;
  for (const Folder folder :
       {Folder::ready, Folder::claimed, Folder::later, Folder::failed, Folder::done, Folder::bad}) {
    for (std::size_t i = 0; i < world.count(folder); ++i) {
      where += std::string{detail::folder_name(folder)} + " ";
    }
  }
  return where;
}

/// Gives a claim back as a reaper does that found its owner dead.
inline void take_back(World& world) {
  if (!detail::take_back(*world.queue, only(*world.queue, State::claimed), "test")) {
    throw std::runtime_error{"nothing was taken back"};
  }
}

/// The ways to end a claim.
struct Ending {
  const char* name;
  std::function<void(Claim&)> end;
};
inline const std::vector<Ending>& endings() {
  static const std::vector<Ending> all{
      {"ack", [](Claim& claim) { claim.ack(); }},
      {"ack without sync", [](Claim& claim) { claim.ack(Sync::none); }},
      {"release", [](Claim& claim) { claim.release(); }},
      {"release with a delay", [](Claim& claim) { claim.release(hours{1}); }},
      {"undo", [](Claim& claim) { claim.undo(); }},
      {"fail", [](Claim& claim) { claim.fail(reason("no")); }},
      {"detach", [](Claim& claim) { claim.detach(hours{1}); }},
  };
  return all;
}

}  // namespace spoolq::test
