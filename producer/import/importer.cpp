// Taking what a format finds, and reporting it.
#include "producer/import/importer.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "producer/adopt/transfer.hpp"
#include "producer/import/formats.hpp"
#include "queue/format/message_id.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {

using detail::Element;
using detail::Transfer;
using detail::Transferred;

std::string_view to_string(ImportFormat format) {
  switch (format) {
    case ImportFormat::dirq:
      return "dirq";
    case ImportFormat::maildir:
      return "maildir";
    case ImportFormat::nq:
      break;
  }
  return "nq";
}

namespace detail {

MessageName name_at(const TransferFolder& folder, const Arrival& arrival,
                    std::chrono::microseconds time, std::string original) {
  const auto milliseconds = std::chrono::floor<Duration>(time);
  const auto microseconds = static_cast<unsigned>((time - milliseconds).count());
  MessageName name;
  name.id = derive_message_id(folder.queue().queue_id(), folder.identity_of(arrival),
                              arrival.below + arrival.file, Time{milliseconds}, microseconds);
  name.original = std::move(original);
  return name;
}

std::vector<std::string> sorted_entries(Sys& sys, int directory, const std::string& path,
                                        const std::function<bool(std::string_view)>& wanted) {
  std::vector<std::string> names;
  scan_directory(sys, directory, path, [&](const DirectoryEntry& entry) {
    if (wanted(entry.name)) names.emplace_back(entry.name);
    return true;
  });
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace detail

namespace {

void visit(ImportFormat format, const detail::TransferFolder& folder,
           const detail::VisitElements& visitor) {
  switch (format) {
    case ImportFormat::dirq:
      return detail::visit_dirq(folder, visitor);
    case ImportFormat::maildir:
      return detail::visit_maildir(folder, visitor);
    case ImportFormat::nq:
      return detail::visit_nq(folder, visitor);
  }
}

}  // namespace

Importer::Importer(Queue queue, const std::filesystem::path& directory, ImportFormat format,
                   ImportOptions options)
    : queue_{std::move(queue)},
      path_{detail::canonical_path(directory.string())},
      format_{format},
      options_{options} {
  open().require_own_process("import into");
  const detail::UniqueFd folder = detail::open_directory(open().sys(), path_);
  struct stat status = {};
  if (!open().sys().fstatat(folder.get(), detail::kSettingsFile, status).ok()) return;
  detail::throw_errc(errc::bad_value, "import", path_,
                     "it is a queue of spoolq's; 'spoolq mv' moves messages from queue to queue");
}

/// For an element that was taken before, it does not count what its format says of it.
void Importer::recheck(const Transfer& transfer, Element& element) const {
  if (element.verdict != Verdict::take || !transfer.folder().has_taken(element.arrival)) return;
  element.reason = "taken before";
  if (options_.keep) element.verdict = Verdict::ignore;
}

std::vector<Appraisal> Importer::appraise() {
  std::vector<Appraisal> appraisals;
  const Transfer transfer{
      open(), path_, {.keep = options_.keep, .always_copy = true, .look_only = true}};
  visit(format_, transfer.folder(), [&](std::vector<Element>& elements, int) {
    for (Element& element : elements) {
      recheck(transfer, element);
      appraisals.push_back(
          {.file = element.title(), .verdict = element.verdict, .reason = element.reason});
    }
    return true;
  });
  return appraisals;
}

void Importer::import(const Report& report) {
  Transfer transfer{open(), path_, {.keep = options_.keep, .always_copy = true}};
  visit(format_, transfer.folder(), [&](std::vector<Element>& elements, int directory) {
    take(transfer, elements, directory, report);
    return !stopped_.exchange(false);
  });
  if (transfer.has_kept()) static_cast<void>(transfer.take({}));
}

/// So many at a time as share the syncs of folders.
void Importer::take(Transfer& transfer, std::vector<Element>& elements, int directory,
                    const Report& report) {
  constexpr std::size_t kBatchMax = 64;
  std::optional<Error> refusal;
  for (std::size_t begin = 0; begin < elements.size() && !stopped_ && !refusal;
       begin += kBatchMax) {
    const std::size_t end = std::min(begin + kBatchMax, elements.size());
    std::vector<detail::Arrival> arrivals;
    std::vector<const Element*> taken;
    for (std::size_t i = begin; i < end; ++i) {
      Element& element = elements[i];
      recheck(transfer, element);
      if (element.verdict == Verdict::take) {
        arrivals.push_back(element.arrival);
        taken.push_back(&element);
      } else if (element.reason != "taken before") {
        report({.file = element.title(), .verdict = element.verdict, .reason = element.reason});
      }
    }
    const std::vector<Transferred> outcomes = transfer.take(arrivals);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const Transferred& outcome = outcomes[i];
      if (outcome.outcome != Transferred::Outcome::forgotten) {
        report(appraisal_of(taken[i]->title(), taken[i]->reason, outcome));
      }
      if (outcome.error == condition::temporary) {
        refusal.emplace(outcome.error, "import", path_ + "/" + taken[i]->title());
      }
      if (options_.keep || taken[i]->emptied.empty()) continue;
      // The directory of an element whose fields went.
      static_cast<void>(open().sys().unlinkat(directory, taken[i]->emptied.c_str(), AT_REMOVEDIR));
    }
  }
  if (refusal) throw Error{*refusal};
}

}  // namespace spoolq
