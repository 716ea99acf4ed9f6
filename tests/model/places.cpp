// What is there before two actors begin.
#include <fcntl.h>

#include "queue/format/message_id.hpp"
#include "queue/store/rename.hpp"
#include "tests/model/actors.hpp"
#include "tests/model/foreign_folder.hpp"
#include "tests/model/world.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr const char* kInboxFile = "1795403405.P10625Q1.vm";
/// Longer than the age at which sweep() takes a file for abandoned.
constexpr seconds kAbandoned{90};
constexpr std::uint64_t kOtherMount = 2;

bool has_inbox(Place place) {
  return place == Place::inbox || place == Place::empty_inbox || place == Place::one_inbox;
}

bool is_empty(Place place) {
  return place == Place::none || place == Place::empty || place == Place::empty_inbox;
}

void put_shared(SimulatedSys& disk, const std::string& path, const PutOptions& options = {}) {
  static_cast<void>(put(open_queue(disk, path), kShared, options));
}

void claim_shared(SimulatedSys& disk, const std::string& path, std::string claim, bool lapsed) {
  const auto queue = open_queue(disk, path);
  static_cast<void>(put(queue, kShared));
  const bool detached = detail::is_detached(claim);
  const StoredMessage claimed = claim_only(*queue, claim);
  if (!detached) return;
  const Duration lease = lapsed ? Duration{1} : Duration{hours{1}};
  static_cast<void>(detail::change_claim(*queue, claimed, claim, queue->from_now(lease, "claim")));
  if (lapsed) disk.advance(seconds{1});
}

/// As a power cut between the two halves of a rename may leave it, or a person with ln(1).
void give_second_name(SimulatedSys& disk, const std::string& path) {
  const auto queue = open_queue(disk, path);
  const StoredMessage claimed = only(*queue, State::claimed);
  MessageName name = claimed.name;
  name.claim.clear();
  name.attempts = 0;
  disk.plant_hard_link(queue->path(Folder::claimed, claimed.at.file()),
                       queue->path(Folder::ready, detail::format_name(name)));
}

/// What a mover by copy leaves that died while it was writing.
void leave_half_a_copy(SimulatedSys& disk, const std::string& path, State state) {
  const auto queue = open_queue(disk, path);
  const MessageName name = only(*queue, state).name;
  const std::string half = std::string{kShared}.substr(0, std::string{kShared}.size() / 2);
  disk.plant_file(
      second_queue(path) + "/tmp/" + std::to_string(name.priority) + '.' + name.id.to_string(),
      half);
  disk.advance(kAbandoned);
}

void fail_shared(SimulatedSys& disk, const std::string& path) {
  const auto queue = open_queue(disk, path);
  detail::fail(*queue, put_and_claim(*queue, kShared), reason("no"));
}

}  // namespace

const char* to_string(Place place) {
  switch (place) {
    case Place::none:
      return "no queue";
    case Place::empty:
      return "an empty queue";
    case Place::ready:
      return "a ready message";
    case Place::leased:
      return "a ready message with a lease and a backup";
    case Place::dead:
      return "a claim of the dead";
    case Place::held:
      return "a detached claim";
    case Place::lapsed:
      return "a detached claim that is over";
    case Place::failed:
      return "a failed message";
    case Place::delayed:
      return "a delayed message";
    case Place::expired:
      return "an expired message";
    case Place::two_names:
      return "a message with two names";
    case Place::leftover:
      return "half a copy";
    case Place::failed_leftover:
      return "half a copy of a failed message";
    case Place::folder:
      return "a foreign folder";
    case Place::elsewhere:
      return "a foreign folder elsewhere";
    case Place::inbox:
      return "an inbox";
    case Place::empty_inbox:
      return "an empty inbox";
    case Place::one_inbox:
      return "one inbox of two queues";
  }
  return "";
}

void make_place(SimulatedSys& disk, const std::string& path, Place place, bool second) {
  disk.reuse_inodes(true);
  disk.plant_directory("/outside");
  if (place == Place::none) return;
  if (has_inbox(place)) {
    disk.plant_directory(story_inbox(path));
    detail::init_queue(disk, path, {{"min_free", "0"}, {"max_attempts", "50"}}, story_inbox(path));
  } else {
    make_story_queue(disk, path);
  }
  if (second || place == Place::leftover || place == Place::failed_leftover ||
      place == Place::one_inbox) {
    make_story_queue(disk, second_queue(path));
  }
  if (place == Place::leased) open_queue(disk, path)->configure({{"lease", "10m"}});
  if (place != Place::one_inbox) return;
  // As a program makes it that does not ask.
  const std::string link = second_queue(path) + "/new";
  const auto queue = open_queue(disk, second_queue(path));
  static_cast<void>(disk.unlinkat(queue->folders().root(), "new", AT_REMOVEDIR));
  disk.plant_symlink(link, story_inbox(path));
}

void fill_place(SimulatedSys& disk, const std::string& path, Place place, Fates& fates) {
  if (is_empty(place)) return;
  fates[kShared] = Fate::there;
  switch (place) {
    case Place::dead:
    case Place::two_names:
      claim_shared(disk, path, kDeadClaim, false);
      if (place == Place::two_names) give_second_name(disk, path);
      break;
    case Place::held:
    case Place::lapsed:
      claim_shared(disk, path, std::string{detail::kDetachedClaim} + detail::random_token(),
                   place == Place::lapsed);
      break;
    case Place::failed:
    case Place::failed_leftover:
      fail_shared(disk, path);
      if (place == Place::failed_leftover) leave_half_a_copy(disk, path, State::failed);
      break;
    case Place::delayed:
      put_shared(disk, path, {.delay = hours{1}});
      break;
    case Place::expired:
      put_shared(disk, path, {.time_to_live = seconds{1}});
      disk.advance(seconds{2});
      break;
    case Place::folder:
    case Place::elsewhere:
      make_foreign_folder(disk, path, FolderKind::plain, kShared);
      disk.set_modified(foreign_folder(path, FolderKind::plain) + "/report.txt", kOldTime);
      if (place == Place::elsewhere) {
        disk.set_mount_id(foreign_folder(path, FolderKind::plain), kOtherMount);
      }
      break;
    case Place::inbox:
    case Place::one_inbox:
      disk.plant_file(story_inbox(path) + '/' + kInboxFile, kShared);
      disk.set_modified(story_inbox(path) + '/' + kInboxFile, kOldTime);
      break;
    default:
      put_shared(disk, path);
      if (place == Place::leftover) leave_half_a_copy(disk, path, State::ready);
      if (place == Place::leased) {
        const auto queue = open_queue(disk, path);
        const std::string file = only(*queue, State::ready).at.file();
        disk.plant_hard_link(queue->path(Folder::ready, file), "/outside/backup");
      }
      break;
  }
  disk.commit();
}

}  // namespace spoolq::test
