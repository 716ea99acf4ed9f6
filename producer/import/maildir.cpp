// The new/ of a Maildir (maildir(5)).
#include <fmt/core.h>

#include <chrono>

#include "producer/import/formats.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"

namespace spoolq::detail {
namespace {

constexpr const char* kNew = "new";
constexpr const char* kSeen = "cur";

UniqueFd open_part(const TransferFolder& maildir, const std::string& name) {
  const std::string path = fmt::format("{}/{}", maildir.path(), name);
  try {
    return open_below(maildir.queue().sys(), maildir.descriptor(), name, path);
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory &&
        error.code() != std::errc::not_a_directory) {
      throw;
    }
    throw_errc(errc::bad_value, "import", maildir.path(), fmt::format("no Maildir: no {}/", name));
  }
}

}  // namespace

void visit_maildir(const TransferFolder& maildir, const VisitElements& visit) {
  Sys& sys = maildir.queue().sys();
  const UniqueFd delivered = open_part(maildir, kNew);
  const UniqueFd seen = open_part(maildir, kSeen);
  const auto is_meant = [](std::string_view name) { return !is_temporary_name(name); };
  std::vector<Element> elements;
  for (const std::string& name : sorted_entries(sys, delivered.get(), maildir.path(), is_meant)) {
    Element element;
    Arrival& arrival = element.arrival;
    arrival = {.file = name, .directory = delivered.get(), .below = fmt::format("{}/", kNew)};
    const struct stat& status = arrival.status;
    if (!sys.statx(delivered.get(), name.c_str(), arrival.status, arrival.born).ok()) continue;
    if (!S_ISREG(status.st_mode)) {
      element.leave(Verdict::ignore, "not a regular file");
    } else if (has_writer(sys, delivered.get(), name) == true) {
      element.leave(Verdict::wait, "a process has it open for writing");
    } else {
      element.reason = "delivered";
      // Its name is not to be taken apart (maildir(5)): its time is that of its delivery.
      const std::chrono::seconds seconds{status.st_mtim.tv_sec};
      const std::chrono::microseconds below_second{status.st_mtim.tv_nsec / 1000};
      arrival.name = name_at(maildir, arrival, seconds + below_second, name);
    }
    elements.push_back(std::move(element));
  }
  if (!visit(elements, maildir.descriptor())) return;
  std::vector<Element> others;
  for (const std::string& name : sorted_entries(sys, seen.get(), maildir.path(), is_meant)) {
    Element& element = others.emplace_back();
    element.arrival = {.file = name, .below = fmt::format("{}/", kSeen)};
    element.leave(Verdict::ignore, "in cur/: somebody has seen it");
  }
  visit(others, maildir.descriptor());
}

}  // namespace spoolq::detail
