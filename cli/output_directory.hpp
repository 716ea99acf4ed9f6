// `take -o DIR`: payloads as files, each durable before its message is acknowledged.
#pragma once

#include <string>

#include "spoolq/consumer.hpp"

namespace spoolq::cli {

/// A folder that receives payloads. No file in it is ever overwritten.
class OutputDirectory {
 public:
  /// Throws Failure when the folder cannot be opened.
  OutputDirectory(std::string path, std::string name_template);
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  ~OutputDirectory();

  /// Writes the payload to a new file and returns its path. When it returns, the file survives a
  /// power cut. Throws Failure, or what Claim::read() throws; no file is there then.
  std::string save(Claim& claim);

 private:
  [[nodiscard]] std::string file_name(const MessageInfo& message) const;
  [[nodiscard]] std::string shown(const std::string& name) const;
  /// Whether `name` is a regular file with the content of `other`; it is on disk then.
  [[nodiscard]] bool holds_same(const std::string& name, const std::string& other) const;
  /// Renames without overwriting; false: there is a file of that name.
  [[nodiscard]] bool publish(const std::string& temporary, const std::string& name) const;

  std::string path_;
  std::string name_template_;
  int fd_ = -1;
};

}  // namespace spoolq::cli
