// The transitions as actors.
#include "tests/model/actors.hpp"

#include <optional>
#include <stdexcept>

#include "queue/lifecycle/move.hpp"
#include "queue/maintenance/cleanup.hpp"
#include "queue/maintenance/due.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/draft.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "tests/model/foreign_folder.hpp"
#include "tests/model/world.hpp"
#include "tests/support/two_mounts.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;

/// Runs a call about a message, of which the actor knows `begun` while it runs and `done` when it
/// has returned.
void tell(Told& told, const std::string& payload, Word begun, Word done,
          const std::function<void()>& call) {
  Word& word = told.words[payload];
  word = begun;
  try {
    call();
    word = done;
  } catch (const Error& error) {
    const bool lost = error.code() == errc::claim_lost || error.code() == errc::no_such_message ||
                      error.code() == errc::claim_owned || error.code() == condition::temporary;
    if (lost) {
      word = Word::nothing;
    } else {
      told.error += error.what();
    }
  }
}

/// The only message in one of these states, if there is one.
std::optional<MessageInfo> find(Queue& queue, const std::vector<State>& states) {
  for (const State state : states) {
    const auto found = queue.list(state);
    if (!found.empty()) return found.front();
  }
  return std::nullopt;
}

Act puts(const Stage& stage) {
  auto producer = std::make_shared<Producer>(handle(open_queue(stage.sys, stage.path)));
  const std::string payload = std::string{"put by "} + (stage.number == 0 ? "A" : "B");
  return [producer, payload](Told& told) {
    told.words[payload] = Word::in_doubt;
    try {
      producer->put(payload);
      told.words[payload] = Word::there;
    } catch (const Error& error) {
      // Refused means refused; only the one error says that it may be visible.
      if (error.code() != errc::indeterminate) told.words[payload] = Word::nothing;
      told.error += error.what();
    }
  };
}

Act opens_and_puts(const Stage& stage) {
  return [stage](Told& told) {
    try {
      puts(stage)(told);
    } catch (const Error& error) {
      // Not made yet.
      if (error.code() != errc::not_a_queue) throw;
    }
  };
}

/// Takes a message and does something with it. The consumer is no beginner: its first look at the
/// queue, with its upkeep, is over.
std::function<Act(const Stage&)> takes_and(
    std::function<void(const Stage&, Claim&, Told&, const std::string&)> what) {
  return [what](const Stage& stage) -> Act {
    auto mounts = std::make_shared<TwoMounts>(stage.sys);
    auto consumer = std::make_shared<Consumer>(handle(open_queue(*mounts, stage.path)));
    static_cast<void>(consumer->try_take());
    auto claim = std::make_shared<std::optional<Claim>>();
    return [stage, what, mounts, consumer, claim](Told& told) {
      *claim = consumer->try_take();
      if (!*claim) return;
      const std::string payload = (*claim)->payload();
      told.payloads[(*claim)->info().id.to_string()] = payload;
      told.words[payload] = Word::holds;
      what({*mounts, stage.scheduled, stage.disk, stage.path, stage.place, stage.number}, **claim,
           told, payload);
    };
  };
}

/// Finds a detached claim and does something with it.
std::function<Act(const Stage&)> finds_claim_and(std::function<void(DetachedClaim&, Told&)> what) {
  return [what](const Stage& stage) -> Act {
    auto queue = std::make_shared<Queue>(handle(open_queue(stage.sys, stage.path)));
    return [queue, what](Told& told) {
      std::optional<DetachedClaim> claim;
      tell(told, kShared, Word::nothing, Word::nothing, [&] {
        const auto claimed = find(*queue, {State::claimed});
        if (claimed) claim = queue->detached_claim(claimed->id.to_string());
      });
      if (claim) what(*claim, told);
    };
  };
}

/// Calls a function of the library with an open queue.
std::function<Act(const Stage&)> calls(std::function<void(OpenQueue&, Told&)> what) {
  return [what](const Stage& stage) -> Act {
    auto queue = open_queue(stage.sys, stage.path);
    return [queue, what](Told& told) { what(*queue, told); };
  };
}

enum class Mounts { one, two };

struct Pair {
  TwoMounts mounts;
  std::optional<Queue> source;
  std::optional<Queue> target;

  Pair(const Stage& stage, Mounts number) : mounts{stage.sys} {
    source.emplace(handle(open_queue(mounts, stage.path)));
    target.emplace(handle(open_queue(mounts, second_queue(stage.path))));
    if (number == Mounts::two) mounts.put_away(*detail::QueueAccess::open(*target));
  }
};

