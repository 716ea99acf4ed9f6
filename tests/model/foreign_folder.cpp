// Foreign files for the stories.
#include "tests/model/foreign_folder.hpp"

#include <fcntl.h>

#include <set>

#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq::test {
namespace {

using detail::Sys;
using detail::UniqueFd;

constexpr const char* kMarkerEnd = ".done";

void require(const detail::SysResult& result, const char* operation, const std::string& path) {
  if (!result.ok()) detail::throw_errno(result.error(), operation, path);
}

void write_file(Sys& sys, int dir, const std::string& name, const std::string& content) {
  const auto opened = sys.openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  require(opened, "create", name);
  const UniqueFd fd{sys, opened.fd()};
  detail::write_all(sys, fd.get(), content, name);
  require(sys.fsync(fd.get()), "fsync", name);
}

}  // namespace

std::string foreign_folder(const std::string& path, FolderKind kind) {
  switch (kind) {
    case FolderKind::plain:
      return path + "-folder";
    case FolderKind::kept:
      return path + "-kept";
    case FolderKind::marked:
      break;
  }
  return path + "-marked";
}

std::vector<detail::Arrival> arrivals_in(const detail::Transfer& transfer, FolderKind kind) {
  const detail::TransferFolder& folder = transfer.folder();
  Sys& sys = folder.queue().sys();
  std::set<std::string> names;
  detail::scan_directory(sys, folder.descriptor(), folder.path(), [&](const auto& entry) {
    names.emplace(entry.name);
    return true;
  });
  std::vector<detail::Arrival> arrivals;
  for (const std::string& name : names) {
    if (name.starts_with('.') || name.ends_with(kMarkerEnd)) continue;
    detail::Arrival arrival{.file = name};
    require(sys.statx(folder.descriptor(), name.c_str(), arrival.status, arrival.born), "stat",
            name);
    if (kind == FolderKind::marked) {
      if (!names.contains(name + kMarkerEnd) && !folder.has_begun(arrival)) continue;
      arrival.markers = {name + kMarkerEnd};
    }
    arrivals.push_back(std::move(arrival));
  }
  return arrivals;
}

bool take_foreign_folder(detail::OpenQueue& queue, const std::string& path, FolderKind kind) {
  const std::string place = foreign_folder(path, kind);
  try {
    static_cast<void>(detail::open_directory(queue.sys(), place));
  } catch (const Error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return false;
    throw;
  }
  detail::Transfer transfer{queue, place, {.keep = kind == FolderKind::kept}};
  for (const detail::Transferred& result : transfer.take(arrivals_in(transfer, kind))) {
    if (result.outcome == detail::Transferred::Outcome::refused) {
      throw Error{result.error, "take from", place, result.reason};
    }
  }
  return true;
}

void make_foreign_folder(Sys& sys, const std::string& path, FolderKind kind,
                         const std::string& content) {
  const std::string place = foreign_folder(path, kind);
  const std::size_t slash = place.rfind('/');
  const std::string parent = slash == 0 ? "/" : place.substr(0, slash);
  const UniqueFd above = detail::open_directory(sys, parent);
  require(sys.mkdirat(above.get(), place.substr(slash + 1).c_str(), 0700), "mkdir", place);
  const UniqueFd folder = detail::open_directory(sys, place);
  write_file(sys, folder.get(), "report.txt", content);
  if (kind == FolderKind::marked) write_file(sys, folder.get(), "report.txt.done", "");
  require(sys.fsync(folder.get()), "fsync", place);
  require(sys.fsync(above.get()), "fsync", parent);
}

}  // namespace spoolq::test
