//! Who may ask for what, and who did.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use std::str::FromStr;
use utoipa::ToSchema;

/// What somebody may do. Each may do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything but consoles and access, and ask what would be if.
    View,
    /// Start and stop what there is, type to guests, check invariants, acknowledge alarms.
    Operate,
    /// Make, change and remove; hand out tokens.
    Administer,
}

impl Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::View => "view",
            Self::Operate => "operate",
            Self::Administer => "administer",
        })
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::View, Self::Operate, Self::Administer];
        all.into_iter()
            .find(|role| role.to_string() == text)
            .ok_or_else(|| format!("'{text}' is no role: view, operate or administer"))
    }
}

/// Who asks, once that is known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// As in the audit log: `uid 1000` over the Unix socket, `token NAME` over TCP.
    pub who: String,
    /// What they may do.
    pub role: Role,
    /// Whether the machine itself let them in, over the Unix socket: some things only they may.
    pub is_local: bool,
    /// By which they say who they are; `None` for who needs none.
    #[serde(skip)]
    pub token: Option<Token>,
}

/// What may be known of a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// What it is called, in the audit log too.
    pub name: String,
    /// What who has it may do.
    pub role: Role,
    /// When it was made, in milliseconds since 1970.
    pub created_at_milliseconds: u64,
    /// From when on it is not valid; null: it always is.
    pub expires_at_milliseconds: Option<u64>,
    /// In which hour it was used last, by the hour's beginning; null: never.
    pub last_used_at_milliseconds: Option<u64>,
}

impl Token {
    /// What every token begins with, so that one is recognized where it should not be.
    pub const PREFIX: &str = "memtide_";

    /// Whether it is not valid any more at `now`, in milliseconds since 1970.
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires_at_milliseconds.is_some_and(|end| now >= end)
    }
}

/// A token to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// What to call it: 1 to 40 letters, digits, `-`, `_` and `.`.
    #[schema(min_length = 1, max_length = 40, pattern = "^[A-Za-z0-9._-]+$")]
    pub name: String,
    /// What who has it may do.
    pub role: Role,
    /// How long it is valid, in seconds; null: until it is removed.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub lifetime_seconds: Option<u64>,
}

/// A token that was just made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// What to send. It is not shown again.
    pub secret: String,
}

/// What somebody wanted to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditLine {
    /// When it was answered, in milliseconds since 1970.
    pub at_milliseconds: u64,
    /// Who: `uid 1000` over the Unix socket, `token ci`, or `unknown`.
    pub who: String,
    /// From where: an address; null over the Unix socket.
    pub from: Option<String>,
    /// What they may do; null if that is not known.
    pub role: Option<Role>,
    /// The request's method.
    pub method: String,
    /// The request's path, without what follows on a question mark, and cut where it is very long.
    pub path: String,
    /// The status it was answered with. One of a long operation says only that it began.
    pub status: u16,
    /// What the request is called.
    pub request_id: String,
    /// How many lines before this one are not there.
    pub omitted: u64,
}
