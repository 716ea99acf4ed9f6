// Programs that act on one queue at the same time, each with what it was told, and the places in
// which two of them meet over one message.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/model/promises.hpp"
#include "tests/support/schedule.hpp"

namespace spoolq::test {

/// The message over which two actors meet.
inline constexpr const char* kShared = "the message of both";
/// What a foreign writer adds to it.
inline constexpr const char* kMore = ", and more";
/// When foreign writers say that they have written their files, all at the same time.
inline constexpr SimulatedSys::Duration kOldTime = std::chrono::seconds{1'700'000'000};

/// What an actor knows of a message.
enum class Word {
  nothing,   ///< The actor has not begun anything, or was told that another actor was first.
  there,     ///< The actor was told that the message is in the queue, or has written the file.
  in_doubt,  ///< A call that puts or ends the message has begun and has not returned.
  moving,    ///< A move by copy has begun and has not returned.
  holds,     ///< The actor has a claim of the message.
  moved,     ///< The actor was told that its move is done.
  ended,     ///< The actor was told that the message is acknowledged or removed.
};

/// What an actor was told, up to its end or its death.
struct Told {
  std::map<std::string, Word> words;            ///< By payload.
  std::map<std::string, std::string> payloads;  ///< By the id under which it was delivered.
  std::string half;                             ///< Of a file that it is still writing.
  std::string claimed;                          ///< The path of the claim that it holds.
  std::map<std::string, std::string> settings;  ///< Changed, as the actor was told.
  std::map<std::string, Word> if_dead;          ///< Words that hold if the actor dies now.
  std::string error;                            ///< Not one that says another actor was first.
};

/// What is there before the two actors begin.
enum class Place {
  none,             ///< A folder in which a queue may be made.
  empty,            ///< A queue.
  ready,            ///< The message in new/.
  leased,           ///< The same, with a backup's hard link to it, in a queue with a lease.
  dead,             ///< The message, claimed by a consumer that died.
  held,             ///< The message, in a detached claim.
  lapsed,           ///< The same, and its lease is over.
  failed,           ///< The message in failed/.
  delayed,          ///< The message in later/.
  expired,          ///< The message in new/, its time to live over.
  two_names,        ///< The message, claimed by a consumer that died, and a second name in new/.
  leftover,         ///< The message in new/, and half a copy of it in tmp/ of the second queue.
  failed_leftover,  ///< The same, and the message is in failed/.
  folder,           ///< The message as a file in a foreign folder.
  elsewhere,        ///< The same, and the folder is on another file system.
  inbox,            ///< The message as a file in the inbox of the queue.
  empty_inbox,      ///< An inbox without a file.
  one_inbox,        ///< An inbox of two queues, with the message.
};

const char* to_string(Place place);

/// Where an actor acts.
struct Stage {
  detail::Sys& sys;         ///< What the library calls: `scheduled`, or a mutant over it.
  ScheduledSys& scheduled;  ///< For what a foreign program does.
  SimulatedSys& disk;       ///< Not scheduled: for a foreign program's step only.
  std::string path;
  Place place;
  std::size_t number = 0;  ///< 0 or 1.
};

/// Makes the queues of a place. Actors open them then.
void make_place(SimulatedSys& disk, const std::string& path, Place place, bool second);
/// Puts the message there.
void fill_place(SimulatedSys& disk, const std::string& path, Place place, Fates& fates);

/// Acts, once, on what is there. Keeps `Told` true to what has begun and what has returned.
using Act = std::function<void(Told&)>;

struct Actor {
  std::string name;
  std::vector<Place> places;  ///< Where it has something to do.
  /// Opens what it needs. The scheduler switches only while the returned function runs.
  std::function<Act(const Stage&)> open;
  bool second = false;   ///< Needs the second queue.
  bool foreign = false;  ///< Knows nothing of spoolq, and acts only in its own places.
};

/// All of them: the transitions of docs/architecture.md, and foreign programs.
const std::vector<Actor>& actors();
const Actor& actor(const std::string& name);
/// The foreign programs among them.
std::vector<Actor> foreign_actors();

}  // namespace spoolq::test
