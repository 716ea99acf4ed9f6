// CERN's directory queue, as https://dirq.readthedocs.io describes it. An element's path is
// DIRECTORY/NAME: 8 hex digits, and 14: seconds since 1970 (8), microseconds (5), and one more.
//
// Simple: the element is a file; it is locked while NAME.lck, a link to it, is there.
// Normal: the element is a directory with a file for each field; it is locked while the directory
// `locked` is there. Tables are lines KEY<tab>VALUE, with backslash, tab and newline escaped.
#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>

#include "producer/import/formats.hpp"
#include "queue/format/attributes.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

constexpr std::size_t kDirectorySize = 8;
constexpr std::size_t kNameSize = 14;
constexpr std::size_t kSecondsSize = 8;
constexpr std::size_t kMicrosecondsSize = 5;
constexpr const char* kLock = "locked";
constexpr const char* kLocked = "locked: one of its consumers has it";
constexpr const char* kNotLocked = "not locked";
constexpr std::array<std::string_view, 5> kPayloadFields{"body", "data", "payload", "text",
                                                         "content"};

bool is_hex(std::string_view text, std::size_t size) {
  return text.size() == size &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::int64_t hex_value(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

bool is_field(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

MessageName name_of(const TransferFolder& folder, const Arrival& arrival, const std::string& path) {
  const std::string_view name = std::string_view{path}.substr(kDirectorySize + 1);
  const std::int64_t seconds = hex_value(name.substr(0, kSecondsSize));
  const std::int64_t microseconds = hex_value(name.substr(kSecondsSize, kMicrosecondsSize));
  const std::chrono::microseconds time =
      std::chrono::seconds{seconds} + std::chrono::microseconds{microseconds};
  return name_at(folder, arrival, time, path);
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain.push_back(text[i]);
      continue;
    }
    const char c = text[++i];
    plain.push_back(c == 't' ? '\t' : c == 'n' ? '\n' : c);
  }
  return plain;
}

/// The rows of a table; nullopt when the content is not one.
std::optional<Headers> parse_table(std::string_view content) {
  Headers rows;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::size_t tab = content.find('\t');
    if (end == std::string_view::npos || tab == std::string_view::npos || tab > end) {
      return std::nullopt;
    }
    const std::string key = unescaped(content.substr(0, tab));
    if (!rows.try_emplace(key, unescaped(content.substr(tab + 1, end - tab - 1))).second) {
      return std::nullopt;
    }
    content.remove_prefix(end + 1);
  }
  return rows;
}

/// Header names are lower case, of a-z 0-9 . _ -.
std::string header_name(std::string_view key) {
  std::string name;
  for (const char c : key) name.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  return name;
}

/// Throws for a second one of that name: nothing of an element is to get lost.
void add_header(Headers& headers, std::string_view key, const std::string& value) {
  const auto [header, is_new] = headers.try_emplace(header_name(key), value);
  if (!is_new) {
    throw_errc(errc::bad_value, "import", std::string{key}, "two of them have one name");
  }
}

/// Makes headers of the fields that are not the payload.
void add_headers(Sys& sys, int directory, Element& element) {
  Headers& headers = element.arrival.headers;
  for (const std::string& field : element.arrival.parts) {
    const auto content = read_whole_file(sys, directory, field.c_str(), field);
    if (!content) continue;
    // An empty field may be a table without rows or a string without characters.
    if (const auto table = parse_table(*content); table && !table->empty()) {
      for (const auto& [key, value] : *table) add_header(headers, key, value);
    } else {
      add_header(headers, field, *content);
    }
  }
  require_valid_headers(headers);
}

