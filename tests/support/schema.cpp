// Validating with valijson. The only file of the tests that knows it.
#include "tests/support/schema.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "tests/support/paths.hpp"

namespace spoolq::test {
namespace {

using Json = nlohmann::json;
using valijson::adapters::NlohmannJsonAdapter;

const std::filesystem::path kFolder = source_path("docs/schemas");

/// Fields of `document` that `schema` allows but does not describe.
void find_undescribed(const Json& schema, const Json& document, const std::string& path,
                      std::vector<std::string>& problems) {
  if (!document.is_object()) return;
  for (const auto& [name, value] : document.items()) {
    const std::string place = path + "/" + name;
    const Json rest = schema.value("additionalProperties", Json{});
    if (schema.contains("properties") && schema["properties"].contains(name)) {
      find_undescribed(schema["properties"][name], value, place, problems);
    } else if (!rest.is_object()) {
      problems.push_back("not described: " + place);
    }
  }
}

void find_bare(const Json& schema, const std::string& path, std::vector<std::string>& found) {
  if (!schema.contains("description")) found.push_back(path);
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, property] : properties.items()) {
    find_bare(property, path + "/" + name, found);
  }
  const Json rest = schema.value("additionalProperties", Json{});
  if (rest.is_object()) find_bare(rest, path + "/*", found);
}

/// The schema without `format`, which valijson holds against a null too, though a schema means only
/// strings by it. The patterns say the same of times, and more.
Json without_formats(Json schema) {
  if (!schema.is_object()) return schema;
  if (schema.contains("format") && schema["format"].is_string()) schema.erase("format");
  for (auto& [name, part] : schema.items()) part = without_formats(part);
  return schema;
}

/// Whether an object in the text has a field twice, which a parser would not tell.
bool has_repeated_field(const std::string& text) {
  std::vector<std::vector<std::string>> fields;
  bool repeated = false;
  [[maybe_unused]] const Json json =
      Json::parse(text, [&](int, Json::parse_event_t event, Json& value) {
        if (event == Json::parse_event_t::object_start) fields.emplace_back();
        if (event == Json::parse_event_t::object_end) fields.pop_back();
        if (event == Json::parse_event_t::key) {
          const auto name = value.get<std::string>();
          repeated = repeated || std::ranges::find(fields.back(), name) != fields.back().end();
          fields.back().push_back(name);
        }
        return true;
      });
  return repeated;
}

}  // namespace

struct Schema::Parts {
  Json json;
  valijson::Schema schema;
};

Schema::Schema(const std::string& name) : parts_{std::make_unique<Parts>()} {
  std::ifstream file{kFolder / (name + ".json")};
  if (!file) throw std::runtime_error{"no schema " + name};
  parts_->json = Json::parse(file);
  const Json checked = without_formats(parts_->json);
  const NlohmannJsonAdapter adapter{checked};
  valijson::SchemaParser{}.populateSchema(adapter, parts_->schema);
}

Schema::~Schema() = default;

std::vector<std::string> Schema::problems(const std::string& document) const {
  const Json json = Json::parse(document, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return {"not JSON: " + document};
  std::vector<std::string> problems;
  if (has_repeated_field(document)) problems.emplace_back("a field twice");
  valijson::Validator validator;
  valijson::ValidationResults results;
  const NlohmannJsonAdapter adapter{json};
  if (!validator.validate(parts_->schema, adapter, &results)) {
    for (const valijson::ValidationResults::Error& error : results) {
      std::string place;
      for (const std::string& step : error.context) place += step;
      problems.push_back(place + ": " + error.description);
    }
  }
  find_undescribed(parts_->json, json, "", problems);
  return problems;
}

std::vector<std::string> Schema::without_description() const {
  std::vector<std::string> found;
  find_bare(parts_->json, "", found);
  return found;
}

std::vector<std::string> schema_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{kFolder}) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace spoolq::test
