// The kinds of actors of the company: what each does, and what its end says of the payloads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/company_account.hpp"
#include "tests/crash/company_actor.hpp"
#include "tests/crash/company_places.hpp"

namespace spoolq::test {

/// Starts actors at random. Requires that this process has one thread.
class Kinds {
 public:
  using Random = std::mt19937_64;
  /// An actor, and what to write down when it has ended.
  struct Started {
    std::unique_ptr<Actor> actor;  ///< Null: there was nothing to do for this kind.
    std::function<void(const Actor::End&)> note;
  };

  Kinds(const Places& places, Account& account, Random& random);

  /// The names of all kinds, in the order of the help text.
  static std::vector<std::string> names();
  /// Leaves all kinds out but these, or these. Throws Usage for a name that no kind has, and when
  /// none is left.
  void only(const std::set<std::string>& names);
  void skip(const std::set<std::string>& names);

  Started start();

 private:
  struct Kind {
    const char* name;
    unsigned weight;
    Started (Kinds::*start)();
  };
  static const std::vector<Kind>& all();

  Started put();
  Started library_put();
  Started take();
  Started library_take();
  Started hold();
  Started ack_held();
  Started change_held();
  Started remove();
  Started move();
  Started retry();
  Started work_and_fail();
  Started work_and_move();
  Started export_and_move();
  Started import_maildir();
  Started adopt();
  Started reap();
  Started pause();
  Started resume();
  Started purge_done();
  Started copy_and_unlink();

  /// Writes a file of another program with a new payload, and renames it to another folder.
  void deliver(const std::filesystem::path& from, const std::filesystem::path& to);
  /// Runs spoolq.
  Started program(std::vector<std::string> words, const std::string& input = {});
  Started function(const std::function<void()>& body);
  /// What the actor printed it has ended, when it has succeeded.
  void ends_what_it_prints(Started& started);
  /// The actor ends this one payload when it succeeds.
  void ends(Started& started, const std::string& payload);

  const std::string& any_queue();
  const std::string& other_queue(const std::string& queue);
  std::string pick_one(const std::vector<std::string>& words);
  /// The path of a detached claim in `queue`, or an empty one.
  std::string any_held(const std::string& queue);

  const Places& places_;
  Account& account_;
  Random& random_;
  std::vector<Kind> kinds_;
  const char* name_ = "";  ///< Of the kind that is being started.
  std::uint64_t delivered_ = 0;
};

}  // namespace spoolq::test