/// Reads an element of a normal queue, whose directory is open.
void read_normal(const TransferFolder& folder, int directory, const std::string& path,
                 Element& element) {
  Sys& sys = folder.queue().sys();
  std::vector<std::string> fields =
      sorted_entries(sys, directory, path, [](std::string_view name) { return is_field(name); });
  if (std::erase(fields, kLock) > 0) return element.leave(Verdict::wait, kLocked);
  if (fields.empty()) return element.leave(Verdict::ignore, "it has no fields");
  auto payload = fields.begin();
  for (const std::string_view candidate : kPayloadFields) {
    if (fields.size() < 2) break;
    payload = std::find(fields.begin(), fields.end(), candidate);
    if (payload != fields.end()) break;
  }
  if (payload == fields.end()) {
    return element.leave(Verdict::wait,
                         "which of its fields is the payload? None is called body, "
                         "data, payload, text or content");
  }
  Arrival& arrival = element.arrival;
  arrival.file = *payload;
  fields.erase(payload);
  arrival.parts = std::move(fields);
  arrival.directory = directory;
  if (!sys.statx(directory, arrival.file.c_str(), arrival.status, arrival.born).ok()) {
    return element.leave(Verdict::ignore, "it is gone");
  }
  try {
    add_headers(sys, directory, element);
  } catch (const Error& error) {
    return element.leave(Verdict::wait,
                         fmt::format("its fields cannot be headers: {}", error.what()));
  }
  element.reason = kNotLocked;
  arrival.name = name_of(folder, arrival, path);
}

/// The elements of one directory of the queue.
bool visit_directory(const TransferFolder& folder, const std::string& name,
                     const VisitElements& visit) {
  Sys& sys = folder.queue().sys();
  const UniqueFd directory{sys, sys.openat(folder.descriptor(), name.c_str(), kDirectoryFlags)};
  if (!directory) return true;  // A consumer removed it.
  std::map<std::string, bool> locked;
  for (const std::string& entry :
       sorted_entries(sys, directory.get(), folder.path(), [](std::string_view each) {
         return is_hex(each.substr(0, std::min(each.size(), kNameSize)), kNameSize);
       })) {
    if (entry.size() == kNameSize) locked.try_emplace(entry, false);
    if (entry == entry.substr(0, kNameSize) + ".lck") locked[entry.substr(0, kNameSize)] = true;
  }
  std::vector<Element> elements;
  std::vector<UniqueFd> opened;
  for (const auto& [entry, is_locked] : locked) {
    Element element;
    Arrival& arrival = element.arrival;
    arrival = {.file = entry, .directory = directory.get(), .below = name + "/"};
    const std::string path = arrival.below + entry;
    if (!sys.statx(directory.get(), entry.c_str(), arrival.status, arrival.born).ok()) continue;
    if (S_ISDIR(arrival.status.st_mode)) {
      UniqueFd fields{sys, sys.openat(directory.get(), entry.c_str(), kDirectoryFlags)};
      if (!fields) continue;
      arrival.below = path + "/";
      element.emptied = entry;
      read_normal(folder, fields.get(), path, element);
      opened.push_back(std::move(fields));
    } else if (is_locked) {
      element.leave(Verdict::wait, kLocked);
    } else if (!S_ISREG(arrival.status.st_mode)) {
      element.leave(Verdict::ignore, "not a regular file");
    } else {
      element.reason = kNotLocked;
      arrival.name = name_of(folder, arrival, path);
    }
    elements.push_back(std::move(element));
    // As many directories are open at a time as need few descriptors.
    constexpr std::size_t kOpenMax = 128;
    if (opened.size() < kOpenMax) continue;
    if (!visit(elements, directory.get())) return false;
    elements.clear();
    opened.clear();
  }
  return visit(elements, directory.get());
}

}  // namespace

void visit_dirq(const TransferFolder& folder, const VisitElements& visit) {
  bool is_dirq = false;
  bool is_empty = true;
  const auto directories = sorted_entries(
      folder.queue().sys(), folder.descriptor(), folder.path(), [&](std::string_view name) {
        const bool is_directory = is_hex(name, kDirectorySize);
        is_dirq = is_dirq || is_directory || name == "temporary" || name == "obsolete";
        is_empty = false;
        return is_directory;
      });
  // A simple queue that is empty and purged looks like any empty folder.
  if (!is_dirq && !is_empty) {
    throw_errc(errc::bad_value, "import", folder.path(),
               "no directory queue: no folders of eight hex digits");
  }
  for (const std::string& name : directories) {
    if (!visit_directory(folder, name, visit)) return;
  }
}

}  // namespace spoolq::detail
