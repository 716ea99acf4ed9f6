// JSON documents and the schemas that describe them (docs/schemas).
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace spoolq::test {

/// One published schema.
class Schema {
 public:
  /// `name` is as in docs/schemas: spoolq.message.1
  explicit Schema(const std::string& name);
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;
  ~Schema();

  /// What is wrong with a document: that it is no JSON, what the schema refuses, and the fields
  /// that the schema does not describe. Empty: nothing is.
  [[nodiscard]] std::vector<std::string> problems(const std::string& document) const;
  /// The paths of those properties that have no description.
  [[nodiscard]] std::vector<std::string> without_description() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// The names of all published schemas, sorted.
std::vector<std::string> schema_names();

}  // namespace spoolq::test