std::function<Act(const Stage&)> moves(Mounts number) {
  return [number](const Stage& stage) -> Act {
    auto queues = std::make_shared<Pair>(stage, number);
    // From an inbox of both the other actor may take it afterwards. In any inbox its writer may
    // have replaced it since the mover has looked.
    const bool in_inbox = stage.place == Place::one_inbox || stage.place == Place::inbox;
    const Word done = in_inbox ? Word::nothing : Word::moved;
    return [stage, queues, number, done](Told& told) {
      const auto message = find(*queues->source, {State::ready, State::failed, State::delayed});
      if (!message || !stage.disk.exists(message->path)) return;
      const Word begun = number == Mounts::two ? Word::moving : Word::nothing;
      tell(told, stage.disk.read_file(message->path), begun, done,
           [&] { queues->source->move(*message, *queues->target); });
    };
  };
}

/// As `export --move` does: the caller has the copy, and then the message is removed.
Act moves_out(const Stage& stage) {
  auto queue = std::make_shared<Queue>(handle(open_queue(stage.sys, stage.path)));
  return [stage, queue](Told& told) {
    const auto message = find(*queue, {State::ready, State::failed, State::delayed});
    if (!message || !stage.disk.exists(message->path)) return;
    std::string payload;
    bool removed = false;
    tell(told, stage.disk.read_file(message->path), Word::in_doubt, Word::nothing, [&] {
      MoveOut out = queue->move_out(*message);
      queue->read_payload(out.info(), [&](std::string_view part) { payload += part; });
      told.words[payload] = Word::in_doubt;
      out.remove();
      removed = true;
    });
    if (!payload.empty()) told.words[payload] = removed ? Word::ended : Word::nothing;
  };
}

std::function<Act(const Stage&)> hands_over(Mounts number) {
  return takes_and(
      [number](const Stage& stage, Claim& claim, Told& told, const std::string& payload) {
        auto& mounts = dynamic_cast<TwoMounts&>(stage.sys);
        Queue target = handle(open_queue(mounts, second_queue(stage.path)));
        if (number == Mounts::two) mounts.put_away(*detail::QueueAccess::open(target));
        tell(told, payload, number == Mounts::two ? Word::moving : Word::nothing, Word::moved,
             [&] { claim.move(target); });
      });
}

enum class Into { first, second };

std::function<Act(const Stage&)> adopts(Mounts number, Into into = Into::first) {
  return [number, into](const Stage& stage) -> Act {
    auto mounts = std::make_shared<TwoMounts>(stage.sys);
    if (number == Mounts::two) mounts->put_away(foreign_folder(stage.path, FolderKind::plain));
    auto queue = open_queue(*mounts, into == Into::first ? stage.path : second_queue(stage.path));
    return [stage, mounts, queue](Told& told) {
      try {
        take_foreign_folder(*queue, stage.path, FolderKind::plain);
      } catch (const Error& error) {
        told.error += error.what();
      }
    };
  };
}

Act sweeps(const Stage& stage) {
  std::vector<std::shared_ptr<OpenQueue>> queues{open_queue(stage.sys, stage.path)};
  if (stage.disk.exists(second_queue(stage.path))) {
    queues.push_back(open_queue(stage.sys, second_queue(stage.path)));
  }
  return [queues](Told&) {
    for (const auto& queue : queues) static_cast<void>(detail::sweep_drafts(*queue));
  };
}

/// Each of two actors changes another setting.
SettingChange change_of(const Stage& stage) {
  return stage.number == 0 ? SettingChange{"max_attempts", "77"}
                           : SettingChange{"detached_lease", "20m"};
}

Act configures(const Stage& stage) {
  auto queue = open_queue(stage.sys, stage.path);
  return [queue, change = change_of(stage)](Told& told) {
    queue->configure({change});
    told.settings.insert(change);
  };
}

Act inits(const Stage& stage) {
  return [stage](Told& told) {
    const SettingChange change = change_of(stage);
    detail::init_queue(stage.sys, stage.path, {{"min_free", "0"}, change});
    told.settings.insert(change);
  };
}

Act removes(const Stage& stage) {
  auto queue = open_queue(stage.sys, stage.path);
  return [stage, queue](Told& told) {
    for (const State state : {State::ready, State::delayed, State::failed}) {
      const auto found = messages(*queue, state);
      if (found.empty()) continue;
      const std::string path = queue->path(found.front().at.folder(), found.front().at.file());
      if (!stage.disk.exists(path)) return;
      const std::string payload = stage.disk.read_file(path);
      // What is added to a file that is being removed for good goes with it.
      told.words[payload] = told.words[payload + kMore] = Word::in_doubt;
      const bool removed = detail::remove(*queue, found.front());
      told.words[payload] = told.words[payload + kMore] = removed ? Word::ended : Word::nothing;
      return;
    }
  };
}

/// Ends each claim as if it had been seen since long ago.
void ends_leases(OpenQueue& queue, Told&) {
  detail::Observations seen;
  for (const StoredMessage& message : messages(queue, State::claimed)) {
    for (const hours ago : {hours{2}, hours{1}}) {
      seen.seen_for(message.at.file(), queue.since_boot() - ago, hours{1});
    }
  }
  detail::reap(queue, {}, &seen);
}

