// `take -o DIR` and `work --output-dir DIR`: payloads and outputs as files, each durable before its
// message is acknowledged.
#pragma once

#include <optional>
#include <string>

#include "cli/files/new_file.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {

/// A folder that receives a file for each message. No file in it is ever overwritten. Any thread.
class OutputDirectory {
 public:
  /// Throws Failure when the folder cannot be opened.
  OutputDirectory(std::string path, std::string name_template);
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  ~OutputDirectory() = default;

  /// Writes the payload to a new file and returns its path. When it returns, the file survives a
  /// power cut. Throws Failure, or what Claim::read() throws; no file is there then.
  std::string save(Claim& claim) const;

  // The steps of save(), for content that comes from elsewhere. These throw Failure.

  /// A hidden file for the process that has the claim.
  [[nodiscard]] NewFile create(const MessageInfo& message) const;
  /// As save(). Removes the draft when it throws.
  [[nodiscard]] std::string publish(NewFile draft, const MessageInfo& message) const;

 private:
  [[nodiscard]] std::optional<NewFile> create_draft(const std::string& name) const;
  [[nodiscard]] bool remove_dead_draft(const std::string& name) const;
  [[nodiscard]] std::string file_name(const MessageInfo& message) const;
  [[nodiscard]] std::string shown(const std::string& name) const;
  /// Whether `name` is a regular file with the content of the draft; it is on disk then.
  [[nodiscard]] bool holds(const std::string& name, const NewFile& draft) const;

  std::string path_;
  std::string name_template_;
  File folder_;
};

}  // namespace spoolq::cli
