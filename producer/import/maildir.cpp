// The new/ of a Maildir (maildir(5)).
#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>

#include "producer/import/formats.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"

namespace spoolq::detail {
namespace {

constexpr const char* kNew = "new";
constexpr const char* kSeen = "cur";

UniqueFd open_folder(const Transfer& transfer, const char* name) {
  Sys& sys = transfer.queue().sys();
  const SysResult opened = sys.openat(transfer.folder(), name, kDirectoryFlags);
  const std::string path = fmt::format("{}/{}", transfer.path(), name);
  if (opened.error() == ENOENT || opened.error() == ENOTDIR) {
    throw_errc(errc::bad_value, "import", transfer.path(), fmt::format("no Maildir: no {}/", name));
  }
  if (!opened.ok()) throw_errno(opened.error(), "open", path);
  return UniqueFd{sys, opened};
}

}  // namespace

void visit_maildir(const Transfer& transfer, const VisitElements& visit) {
  Sys& sys = transfer.queue().sys();
  const UniqueFd folder = open_folder(transfer, kNew);
  const UniqueFd seen = open_folder(transfer, kSeen);
  const auto is_meant = [](std::string_view name) { return !is_temporary_name(name); };
  const std::string below = fmt::format("{}/", kNew);
  std::vector<Element> elements;
  for (const std::string& name : sorted_entries(sys, folder.get(), transfer.path(), is_meant)) {
    Element element;
    element.arrival = {.file = name, .directory = folder.get(), .below = below};
    struct stat& status = element.arrival.status;
    if (!sys.statx(folder.get(), name.c_str(), status, element.arrival.born).ok()) continue;
    element.reason = "delivered";
    if (!S_ISREG(status.st_mode)) {
      element.verdict = Verdict::ignore;
      element.reason = "not a regular file";
    } else if (has_writer(sys, folder.get(), name) == true) {
      element.verdict = Verdict::wait;
      element.reason = "a process has it open for writing";
    } else {
      // Its name is not to be taken apart (maildir(5)): its time is that of its delivery.
      const struct timespec& time = status.st_mtim;
      const std::int64_t microseconds = time.tv_nsec / 1000;
      element.arrival.name =
          name_at(transfer, element.arrival,
                  Time{Duration{std::int64_t{time.tv_sec} * 1000 + microseconds / 1000}},
                  static_cast<unsigned>(microseconds % 1000), name);
    }
    elements.push_back(std::move(element));
  }
  if (!visit(elements, transfer.folder())) return;
  std::vector<Element> others;
  for (const std::string& name : sorted_entries(sys, seen.get(), transfer.path(), is_meant)) {
    Element& element = others.emplace_back();
    element.arrival = {.file = name, .below = fmt::format("{}/", kSeen)};
    element.verdict = Verdict::ignore;
    element.reason = "in cur/: somebody has seen it";
  }
  visit(others, transfer.folder());
}

}  // namespace spoolq::detail
