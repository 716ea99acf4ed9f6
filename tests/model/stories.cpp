// One story for each transition of docs/architecture.md.
#include <fcntl.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "queue/format/message_id.hpp"
#include "queue/lifecycle/detached_claims.hpp"
#include "queue/lifecycle/transitions.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/queue_access.hpp"
#include "queue/store/rename.hpp"
#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "tests/model/foreign_folder.hpp"
#include "tests/model/promises.hpp"
#include "tests/model/world.hpp"
#include "tests/support/two_mounts.hpp"

namespace spoolq::test {
namespace {

using detail::Folder;
using detail::OpenQueue;
using detail::StoredMessage;
using detail::Sys;
using std::chrono::hours;

constexpr const char* kOne = "the first message";
constexpr const char* kTwo = "the second message, a little longer";
/// A consumer that never was: its claims are those of the dead.
constexpr const char* kDeadClaim = "0123456789abcdef.1";

std::shared_ptr<OpenQueue> open(Sys& sys, const std::string& path) {
  return std::make_shared<OpenQueue>(sys, path, LogHandler{});
}

void put(Sys& sys, const std::string& path, Fates& fates, const std::string& payload,
         const PutOptions& options = {}) {
  Producer producer{handle(open(sys, path))};
  fates[payload] = Fate::either;
  try {
    producer.put(payload, options);
  } catch (const Error& error) {
    // Refused means refused; only the one error says that it may be visible.
    if (error.code() != errc::indeterminate) fates[payload] = Fate::gone;
    throw;
  }
  fates[payload] = Fate::there;
}

PutOptions rich_options() {
  PutOptions options;
  options.priority = 2;
  options.delay = hours{1};
  options.time_to_live = hours{48};
  options.key = "user/7";
  options.type = "text/plain";
  options.name = "cat.jpg";
  options.headers = {{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
  return options;
}

/// The only message in `state`.
StoredMessage only(OpenQueue& queue, State state) {
  std::optional<StoredMessage> found;
  queue.store().scan(state, [&](const StoredMessage& message) {
    found = message;
    return true;
  });
  if (!found) detail::throw_errno(ENOENT, "find the only message in", queue.path());
  return *found;
}

void claim_as_the_dead(OpenQueue& queue) {
  const StoredMessage ready = only(queue, State::ready);
  static_cast<void>(detail::claim(queue, ready, kDeadClaim));
}

/// Takes the only message and does something with it.
void take_and(Sys& sys, const std::string& path, const std::function<void(Claim&)>& what) {
  Consumer consumer{handle(open(sys, path))};
  auto claim = consumer.try_take();
  if (!claim) detail::throw_errno(ENOENT, "take from", path);
  what(*claim);
}

void ack_one(Sys& sys, const std::string& path, Fates& fates) {
  take_and(sys, path, [&](Claim& claim) {
    fates[kOne] = Fate::either;
    claim.ack();
    fates[kOne] = Fate::gone;
  });
}

/// Drops a file into new/ as a program does that knows nothing of spoolq, and syncs nothing.
void drop_stranger(Sys& sys, const std::string& path, const std::string& payload) {
  OpenQueue queue{sys, path, {}};
  const int tmp = queue.fd(Folder::tmp);
  const auto opened = sys.openat(tmp, "report.txt", O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!opened.ok()) detail::throw_errno(opened.error(), "create", "report.txt");
  const detail::UniqueFd fd{sys, opened.fd()};
  detail::write_all(sys, fd.get(), payload, "report.txt");
  const auto renamed =
      sys.renameat2(tmp, "report.txt", queue.fd(Folder::ready), "1795403405.P10625Q1.vm", 0);
  if (!renamed.ok()) detail::throw_errno(renamed.error(), "rename", "report.txt");
}

/// Makes a file of that name and content, as a restored backup may.
void restore_file(OpenQueue& queue, Folder folder, const std::string& file,
                  const std::string& payload) {
  Sys& sys = queue.sys();
  const auto opened = sys.openat(queue.fd(folder), file.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!opened.ok()) detail::throw_errno(opened.error(), "create", file);
  const detail::UniqueFd fd{sys, opened.fd()};
  detail::write_all(sys, fd.get(), payload, file);
  if (!sys.fsync(fd.get()).ok() || !sys.fsync(queue.fd(folder)).ok()) {
    detail::throw_errno(EIO, "fsync", file);
  }
}

void one_ready(Sys& sys, const std::string& path, Fates& fates) { put(sys, path, fates, kOne); }

void one_of_the_dead(Sys& sys, const std::string& path, Fates& fates) {
  put(sys, path, fates, kOne);
  claim_as_the_dead(*open(sys, path));
}

void one_foreign(Sys& sys, const std::string& path, Fates& fates) {
  restore_file(*open(sys, path), Folder::ready, "1795403405.P10625Q1.vm", kOne);
  fates[kOne] = Fate::there;
}

void one_finished(Sys& sys, const std::string& path, Fates& fates) {
  put(sys, path, fates, kOne);
  open(sys, path)->configure({{"keep_done", "on"}});
  take_and(sys, path, [](Claim& claim) { claim.ack(); });
  fates[kOne] = Fate::gone;
}

void one_failed(Sys& sys, const std::string& path, Fates& fates) {
  put(sys, path, fates, kOne);
  take_and(sys, path, [](Claim& claim) {
    Reason reason;
    reason.text = "no";
    claim.fail(reason);
  });
}

void one_delayed(Sys& sys, const std::string& path, Fates& fates) {
  PutOptions options;
  options.delay = hours{1};
  put(sys, path, fates, kOne, options);
}

void keep_done(Sys& sys, const std::string& path, Fates& fates) {
  put(sys, path, fates, kOne);
  open(sys, path)->configure({{"keep_done", "on"}});
}

/// A claimed message of the dead, and another one in new/ with the name that it will want back.
void twin(Sys& sys, const std::string& path, Fates& fates) {
  const auto queue = open(sys, path);
  detail::MessageName name;
  name.id = detail::process_message_ids().next(queue->now());
  name.attempts = 1;
  restore_file(*queue, Folder::ready, detail::format_name(name), kTwo);
  name.claim = kDeadClaim;
  restore_file(*queue, Folder::claimed, detail::format_name(name), kOne);
  fates[kOne] = fates[kTwo] = Fate::there;
}

Story with_second_queue(std::string name,
                        void (*prepare)(Sys&, const std::string& path, Fates& fates),
                        std::function<void(Sys&, const std::string&, Fates&)> act) {
  return {std::move(name),
          [prepare](Sys& sys, const std::string& path, Fates& fates) {
            prepare(sys, path, fates);
            make_story_queue(sys, second_queue(path));
          },
          std::move(act)};
}

/// Makes the folder of other programs, durable, with a file in it that a writer has put there
/// whole.
void fill_inbox(Sys& sys, const std::string& path, const std::string& payload) {
  const std::string name = story_inbox(path);
  const std::size_t slash = name.rfind('/');
  const auto parent = detail::open_directory(sys, slash == 0 ? "/" : name.substr(0, slash));
  const auto made = sys.mkdirat(parent.get(), name.c_str() + slash + 1, 0777);
  if (!made.ok()) detail::throw_errno(made.error(), "mkdir", name);
  const auto inbox = detail::open_directory(sys, name);
  const auto opened = sys.openat(inbox.get(), "1795403405.P10625Q1.vm", O_WRONLY | O_CREAT, 0600);
  if (!opened.ok()) detail::throw_errno(opened.error(), "create", name);
  const detail::UniqueFd fd{sys, opened.fd()};
  detail::write_all(sys, fd.get(), payload, name);
  for (const int each : {fd.get(), inbox.get(), parent.get()}) {
    if (!sys.fsync(each).ok()) detail::throw_errno(EIO, "fsync", name);
  }
}

/// A queue whose only message is a file in its inbox.
void one_in_inbox(Sys& sys, const std::string& path, Fates& fates) {
  fill_inbox(sys, path, kOne);
  detail::init_queue(sys, path, {}, story_inbox(path));
  fates[kOne] = Fate::there;
}

enum class Mounts { one, two };

/// Moves the only message of a state into the second queue.
std::function<void(Sys&, const std::string&, Fates&)> move_one(State state, Mounts mounts) {
  return [state, mounts](Sys& sys, const std::string& path, Fates& fates) {
    TwoMounts two{sys};
    Queue source = handle(open(two, path));
    Queue target = handle(open(two, second_queue(path)));
    if (mounts == Mounts::two) two.put_away(*detail::QueueAccess::open(target));
    const StoredMessage message = only(*detail::QueueAccess::open(source), state);
    fates[kOne] = Fate::moving;
    source.move(detail::describe(*detail::QueueAccess::open(source), state, message), target);
    fates[kOne] = Fate::there;
    if (!target.list(state).empty()) return;
    detail::throw_errno(ENOENT, "find the message in", target.path());
  };
}

/// Moves the only finished message, which is never to be delivered, wherever it is.
std::function<void(Sys&, const std::string&, Fates&)> move_finished_one() {
  return [](Sys& sys, const std::string& path, Fates&) {
    TwoMounts two{sys};
    Queue source = handle(open(two, path));
    Queue target = handle(open(two, second_queue(path)));
    two.put_away(*detail::QueueAccess::open(target));
    source.move(source.list(State::done).at(0), target);
    if (target.list(State::done).size() == 1) return;
    detail::throw_errno(ENOENT, "find the message in", target.path());
  };
}

/// Reads the only message of a state, which another program keeps from then on, and removes it.
std::function<void(Sys&, const std::string&, Fates&)> move_out_one(State state) {
  return [state](Sys& sys, const std::string& path, Fates& fates) {
    Queue queue = handle(open(sys, path));
    MoveOut out = queue.move_out(queue.list(state).at(0));
    std::string payload;
    queue.read_payload(out.info(), [&](std::string_view bytes) { payload += bytes; });
    if (payload != kOne) detail::throw_errno(EIO, "read", out.info().path);
    fates[kOne] = Fate::either;
    out.remove();
    fates[kOne] = Fate::gone;
  };
}

/// A claim for a move whose mover is dead.
void claim_to_move_as_the_dead(OpenQueue& queue, State state) {
  static_cast<void>(detail::claim_for_move(queue, only(queue, state), kDeadClaim));
}

/// A message and its copy in the second queue, whose mover died before anything but the copy's file
/// was on disk.
void one_copied(Sys& sys, const std::string& path, Fates& fates) {
  put(sys, path, fates, kOne);
  make_story_queue(sys, second_queue(path));
  const std::string file = only(*open(sys, path), State::ready).at.file();
  OpenQueue target{sys, second_queue(path), {}};
  const auto opened =
      sys.openat(target.fd(Folder::tmp), file.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!opened.ok()) detail::throw_errno(opened.error(), "create", file);
  const detail::UniqueFd fd{sys, opened.fd()};
  detail::write_all(sys, fd.get(), kOne, file);
  if (!sys.fsync(fd.get()).ok() || !sys.renameat2(target.fd(Folder::tmp), file.c_str(),
                                                  target.fd(Folder::ready), file.c_str(), 0)
                                        .ok()) {
    detail::throw_errno(EIO, "publish", file);
  }
  fates[kOne] = Fate::moving;
}

/// Ends the claim of the only message by handing it over to the second queue.
std::function<void(Sys&, const std::string&, Fates&)> hand_over_one(Mounts mounts) {
  return [mounts](Sys& sys, const std::string& path, Fates& fates) {
    TwoMounts two{sys};
    Queue target = handle(open(two, second_queue(path)));
    if (mounts == Mounts::two) two.put_away(*detail::QueueAccess::open(target));
    take_and(two, path, [&](Claim& claim) {
      fates[kOne] = Fate::moving;
      claim.move(target);
      fates[kOne] = Fate::there;
    });
    if (target.list(State::ready).size() == 1) return;
    detail::throw_errno(ENOENT, "find the message in", target.path());
  };
}

/// A claim that has been looked at for a lease, taken back from a consumer that lives.
void end_a_lease(Sys& sys, const std::string& path, Fates& fates) {
  const auto queue = open(sys, path);
  Consumer hanging{handle(queue)};
  auto claim = hanging.try_take();
  if (!claim) detail::throw_errno(ENOENT, "take from", path);
  claim->extend();
  detail::Observations seen;
  for (const Duration ago : {hours{2}, hours{1}}) {
    seen.seen_for(only(*queue, State::claimed).at.file(), queue->since_boot() - ago, hours{1});
  }
  detail::reap(*queue, {}, &seen);
  try {
    claim->ack();
    fates[kOne] = Fate::gone;
  } catch (const Error& error) {
    if (error.code() != errc::claim_lost) {
      fates[kOne] = Fate::either;
      throw;
    }
  }
}

/// Files in a folder of somebody else's, one of which is taken and worked off.
Story with_foreign_folder(std::string name, FolderKind kind, Mounts mounts) {
  return {std::move(name),
          [kind](Sys& sys, const std::string& path, Fates& fates) {
            make_foreign_folder(sys, path, kind, kOne);
            fates[kOne] = Fate::there;
          },
          [kind, mounts](Sys& sys, const std::string& path, Fates& fates) {
            TwoMounts two{sys};
            if (mounts == Mounts::two) two.put_away(foreign_folder(path, kind));
            take_foreign_folder(*open(two, path), path, kind);
            take_and(two, path, [&](Claim& claim) {
              fates[kOne] = Fate::either;
              claim.ack();
              fates[kOne] = Fate::gone;
            });
          }};
}

std::vector<Story> make_stories() {
  return {
      {"put", [](Sys&, const std::string&, Fates&) {},
       [](Sys& sys, const std::string& path, Fates& fates) { put(sys, path, fates, kOne); }},
      {"put with all options", one_ready,
       [](Sys& sys, const std::string& path, Fates& fates) {
         put(sys, path, fates, kTwo, rich_options());
       }},
      {"claim and ack", one_ready, ack_one},
      {"claim and ack, kept", keep_done, ack_one},
      {"release", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         take_and(sys, path, [](Claim& claim) { claim.release(); });
       }},
      {"undo a claim", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         take_and(sys, path, [](Claim& claim) { claim.undo(); });
       }},
      {"release with delay", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         take_and(sys, path, [](Claim& claim) { claim.release(hours{1}); });
       }},
      {"retry later", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         take_and(sys, path, [](Claim& claim) {
           Reason reason;
           reason.text = "exit code 3";
           RetryPolicy policy;
           policy.backoff = Backoff{hours{1}, hours{2}};
           claim.retry_later(reason, policy);
         });
       }},
      {"extend and ack", one_ready,
       [](Sys& sys, const std::string& path, Fates& fates) {
         take_and(sys, path, [&](Claim& claim) {
           claim.extend();
           fates[kOne] = Fate::either;
           claim.ack();
           fates[kOne] = Fate::gone;
         });
       }},
      {"reap a claim whose lease is over",
       [](Sys& sys, const std::string& path, Fates& fates) {
         put(sys, path, fates, kOne);
         open(sys, path)->configure({{"lease", "10m"}});
       },
       end_a_lease},
      {"fail", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         take_and(sys, path, [](Claim& claim) {
           Reason reason;
           reason.text = "broken";
           reason.exit_code = 65;
           claim.fail(reason);
         });
       }},
      {"retry", one_failed,
       [](Sys& sys, const std::string& path, Fates&) {
         const auto queue = open(sys, path);
         detail::retry(*queue, only(*queue, State::failed));
       }},
      {"remove", one_ready,
       [](Sys& sys, const std::string& path, Fates& fates) {
         const auto queue = open(sys, path);
         const StoredMessage message = only(*queue, State::ready);
         fates[kOne] = Fate::either;
         detail::remove(*queue, message);
         fates[kOne] = Fate::gone;
       }},
      {"due", one_delayed,
       [](Sys& sys, const std::string& path, Fates&) {
         const auto queue = open(sys, path);
         detail::make_due(*queue, only(*queue, State::delayed));
       }},
      {"due, claim and ack", one_delayed,
       [](Sys& sys, const std::string& path, Fates& fates) {
         {
           const auto queue = open(sys, path);
           detail::make_due(*queue, only(*queue, State::delayed));
         }
         ack_one(sys, path, fates);
       }},
      {"reap", one_of_the_dead,
       [](Sys& sys, const std::string& path, Fates&) { detail::reap(*open(sys, path)); }},
      {"reap, claim and ack", one_of_the_dead,
       [](Sys& sys, const std::string& path, Fates& fates) {
         detail::reap(*open(sys, path));
         ack_one(sys, path, fates);
       }},
      {"reap beside a copy", twin,
       [](Sys& sys, const std::string& path, Fates&) { detail::reap(*open(sys, path)); }},
      {"hold, extend and ack", one_ready,
       [](Sys& sys, const std::string& path, Fates& fates) {
         std::string receipt;
         take_and(sys, path, [&](Claim& claim) { receipt = claim.detach(hours{1}); });
         Queue queue = handle(open(sys, path));
         queue.detached_claim(receipt).extend(hours{2});
         DetachedClaim claim = queue.detached_claim(receipt);
         fates[kOne] = Fate::either;
         claim.ack();
         fates[kOne] = Fate::gone;
       }},
      {"take a stranger's file",
       [](Sys& sys, const std::string& path, Fates& fates) {
         drop_stranger(sys, path, kOne);
         // Its writer synced nothing: until somebody has it, a power cut may do what it likes.
         fates[kOne] = Fate::there;
       },
       ack_one},
      {"configure", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         open(sys, path)->configure({{"max_attempts", "7"}});
       }},
      with_second_queue("move", one_ready, move_one(State::ready, Mounts::one)),
      with_second_queue("move by copy", one_ready, move_one(State::ready, Mounts::two)),
      {"move by copy again", one_copied, move_one(State::ready, Mounts::two)},
      with_second_queue("move a failed message by copy", one_failed,
                        move_one(State::failed, Mounts::two)),
      with_second_queue("move a delayed message by copy", one_delayed,
                        move_one(State::delayed, Mounts::two)),
      with_second_queue("move a finished message by copy", one_finished, move_finished_one()),
      with_second_queue("move a foreign file", one_foreign, move_one(State::ready, Mounts::one)),
      with_second_queue("move a foreign file by copy", one_foreign,
                        move_one(State::ready, Mounts::two)),
      {"move out", one_ready, move_out_one(State::ready)},
      {"move a delayed message out", one_delayed, move_out_one(State::delayed)},
      {"reap a claim for the move of a failed message",
       [](Sys& sys, const std::string& path, Fates& fates) {
         one_failed(sys, path, fates);
         claim_to_move_as_the_dead(*open(sys, path), State::failed);
       },
       [](Sys& sys, const std::string& path, Fates&) { detail::reap(*open(sys, path)); }},
      {"reap a claim for the move of a finished message",
       [](Sys& sys, const std::string& path, Fates& fates) {
         one_finished(sys, path, fates);
         claim_to_move_as_the_dead(*open(sys, path), State::done);
       },
       [](Sys& sys, const std::string& path, Fates&) { detail::reap(*open(sys, path)); }},
      with_second_queue("hand over", one_ready, hand_over_one(Mounts::one)),
      with_second_queue("hand over by copy", one_ready, hand_over_one(Mounts::two)),
      with_foreign_folder("adopt", FolderKind::plain, Mounts::one),
      with_foreign_folder("adopt by copy", FolderKind::plain, Mounts::two),
      with_foreign_folder("adopt and keep", FolderKind::kept, Mounts::one),
      with_foreign_folder("adopt beside a marker", FolderKind::marked, Mounts::one),
      {"pause and resume", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         Queue queue = handle(open(sys, path));
         queue.pause();
         queue.resume();
       }},
      {"init with an inbox",
       [](Sys& sys, const std::string& path, Fates& fates) {
         one_delayed(sys, path, fates);
         fill_inbox(sys, path, kTwo);
         fates[kTwo] = Fate::either;  // Not in the queue yet.
       },
       [](Sys& sys, const std::string& path, Fates& fates) {
         detail::init_queue(sys, path, {}, story_inbox(path));
         fates[kTwo] = Fate::there;
       }},
      {"take from an inbox", one_in_inbox, ack_one},
      {"release into an inbox", one_in_inbox,
       [](Sys& sys, const std::string& path, Fates&) {
         take_and(sys, path, [](Claim& claim) { claim.release(); });
       }},
      {"put into an inbox", one_in_inbox,
       [](Sys& sys, const std::string& path, Fates& fates) { put(sys, path, fates, kTwo); }},
      {"init again", one_ready,
       [](Sys& sys, const std::string& path, Fates&) {
         detail::init_queue(sys, path, {{"max_attempts", "9"}});
       }},
  };
}

}  // namespace

const std::vector<Story>& stories() {
  static const std::vector<Story> all = make_stories();
  return all;
}

const Story& story(const std::string& name) {
  for (const Story& candidate : stories()) {
    if (candidate.name == name) return candidate;
  }
  throw std::invalid_argument{"no story " + name};
}

bool full_sweep() {
  const char* const sweep = std::getenv("SPOOLQ_SWEEP");
  return sweep != nullptr && std::string_view{sweep} == "full";
}

void make_story_queue(Sys& sys, const std::string& path) {
  detail::init_queue(sys, path, {{"min_free", "0"}, {"max_attempts", "50"}});
}

}  // namespace spoolq::test
