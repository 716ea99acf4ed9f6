// Taking what a format finds, and telling of it.
#include "spoolq/importer.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <utility>

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

MessageName name_at(const Transfer& transfer, const Arrival& arrival, Time time,
                    unsigned microseconds, std::string original) {
  MessageName name;
  name.id = derive_message_id(transfer.queue().queue_id(), transfer.identity_of(arrival),
                              arrival.below + arrival.file, time, microseconds);
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

class [[gnu::visibility("hidden")]] Importer::Impl {
 public:
  Impl(Queue queue, const std::filesystem::path& directory, ImportFormat format,
       ImportOptions options);

  std::vector<Appraisal> appraise();
  void import(const Report& report);
  void stop() noexcept { stopped_ = true; }

 private:
  [[nodiscard]] detail::OpenQueue& open() const { return *detail::QueueAccess::open(queue_); }
  void visit(const Transfer& transfer, const detail::VisitElements& visitor) const;
  void judge_again(const Transfer& transfer, Element& element) const;
  void take(Transfer& transfer, std::vector<Element>& elements, int directory,
            const Report& report);

  Queue queue_;
  std::string path_;
  ImportFormat format_;
  ImportOptions options_;
  std::atomic<bool> stopped_{false};
};

Importer::Impl::Impl(Queue queue, const std::filesystem::path& directory, ImportFormat format,
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

void Importer::Impl::visit(const Transfer& transfer, const detail::VisitElements& visitor) const {
  switch (format_) {
    case ImportFormat::dirq:
      return detail::visit_dirq(transfer, visitor);
    case ImportFormat::maildir:
      return detail::visit_maildir(transfer, visitor);
    case ImportFormat::nq:
      return detail::visit_nq(transfer, visitor);
  }
}

/// What was taken before is not judged by what its format says of it.
void Importer::Impl::judge_again(const Transfer& transfer, Element& element) const {
  if (element.verdict != Verdict::take || !transfer.has_taken(element.arrival)) return;
  element.reason = "taken before";
  if (options_.keep) element.verdict = Verdict::ignore;
}

std::vector<Appraisal> Importer::Impl::appraise() {
  std::vector<Appraisal> appraisals;
  const Transfer transfer{
      open(), path_, {.keep = options_.keep, .always_copy = true, .look_only = true}};
  visit(transfer, [&](std::vector<Element>& elements, int) {
    for (Element& element : elements) {
      judge_again(transfer, element);
      appraisals.push_back(
          {.file = element.title(), .verdict = element.verdict, .reason = element.reason});
    }
    return true;
  });
  return appraisals;
}

void Importer::Impl::import(const Report& report) {
  Transfer transfer{open(), path_, {.keep = options_.keep, .always_copy = true}};
  visit(transfer, [&](std::vector<Element>& elements, int directory) {
    take(transfer, elements, directory, report);
    return !stopped_.exchange(false);
  });
  if (transfer.has_kept()) static_cast<void>(transfer.take({}));
}

/// So many at a time as share the syncs of folders.
void Importer::Impl::take(Transfer& transfer, std::vector<Element>& elements, int directory,
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
      judge_again(transfer, element);
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
      Appraisal appraisal{.file = taken[i]->title(), .reason = outcome.reason};
      switch (outcome.outcome) {
        case Transferred::Outcome::taken:
          appraisal.verdict = Verdict::take;
          appraisal.reason = taken[i]->reason;
          appraisal.id = outcome.id;
          break;
        case Transferred::Outcome::forgotten:
          break;
        case Transferred::Outcome::changed:
          appraisal.reason = "it changed while it was looked at";
          break;
        case Transferred::Outcome::refused:
          appraisal.error = outcome.error;
          if (outcome.error == condition::temporary) {
            refusal.emplace(outcome.error, "import", path_ + "/" + taken[i]->title());
          }
          break;
      }
      if (outcome.outcome != Transferred::Outcome::forgotten) report(appraisal);
      if (options_.keep || taken[i]->emptied.empty()) continue;
      // The directory of an element whose fields went.
      static_cast<void>(open().sys().unlinkat(directory, taken[i]->emptied.c_str(), AT_REMOVEDIR));
    }
  }
  if (refusal) throw Error{*refusal};
}

Importer::Importer(Queue queue, const std::filesystem::path& directory, ImportFormat format,
                   ImportOptions options)
    : impl_{std::make_unique<Impl>(std::move(queue), directory, format, options)} {}
Importer::Importer(Importer&&) noexcept = default;
Importer& Importer::operator=(Importer&&) noexcept = default;
Importer::~Importer() = default;

std::vector<Appraisal> Importer::appraise() { return impl_->appraise(); }
void Importer::import(const Report& report) { impl_->import(report); }
void Importer::stop() noexcept { impl_->stop(); }

}  // namespace spoolq
