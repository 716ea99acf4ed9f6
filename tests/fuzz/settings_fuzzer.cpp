// The settings file: whatever stands in it, reading it gives settings or throws Error, and what was
// read is written so that it is read as the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "queue/format/settings.hpp"
#include "tests/fuzz/require.hpp"

using namespace spoolq::detail;
using spoolq::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  QueueFile file;
  try {
    file = parse_queue_file(text, "spoolq.json");
  } catch (const spoolq::Error&) {
    return 0;
  }
  const QueueFile again = parse_queue_file(format_queue_file(file), "spoolq.json");
  require(again.queue_id == file.queue_id, "the queue's id stays");
  require(again.set == file.set, "all settings are kept, also unknown ones");
  require(list_settings(again.settings) == list_settings(file.settings),
          "settings are read as the same values");
  return 0;
}
