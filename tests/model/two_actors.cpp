// One run of two actors, and the oracle over it.
#include "tests/model/two_actors.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "queue/maintenance/due.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/queue.hpp"
#include "tests/model/foreign_folder.hpp"
#include "tests/model/world.hpp"

namespace spoolq::test {
namespace {

constexpr const char* kPath = "/q";
/// Any file has settled after that, and no lease of an hour is over.
constexpr std::chrono::seconds kSettled{30};

using ToldBoth = std::array<Told, kActors>;

Word word_of(const Told& told, const std::string& payload) {
  const auto found = told.words.find(payload);
  return found == told.words.end() ? Word::nothing : found->second;
}

/// Whether an actor with this word relies on having the message alone.
bool owns(Word word) { return word == Word::holds || word == Word::moved || word == Word::ended; }

/// The fate of a message of which two actors have these words, when `before` is what it was.
std::optional<Fate> merge(std::optional<Fate> before, Word one, Word other) {
  const auto either_is = [&](Word word) { return one == word || other == word; };
  if (either_is(Word::ended)) return either_is(Word::moving) ? Fate::either : Fate::gone;
  // A file that is still being written may not be taken at all.
  if (either_is(Word::moving) && !before && !either_is(Word::there)) return Fate::either;
  if (either_is(Word::moving)) return either_is(Word::in_doubt) ? Fate::either : Fate::moving;
  if (owns(one) || owns(other)) return Fate::there;
  if (either_is(Word::in_doubt)) return Fate::either;
  if (either_is(Word::there)) return Fate::there;
  return before;
}

Fates merge(const Fates& before, const ToldBoth& told, std::string& wrong) {
  Fates merged = before;
  for (const Told& each : told) {
    for (const auto& [payload, word] : each.words) {
      const auto old = before.find(payload);
      const Word one = word_of(told[0], payload);
      const Word other = word_of(told[1], payload);
      const auto fate =
          merge(old == before.end() ? std::nullopt : std::optional{old->second}, one, other);
      if (fate) merged[payload] = *fate;
      if (&each == &told[0] && owns(one) && owns(other)) {
        wrong += fmt::format("both actors were told that they have '{}'\n", payload);
      }
    }
  }
  return merged;
}

/// Whether an actor has taken a file while the other one was writing it.
void check_halves(const ToldBoth& told, std::string& wrong) {
  for (std::size_t i = 0; i < kActors; ++i) {
    const std::string& half = told.at(i).half;
    const Told& other = told.at(1 - i);
    const bool claimed = std::any_of(other.payloads.begin(), other.payloads.end(),
                                     [&half](const auto& each) { return each.second == half; });
    const Word word = word_of(other, half);
    if (half.empty() || (!claimed && word != Word::moved)) continue;
    wrong += fmt::format("'{}' was taken before it was whole\n", half);
  }
}

/// Two messages with one id are one message for those who follow "Exactly once".
void check_ids(SimulatedSys& disk, const ToldBoth& told, std::string& wrong) {
  std::map<std::string, std::string> payloads = told[0].payloads;
  payloads.insert(told[1].payloads.begin(), told[1].payloads.end());
  // What an adopter into the second queue has begun.
  if (disk.exists(second_queue(kPath))) {
    static_cast<void>(
        take_foreign_folder(*open_queue(disk, second_queue(kPath)), kPath, FolderKind::plain));
  }
  Queue queue = handle(open_queue(disk, kPath));
  static_cast<void>(
      take_foreign_folder(*detail::QueueAccess::open(queue), kPath, FolderKind::plain));
  for (const State state : {State::ready, State::claimed, State::failed, State::delayed}) {
    for (const MessageInfo& message : queue.list(state)) {
      std::string payload;
      queue.read_payload(message, [&](std::string_view part) { payload += part; });
      const auto [known, added] = payloads.emplace(message.id.to_string(), payload);
      if (added || known->second == payload) continue;
      wrong += fmt::format("'{}' and '{}' have one id\n", known->second, payload);
    }
  }
}

void check_settings(SimulatedSys& disk, const ToldBoth& told, std::string& wrong) {
  if (told[0].settings.empty() && told[1].settings.empty()) return;
  const auto settings = handle(open_queue(disk, kPath)).settings();
  for (const Told& each : told) {
    for (const SettingChange change : each.settings) {
      if (std::find(settings.begin(), settings.end(), change) != settings.end()) continue;
      wrong += fmt::format("the setting {} is not {}\n", change.first, change.second);
    }
  }
}

/// What the next program does that the judge does not do.
void go_on(SimulatedSys& disk, Place place) {
  if (place == Place::none) detail::init_queue(disk, kPath, {});
  if (place != Place::expired) return;
  for (const std::string& path : {std::string{kPath}, second_queue(kPath)}) {
    if (!disk.exists(path)) continue;
    const auto queue = open_queue(disk, path);
    detail::reap(*queue);
    static_cast<void>(detail::expire_ready(*queue));
  }
}

std::string check(SimulatedSys& disk, Place place, const Fates& before, const ToldBoth& told) {
  std::string wrong;
  const Fates fates = merge(before, told, wrong);
  disk.advance(kSettled);
  try {
    go_on(disk, place);
    check_halves(told, wrong);
    check_settings(disk, told, wrong);
    check_ids(disk, told, wrong);
    wrong += judge(disk, kPath, fates);
  } catch (const Error& error) {
    wrong += fmt::format("afterwards: {}\n", error.what());
  }
  if (wrong.empty()) return wrong;
  for (const Told& each : told) {
    if (!each.error.empty()) wrong += fmt::format("an actor met: {}\n", each.error);
  }
  return wrong;
}

/// What holds of an actor that dies now: its claim is free.
Told as_dead(Told told) {
  for (auto& [payload, word] : told.words) {
    if (word == Word::holds) word = Word::nothing;
  }
  for (const auto& [payload, word] : told.if_dead) told.words[payload] = word;
  told.claimed.clear();
  told.half.clear();
  told.error.clear();
  return told;
}

/// Places in which only some actors have something to do.
bool is_special(Place place) {
  return place == Place::none || place == Place::leftover || place == Place::failed_leftover ||
         place == Place::folder || place == Place::elsewhere || place == Place::empty ||
         place == Place::leased;
}

/// Whether an actor has something to do in a place that another one is made for.
bool fits(const Actor& actor, Place place) {
  const bool own = std::find(actor.places.begin(), actor.places.end(), place) != actor.places.end();
  if (own) return true;
  if (actor.foreign || is_special(place)) return false;
  // It needs a foreign folder, or a place without a queue.
  return !is_special(actor.places.front()) || actor.places.front() == Place::empty ||
         actor.name == "init";
}

}  // namespace

Meeting::Meeting(Actor one, Actor other, Place place, Wrap wrap)
    : actors_{std::move(one), std::move(other)}, place_{place}, wrap_{std::move(wrap)} {
  make_place(before_, kPath, place_, actors_[0].second || actors_[1].second);
  before_.close_all();
  before_.commit();
  before_.record_calls(false);
}

std::string Meeting::name() const {
  return fmt::format("{} x {}, {}", actors_[0].name, actors_[1].name, to_string(place_));
}

Outcome Meeting::run(const Schedule& schedule) const {
  const auto disk = before_.crash(before_.keep_all(UnsyncedData::kept));
  Scheduler scheduler{*disk, schedule};
  ToldBoth told;
  ToldBoth told_the_dead;
  scheduler.on_death([&](std::size_t actor) { told_the_dead.at(actor) = as_dead(told.at(actor)); });
  Fates before;
  std::string robbed;
  {
    std::vector<std::unique_ptr<detail::Sys>> wrapped;
    std::array<Act, kActors> acts;
    std::array<std::function<void()>, kActors> bodies;
    for (std::size_t i = 0; i < kActors; ++i) {
      detail::Sys* sys = &scheduler.sys(i);
      if (wrap_) sys = wrapped.emplace_back(wrap_(*sys)).get();
      acts[i] = actors_[i].open({*sys, scheduler.sys(i), *disk, kPath, place_, i});
    }
    fill_place(*disk, kPath, place_, before);
    for (std::size_t i = 0; i < kActors; ++i) {
      bodies[i] = [&told, &acts, i] {
        try {
          acts[i](told[i]);
        } catch (const Error& error) {
          told[i].error += error.what();
        }
      };
    }
    scheduler.run(bodies);
    for (std::size_t i = 0; i < kActors; ++i) {
      if (scheduler.sys(i).dead()) told[i] = told_the_dead[i];
      // A lease may end it.
      if (place_ != Place::leased && !told[i].claimed.empty() && !disk->exists(told[i].claimed)) {
        robbed += "a living consumer has lost its claim\n";
      }
      scheduler.sys(i).die();
    }
  }
  Outcome outcome{scheduler.went_as_planned(),
                  {scheduler.points(0), scheduler.points(1)},
                  scheduler.switches(),
                  {}};
  if (scheduler.deadlocked()) outcome.wrong += "both wait for a lock of the other\n";
  if (disk->open_descriptor_count() != 0) outcome.wrong += "the ended have open files\n";
  outcome.wrong += robbed;
  outcome.wrong += check(*disk, place_, before, told);
  return outcome;
}

std::vector<std::unique_ptr<Meeting>> all_meetings() {
  std::vector<std::unique_ptr<Meeting>> meetings;
  const std::vector<Actor>& all = actors();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i; j < all.size(); ++j) {
      if (all[i].foreign && all[j].foreign) continue;
      // A byte lock keeps these two apart, which the simulated system does not have.
      if (all[i].name.starts_with("adopt") && all[j].name == all[i].name + " by copy") continue;
      std::set<Place> places(all[i].places.begin(), all[i].places.end());
      places.insert(all[j].places.begin(), all[j].places.end());
      for (const Place place : places) {
        if (!fits(all[i], place) || !fits(all[j], place)) continue;
        meetings.push_back(std::make_unique<Meeting>(all[i], all[j], place));
      }
    }
  }
  return meetings;
}

}  // namespace spoolq::test
