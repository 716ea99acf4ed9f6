// The promises of docs/guarantees.md as one judgement, and stories that are told to it: what a
// program does with a queue, with the fate that each message must have at every moment of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "queue/os/sys.hpp"

namespace spoolq::test {

/// What must become of a message, whatever happens next.
enum class Fate {
  there,   ///< In the queue, whole, under one name, and delivered.
  gone,    ///< Never delivered again.
  either,  ///< A call about it has begun and not returned: one of the two, never torn.
  moving,  ///< On its way from one queue to another: in one of them, or in both.
};

/// By payload, which is different for every message of a story.
using Fates = std::map<std::string, Fate>;

/// Where a story has its second queue, if it has one.
std::string second_queue(const std::string& path);

/// Where the folder of other programs is that a story makes the inbox of its queue, if it does.
std::string story_inbox(const std::string& path);

/// Takes what is left in the story's folder of files, opens the queue at `path`, and the second
/// one, as whoever comes next does, looks at every message, drains it, and says what contradicts
/// `fates`; empty when nothing does. Changes the queue.
std::string judge(detail::Sys& sys, const std::string& path, const Fates& fates);

struct Story {
  std::string name;
  /// Makes what is there at the beginning; durable, and not disturbed.
  std::function<void(detail::Sys&, const std::string& path, Fates&)> prepare;
  /// What is disturbed. Keeps the fates true to what it has begun and what has returned.
  std::function<void(detail::Sys&, const std::string& path, Fates&)> act;
};

/// One story for each transition.
const std::vector<Story>& stories();
const Story& story(const std::string& name);

/// Whether the sweeps try every combination: SPOOLQ_SWEEP=full is in the environment. Otherwise
/// they disturb each call of each story at least once, in a way that kSweepSeed chooses.
bool full_sweep();
inline constexpr std::uint64_t kSweepSeed = 20'260'930;

/// Makes the queue a story plays in. No limits of space, many attempts.
void make_story_queue(detail::Sys& sys, const std::string& path);

}  // namespace spoolq::test