void makes_due(OpenQueue& queue, Told&) {
  for (const StoredMessage& message : messages(queue, State::delayed)) {
    static_cast<void>(detail::make_due(queue, message));
  }
}

void retries(OpenQueue& queue, Told&) {
  for (const StoredMessage& message : messages(queue, State::failed)) {
    static_cast<void>(detail::retry(queue, message));
  }
}

void holds(const Stage&, Claim& claim, Told& told, const std::string&) {
  told.claimed = claim.path();
}

void acks(const Stage&, Claim& claim, Told& told, const std::string& payload) {
  tell(told, payload, Word::in_doubt, Word::ended, [&] { claim.ack(); });
}

void releases(const Stage&, Claim& claim, Told& told, const std::string& payload) {
  tell(told, payload, Word::nothing, Word::nothing, [&] { claim.release(); });
}

void fails(const Stage&, Claim& claim, Told& told, const std::string& payload) {
  tell(told, payload, Word::nothing, Word::nothing, [&] { claim.fail(reason("no")); });
}

void detaches(const Stage&, Claim& claim, Told& told, const std::string& payload) {
  tell(told, payload, Word::nothing, Word::nothing,
       [&] { static_cast<void>(claim.detach(hours{1})); });
}

std::vector<Actor> detached_claim_actors() {
  const auto without_word = [](auto call) {
    return finds_claim_and([call](DetachedClaim& claim, Told& told) {
      tell(told, kShared, Word::nothing, Word::nothing, [&] { call(claim); });
    });
  };
  using Held = DetachedClaim&;
  return {
      {"ack of a detached claim",
       {Place::held},
       finds_claim_and([](DetachedClaim& claim, Told& told) {
         tell(told, kShared, Word::in_doubt, Word::ended, [&] { claim.ack(); });
       })},
      {"release of a detached claim", {Place::held}, without_word([](Held claim) {
         claim.release();
       })},
      {"fail of a detached claim", {Place::held}, without_word([](Held claim) {
         claim.fail(reason("no"));
       })},
      {"extend", {Place::held}, without_word([](Held claim) { claim.extend(hours{2}); })},
  };
}

std::vector<Actor> make_actors() {
  using P = Place;
  std::vector<Actor> all{
      {"put", {P::empty}, puts},
      {"open and put", {P::none}, opens_and_puts},
      {"claim", {P::ready, P::leased}, takes_and(holds)},
      {"claim and ack", {P::ready, P::leased, P::two_names, P::inbox, P::folder}, takes_and(acks)},
      {"release", {P::ready, P::leased}, takes_and(releases)},
      {"fail", {P::ready, P::leased}, takes_and(fails)},
      {"detach", {P::ready, P::leased}, takes_and(detaches)},
      {"reclaim", {P::dead, P::lapsed}, calls([](OpenQueue& queue, Told&) {
         detail::reap(queue);
       })},
      {"reclaim of a slow claim", {P::leased}, calls(ends_leases)},
      {"due", {P::delayed}, calls(makes_due)},
      {"expire", {P::expired}, calls([](OpenQueue& queue, Told&) {
         static_cast<void>(detail::expire_ready(queue));
       })},
      {"retry", {P::failed}, calls(retries)},
      {"rm", {P::ready}, removes},
      {"move", {P::ready, P::one_inbox}, moves(Mounts::one), true},
      {"move by copy",
       {P::ready, P::failed, P::leftover, P::failed_leftover},
       moves(Mounts::two),
       true},
      {"export --move", {P::ready, P::failed, P::inbox}, moves_out},
      {"hand over", {P::ready, P::leased}, hands_over(Mounts::one), true},
      {"hand over by copy", {P::ready, P::leased, P::leftover}, hands_over(Mounts::two), true},
      {"adopt", {P::folder}, adopts(Mounts::one)},
      {"adopt by copy", {P::folder, P::elsewhere}, adopts(Mounts::two)},
      {"adopt into the second queue", {P::folder}, adopts(Mounts::one, Into::second), true},
      {"adopt into the second queue by copy",
       {P::folder, P::elsewhere},
       adopts(Mounts::two, Into::second),
       true},
      {"sweep", {P::leftover, P::failed_leftover}, sweeps},
      {"init", {P::none, P::empty}, inits},
      {"configure", {P::empty}, configures},
  };
  for (const auto& more : {detached_claim_actors(), foreign_actors()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace

const std::vector<Actor>& actors() {
  static const std::vector<Actor> all = make_actors();
  return all;
}

const Actor& actor(const std::string& name) {
  for (const Actor& candidate : actors()) {
    if (candidate.name == name) return candidate;
  }
  throw std::invalid_argument{"no actor " + name};
}

}  // namespace spoolq::test
