//! Words of the transport that clients must know.

/// The header of an answer with a console's content that says with which byte it begins.
pub const CONSOLE_FROM: &str = "memtide-console-from";
/// The subprotocol of a console's WebSocket.
pub const CONSOLE_PROTOCOL: &str = "memtide.console";
/// The header that names a request. A client may choose the name.
pub const REQUEST_ID: &str = "x-request-id";
