//! What stands behind the question mark, and the pages of lists.
//!
//! **Model.** Lists are in a stable order: by name, or by number. A page begins behind its `cursor`, which is the name or number of
//! the last item of the page before, so that what comes and goes meanwhile moves nothing else.
//!
//! **Not here.** One structure for what all lists have in common: serde can flatten it into each query or refuse unknown
//! names, but not both. So a macro, `list_query`, writes it into each.

use model::{List, OperationState, Power, Severity};
use serde::{Deserialize, Deserializer, de};
use utoipa::{IntoParams, ToSchema};

/// Most items of a page, and how many if nothing else is asked for.
pub(crate) const MOST_ITEMS: usize = 1000;

fn most() -> usize {
    MOST_ITEMS
}

fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    match usize::deserialize(from)? {
        limit @ 1..=MOST_ITEMS => Ok(limit),
        other => Err(de::Error::custom(format!("limit: it is 1 to {MOST_ITEMS}, not {other}"))),
    }
}

/// Longest wait, in seconds.
const MOST_WAIT: u8 = 60;

fn wait<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    match u8::deserialize(from)? {
        wait @ 0..=MOST_WAIT => Ok(wait),
        other => Err(de::Error::custom(format!("wait: it is {MOST_WAIT} seconds at most, not {other}"))),
    }
}

/// What may be asked of a list: how much of it, from where on, and its own conditions.
macro_rules! list_query {
    ($(#[$doc:meta])* $name:ident { $($rest:tt)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(crate) struct $name {
            /// Most items of the page.
            #[serde(default = "most", deserialize_with = "limit")]
            #[param(required = false, minimum = 1, maximum = 1000, default = 1000)]
            pub(crate) limit: usize,
            $($rest)*
        }
    };
}

list_query! {
    /// Which VMs.
    VmsQuery {
        /// `next` of the page before.
        pub(crate) cursor: Option<String>,
        /// Only those whose name contains this.
        pub(crate) name: Option<String>,
        /// Only those in this state.
        pub(crate) power: Option<Power>,
        /// Only those in this resource pool; empty for those on the host itself.
        pub(crate) pool: Option<String>,
    }
}

list_query! {
    /// Which resource pools.
    PoolsQuery {
        /// `next` of the page before.
        pub(crate) cursor: Option<String>,
        /// Only those whose name contains this.
        pub(crate) name: Option<String>,
        /// Only those in this resource pool; empty for those on the host itself.
        pub(crate) parent: Option<String>,
    }
}

list_query! {
    /// Which settings.
    SettingsQuery {
        /// `next` of the page before.
        pub(crate) cursor: Option<String>,
        /// Only those whose name contains this.
        pub(crate) name: Option<String>,
    }
}

list_query! {
    /// Which operations.
    OperationsQuery {
        /// `next` of the page before, or any operation's number: what follows on it is asked for.
        #[serde(default)]
        #[param(required = false)]
        pub(crate) cursor: u64,
        /// Only those of this VM.
        pub(crate) vm: Option<String>,
        /// Only those in this state.
        pub(crate) state: Option<OperationState>,
    }
}

/// How long to wait for an operation.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitQuery {
    /// Answer only when it has ended, or after so many seconds.
    #[serde(default, deserialize_with = "wait")]
    #[param(required = false, maximum = 60)]
    pub(crate) wait: u8,
}

list_query! {
    /// Which events.
    EventsQuery {
        /// `next` of the page before, or any event's number: what follows on it is asked for, as far as it is kept.
        #[serde(default)]
        #[param(required = false)]
        pub(crate) cursor: u64,
        /// Only those of this VM.
        pub(crate) vm: Option<String>,
        /// Only those of this kind, such as `vm-started`.
        pub(crate) event: Option<String>,
        /// The memory loop's decisions, too: plans that leave the state as it is (`planned`), and what was taken for them (`reclaimed`).
        #[serde(default)]
        #[param(required = false)]
        pub(crate) decisions: bool,
    }
}

