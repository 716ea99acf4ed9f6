// What happens to a message after the put: one function for each row of the table in
// docs/architecture.md. Each is a rename or unlink of an exact name, so each has one winner.
#pragma once

#include <optional>
#include <string>

#include "queue/format/message_name.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

/// new/ → cur/. `claim` is the C field. nullopt: somebody else was first. Not synced: a power cut
/// gives the message back. On a full disk a claim may have the ballast only when its consumer holds
/// no other: those who hold some can make room by finishing them, and need the ballast for that.
std::optional<StoredMessage> claim(OpenQueue& queue, const StoredMessage& message,
                                   const std::string& claim, Ballast ballast = Ballast::give);

/// cur/ → new/ under the name it had `before`, attempt not counted: for a file that its writer has
/// not finished. Not synced. Does nothing when the claim is gone.
void unclaim(OpenQueue& queue, const StoredMessage& message, const Location& before);

/// cur/ → new/ as if it had not been claimed, the attempt not counted: for work that was not begun.
/// Throws errc::claim_lost. Durable when it returns.
void undo_claim(OpenQueue& queue, const StoredMessage& message);

/// The end of a claimed message: removed, or kept in done/, as `keep` says or else the setting
/// keep_done. Throws errc::claim_lost when the name
/// is gone, and the errno when the sync failed: the message may then be delivered again.
void acknowledge(OpenQueue& queue, const StoredMessage& message, Sync sync,
                 std::optional<bool> keep = {});

/// cur/ → new/, or later/ when `due` is set and in the future; failed/ when the attempts are used
/// up or the time to live is over. Throws errc::claim_lost. Durable when it returns.
void release(OpenQueue& queue, const StoredMessage& message, std::optional<Time> due);

/// cur/ → later/ after a failed run, until `due`, or new/ when that is not in the future; failed/
/// when `attempts_max` are used up or the time to live is over. The reason goes along. Gives the
/// state it is in then. Throws errc::claim_lost. Durable when it returns.
State retry_later(OpenQueue& queue, const StoredMessage& message, const Reason& reason, Time due,
                  unsigned attempts_max);

/// cur/ → failed/, with the reason. Throws errc::claim_lost. Durable when it returns.
void fail(OpenQueue& queue, const StoredMessage& message, const Reason& reason);

/// cur/ → cur/ under another claim: a living consumer's made detached, or a lease prolonged. Throws
/// errc::claim_lost. Not synced.
StoredMessage change_claim(OpenQueue& queue, const StoredMessage& message, const std::string& claim,
                           std::optional<Time> lease_until);

/// failed/ → new/ with no attempts and no reason. False when it is gone.
bool retry(OpenQueue& queue, const StoredMessage& message, Sync sync = Sync::durable);

/// Removes a message from any folder. False when it is gone. A foreign file that cannot be removed
/// goes back to new/ under its name.
bool remove(OpenQueue& queue, const StoredMessage& message, Sync sync = Sync::durable);

/// later/ → new/, or failed/ when its time to live is over. False when somebody else was first. Not
/// synced: after a power cut it is moved again.
bool make_due(OpenQueue& queue, const StoredMessage& message);

/// new/ → failed/ for a message whose time to live is over. False when somebody else was first.
bool expire(OpenQueue& queue, const StoredMessage& message);

/// The claim that a reaper saw in cur/ is over: back to where R says, otherwise to new/ or failed/.
/// Synced by the caller, once for all. Gives the state it is in then, or nullopt when somebody else
/// was first.
std::optional<State> take_back(OpenQueue& queue, const StoredMessage& message,
                               const std::string& why);

/// FOLDER/ → cur/ for a message that is copied or moved elsewhere: not an attempt, and R says where
/// it was. `claim` is the C field. nullopt: another process was first. Not synced: a power cut
/// gives the message back.
std::optional<StoredMessage> claim_for_move(OpenQueue& queue, const StoredMessage& message,
                                            const std::string& claim);

/// Ends such a claim: back to where R says, with nothing else changed. Not synced. Gives the folder
/// it went to, or nullopt when the claim is gone.
std::optional<State> release_move(OpenQueue& queue, const StoredMessage& message);

/// The same under the name that it had `before`. Where another file has that name by now, to where
/// R says.
void put_back(OpenQueue& queue, const StoredMessage& seized, const Location& before);

}  // namespace spoolq::detail
