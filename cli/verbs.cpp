// The table of verbs.
#include "cli/verbs.hpp"

#include <algorithm>

#include "cli/verbs/common.hpp"
#include "cli/verbs/keep.hpp"
#include "cli/verbs/look.hpp"
#include "cli/verbs/send.hpp"
#include "cli/verbs/start.hpp"
#include "cli/verbs/take.hpp"

namespace spoolq::cli {
namespace {

constexpr VerbText kVerbs[] = {
    {"init",
     {},
     Group::start,
     "make a queue",
     "Q [k=v...]",
     1,
     kUnlimited,
     kInitOptions,
     kInitExamples,
     kInitDetails},
    {"config",
     {},
     Group::start,
     "print or change settings",
     "Q [k|k=v...]",
     1,
     kUnlimited,
     kConfigOptions,
     kConfigExamples,
     kConfigDetails},
    {"put", kPutAliases, Group::send, "put messages into a queue", "Q [FILE...|-]", 1, kUnlimited,
     kPutOptions, kPutExamples, kPutDetails},
    {"adopt",
     {},
     Group::send,
     "take the files of a folder into a queue",
     "DIR Q",
     2,
     2,
     kAdoptOptions,
     kAdoptExamples,
     kAdoptDetails},
    {"import",
     {},
     Group::send,
     "take over another program's queue",
     "--from=PROGRAM DIR Q",
     2,
     2,
     kImportOptions,
     kImportExamples,
     kImportDetails},
    {"take", kTakeAliases, Group::take, "take the next messages", "Q", 1, 1, kTakeOptions,
     kTakeExamples, kTakeDetails},
    {"work",
     {},
     Group::take,
     "run a command for each message",
     "Q -- CMD [ARG...]",
     1,
     kUnlimited,
     kWorkOptions,
     kWorkExamples,
     kWorkDetails},
    {"ack",
     kAckAliases,
     Group::take,
     "finish held messages",
     "Q REF...",
     2,
     kUnlimited,
     {},
     kAckExamples,
     kReferenceDetails},
    {"release", kReleaseAliases, Group::take, "give held messages back", "Q REF...", 2, kUnlimited,
     kReleaseOptions, kReleaseExamples, kReleaseDetails},
    {"extend", kExtendAliases, Group::take, "hold messages longer", "Q REF...", 2, kUnlimited,
     kExtendOptions, kExtendExamples, kExtendDetails},
    {"fail", kFailAliases, Group::take, "give held messages up", "Q REF...", 2, kUnlimited,
     kFailOptions, kFailExamples, kReferenceDetails},
    {"ls", {}, Group::look, "list messages", "Q", 1, 1, kListOptions, kListExamples, {}},
    {"show",
     {},
     Group::look,
     "all that is known of a message",
     "Q ID",
     2,
     2,
     kShowOptions,
     kShowExamples,
     kIdDetails},
    {"cat",
     {},
     Group::look,
     "print the payload of a message",
     "Q ID",
     2,
     2,
     {},
     kCatExamples,
     kCatDetails},
    {"peek",
     {},
     Group::look,
     "print the next payloads, taking nothing",
     "Q",
     1,
     1,
     kPeekOptions,
     kPeekExamples,
     {}},
    {"stats",
     {},
     Group::look,
     "counts and ages",
     "Q...",
     1,
     kUnlimited,
     kStatsOptions,
     kStatsExamples,
     kStatsDetails},
    {"watch",
     {},
     Group::look,
     "tell what happens, as it happens",
     "Q",
     1,
     1,
     kWatchOptions,
     kWatchExamples,
     kWatchDetails},
    {"wait",
     {},
     Group::look,
     "wait for the end of messages",
     "Q ID...|--empty",
     1,
     kUnlimited,
     kWaitOptions,
     kWaitExamples,
     kWaitDetails},
    {"retry", kRetryAliases, Group::keep, "try failed messages again", "Q ID...|--all", 1,
     kUnlimited, kRetryOptions, kRetryExamples, kRetryDetails},
    {"mv",
     {},
     Group::keep,
     "move messages into another queue",
     "Q TARGET ID...|--all",
     2,
     kUnlimited,
     kMoveOptions,
     kMoveExamples,
     kMoveDetails},
    {"export",
     {},
     Group::keep,
     "copy messages out, for other programs",
     "Q [DIR]",
     1,
     2,
     kExportOptions,
     kExportExamples,
     kExportDetails},
    {"rm",
     {},
     Group::keep,
     "remove messages",
     "Q ID...",
     2,
     kUnlimited,
     kRemoveOptions,
     kRemoveExamples,
     kIdDetails},
    {"purge",
     {},
     Group::keep,
     "remove many messages",
     "Q --state S|--all",
     1,
     1,
     kPurgeOptions,
     kPurgeExamples,
     kPurgeDetails},
    {"pause",
     {},
     Group::keep,
     "give nothing out for a while",
     "Q",
     1,
     1,
     {},
     kPauseExamples,
     kPauseDetails},
    {"resume", {}, Group::keep, "give messages out again", "Q", 1, 1, {}, kResumeExamples, {}},
    {"reap",
     {},
     Group::keep,
     "take back dead claims, move due messages",
     "Q",
     1,
     1,
     kReapOptions,
     kReapExamples,
     kReapDetails},
    {"version",
     {},
     Group::other,
     "print the version",
     "",
     0,
     0,
     kVersionOptions,
     kVersionExamples,
     {}},
    {"help", {}, Group::other, "explain a verb", "[VERB]", 0, 1, {}, kHelpExamples, {}},
};

}  // namespace

std::span<const VerbText> all_verbs() { return kVerbs; }

std::span<const OptionText> common_options() { return kCommonOptions; }

const VerbText* find_verb(std::string_view name) {
  for (const VerbText& verb : kVerbs) {
    if (verb.name == name || std::ranges::find(verb.aliases, name) != verb.aliases.end()) {
      return &verb;
    }
  }
  return nullptr;
}

std::string_view heading_of(Group group) {
  switch (group) {
    case Group::start:
      return "Start";
    case Group::send:
      return "Send";
    case Group::take:
      return "Take";
    case Group::look:
      return "Look";
    case Group::keep:
      return "Keep";
    case Group::other:
      return "Other";
  }
  return {};
}

}  // namespace spoolq::cli
