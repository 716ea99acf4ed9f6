// The JSON documents, which docs/schemas describes. Fields may be added to them; none may change.
#pragma once

#include <string>
#include <vector>

#include "cli/output/work_event.hpp"
#include "spoolq/adopter.hpp"
#include "spoolq/message.hpp"
#include "spoolq/monitor.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

// Each is one line with a newline at its end.

/// spoolq.message/1
std::string message_document(const MessageDetails& message, Time at);
/// spoolq.stats/1
std::string stats_document(const Stats& stats, Time at);
/// spoolq.event/1
std::string event_document(const Event& event);
/// spoolq.appraisal/1
std::string appraisal_document(const Appraisal& appraisal);
/// spoolq.settings/1
std::string settings_document(const std::string& queue, const std::vector<SettingChange>& settings);
/// spoolq.reap/1
std::string reap_document(const std::string& queue, const ReapCounts& counts);
/// spoolq.log/1
std::string work_event_document(const WorkEvent& event, Time at);
/// spoolq.version/1
std::string version_document(const std::string& version);

}  // namespace spoolq::cli