list_query! {
    /// Which alarms.
    AlarmsQuery {
        /// `next` of the page before, or any alarm's number: what follows on it is asked for.
        #[serde(default)]
        #[param(required = false)]
        pub(crate) cursor: u64,
        /// Only those of this VM.
        pub(crate) vm: Option<String>,
        /// Only those by this rule.
        pub(crate) rule: Option<String>,
        /// Only those so bad.
        pub(crate) severity: Option<Severity>,
        /// Only those that somebody has seen, or nobody.
        pub(crate) acknowledged: Option<bool>,
    }
}

list_query! {
    /// Which alarm rules.
    AlarmRulesQuery {
        /// `next` of the page before.
        pub(crate) cursor: Option<String>,
        /// Only those whose name contains this.
        pub(crate) name: Option<String>,
    }
}

list_query! {
    /// Which tokens.
    TokensQuery {
        /// `next` of the page before.
        pub(crate) cursor: Option<String>,
    }
}

/// How much of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditLogQuery {
    /// Most lines.
    #[serde(default = "most", deserialize_with = "limit")]
    #[param(required = false, minimum = 1, maximum = 1000, default = 1000)]
    pub(crate) limit: usize,
}

/// What is streamed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Only one kind of message, instead of all.
    pub(crate) only: Option<Only>,
    /// Begin with the events above this number instead of a snapshot. The header `last-event-id` counts more.
    pub(crate) since: Option<u64>,
}

/// A kind of message.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Only {
    /// What happens, without decisions.
    Events,
    /// What happens, and what the memory loop decides.
    Decisions,
    /// The host's memory, once a second.
    Status,
}

/// Which part of a console.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsoleQuery {
    /// From this byte on, counted over all of the VM's runs.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) from: u64,
}

/// Whose memory map, and how much of it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MapQuery {
    /// The vCPU whose address space is shown.
    #[serde(default)]
    #[param(required = false, maximum = 7)]
    pub(crate) cpu: usize,
    /// Most pages in the sample.
    #[serde(default = "some_pages", deserialize_with = "pages")]
    #[param(required = false, maximum = 256, default = 64)]
    pub(crate) pages: usize,
}

fn some_pages() -> usize {
    64
}

/// Most pages in a sample.
const MOST_PAGES: usize = 256;

fn pages<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    match usize::deserialize(from)? {
        pages @ 0..=MOST_PAGES => Ok(pages),
        other => Err(de::Error::custom(format!("pages: they are {MOST_PAGES} at most, not {other}"))),
    }
}

/// Whose address.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CpuQuery {
    /// The vCPU whose address space is asked.
    #[serde(default)]
    #[param(required = false, maximum = 7)]
    pub(crate) cpu: usize,
}

/// The first `limit` of `items`, and where to go on: `key` is the cursor behind an item.
pub(crate) fn page<T>(
    items: impl IntoIterator<Item = T>,
    limit: usize,
    key: impl Fn(&T) -> String,
) -> List<T> {
    let mut items = items.into_iter();
    let page: Vec<T> = items.by_ref().take(limit).collect();
    let next = items.next().and(page.last()).map(key);
    List { items: page, next }
}

/// Whether an item called `name` lies behind the cursor and is asked for.
pub(crate) fn selects(cursor: Option<&str>, part: Option<&str>, name: &str) -> bool {
    cursor.is_none_or(|cursor| name > cursor) && part.is_none_or(|part| name.contains(part))
}

/// Whether something that lies in the resource pool `lies_in` is asked for.
pub(crate) fn within(asked: Option<&str>, lies_in: Option<&str>) -> bool {
    asked.is_none_or(|asked| lies_in.unwrap_or_default() == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_each_item_once() {
        let all = ["a", "b", "c", "d", "e"];
        for limit in 1..7 {
            let (mut seen, mut cursor) = (Vec::<&str>::new(), None);
            loop {
                let rest = all.iter().filter(|name| selects(cursor.as_deref(), None, name));
                let page = page(rest, limit, ToString::to_string);
                assert!(page.items.len() <= limit);
                seen.extend(page.items.into_iter().copied());
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all);
        }
    }
}
