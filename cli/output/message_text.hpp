// Parts of messages as people read them.
#pragma once

#include <string>

#include "spoolq/message.hpp"

namespace spoolq::cli {

/// The end of an id: those made in one minute share their first characters.
std::string short_id(const MessageId& id);
/// Why a message failed, on one line; empty where nothing is known.
std::string reason_text(const Reason& reason);

}  // namespace spoolq::cli
