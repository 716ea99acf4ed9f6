// `take -o DIR` and `work --output-dir DIR`: payloads and outputs as files, each durable before its
// message is acknowledged.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "cli/files/file.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {

/// A folder that receives a file for each message. No file in it is ever overwritten. Any thread.
class OutputDirectory {
 public:
  /// Throws Failure when the folder cannot be opened.
  OutputDirectory(std::string path, std::string name_template);
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  ~OutputDirectory();

  /// Writes the payload to a new file and returns its path. When it returns, the file survives a
  /// power cut. Throws Failure, or what Claim::read() throws; no file is there then.
  std::string save(Claim& claim) const;

  /// A hidden file that is being written, for whoever has the claim.
  struct Draft {
    std::string name;
    File file;
    dev_t device = 0;
    ino_t inode = 0;
  };
  // The steps of save(), for content that comes from elsewhere. These throw Failure.

  [[nodiscard]] Draft create(const MessageInfo& message) const;
  void discard(const Draft& draft) const;
  /// As save(). Removes the draft when it throws.
  std::string publish(Draft& draft, const MessageInfo& message) const;

 private:
  [[nodiscard]] std::optional<Draft> create_draft(const std::string& name) const;
  [[nodiscard]] bool remove_dead_draft(const std::string& name) const;
  [[nodiscard]] std::string file_name(const MessageInfo& message) const;
  [[nodiscard]] std::string shown(const std::string& name) const;
  /// Whether `name` is a regular file with the content of `other`; it is on disk then.
  [[nodiscard]] bool holds_same(const std::string& name, const std::string& other) const;
  [[nodiscard]] bool is_there(const Draft& draft) const;
  /// Renames without overwriting; false: there is a file of that name.
  [[nodiscard]] bool rename(const std::string& temporary, const std::string& name) const;

  std::string path_;
  std::string name_template_;
  int fd_ = -1;
};

}  // namespace spoolq::cli
