//! Resource pools, as the tree they are.

use super::{CHOSEN, FAINT, TITLE, first_row, fitted};
use crate::top::model::Model;
use crate::view::mib;
use addr::ByteSize;
use model::{HostStatus, Pool};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

/// How deep the tree is drawn, whatever is below.
const DEEPEST: usize = 16;
const NAME: usize = 15;
/// What stands above the columns, as wide as they are.
const TITLES: [&str; 8] =
    ["RESERVED", " IN USE", "   LEFT", "  LIMIT", " SHARES", "ENTITLED", "CONSUMED", " VMs"];

/// A line of the tree.
struct Node<'a> {
    depth: usize,
    /// The host itself has none.
    pool: Option<&'a Pool>,
}

pub(super) fn lines(model: &Model, area: Rect) -> Vec<Line<'static>> {
    let Some(status) = model.status() else { return Vec::new() };
    let mut nodes = vec![Node { depth: 0, pool: None }];
    add_children(&mut nodes, &model.shown.pools, None, 1);
    let titles = TITLES.iter().fold(format!(" {:<NAME$}", "POOL"), |line, title| format!("{line} {title}"));
    let mut lines = vec![Line::styled(titles, TITLE)];
    let at = model.pool_at.min(nodes.len() - 1);
    let height = usize::from(area.height).saturating_sub(1).max(1);
    for (index, node) in nodes.iter().enumerate().skip(first_row(at, height)).take(height) {
        let style = if index == at { CHOSEN } else { Style::new() };
        lines.push(Line::styled(row(node, &model.shown.pools, status, index == at), style));
    }
    if model.shown.pools.is_empty() {
        lines.push(Line::styled("there is no resource pool; 'memtide pool create' makes one", FAINT));
    }
    lines
}

fn add_children<'a>(nodes: &mut Vec<Node<'a>>, pools: &'a [Pool], parent: Option<&str>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for pool in pools.iter().filter(|pool| pool.spec.parent.as_deref() == parent) {
        nodes.push(Node { depth, pool: Some(pool) });
        add_children(nodes, pools, Some(&pool.spec.name), depth + 1);
    }
}

fn row(node: &Node, pools: &[Pool], status: &HostStatus, selected: bool) -> String {
    let name = node.pool.map_or("the host", |pool| &pool.spec.name);
    let name = fitted(&format!("{}{name}", "  ".repeat(node.depth)), NAME);
    let within: Vec<_> =
        status.vms.iter().filter(|vm| is_within(vm.pool.as_deref(), node.pool, pools)).collect();
    let consumed = ByteSize(within.iter().map(|vm| vm.metrics.consumed_bytes.0).sum());
    let dash = || "-".to_owned();
    let [reserved, used, unreserved, limit, shares, entitled] = match node.pool {
        None => {
            let for_vms = mib(status.reserved_bytes);
            [dash(), for_vms, mib(status.unreserved_bytes), mib(status.ledger.total_bytes), dash(), dash()]
        }
        Some(pool) => {
            let now = status.pools.iter().find(|of| of.name == pool.spec.name);
            [
                mib(pool.spec.reservation_bytes),
                mib(now.map_or(pool.reservation_used_bytes, |now| now.reservation_used_bytes)),
                mib(now.map_or(pool.unreserved_bytes, |now| now.unreserved_bytes)),
                pool.spec.limit_bytes.map_or_else(dash, mib),
                pool.spec.shares.to_string(),
                now.and_then(|now| now.entitlement_bytes).map_or_else(dash, mib),
            ]
        }
    };
    let cells =
        [reserved, used, unreserved, limit, shares, entitled, mib(consumed), within.len().to_string()];
    let begin = format!("{}{name:<NAME$}", if selected { ">" } else { " " });
    cells.iter().zip(TITLES).fold(begin, |line, (cell, title)| {
        let width = title.len();
        format!("{line} {cell:>width$}")
    })
}

/// Whether who lies in the pool of that name lies in `pool`, however deep.
fn is_within<'a>(mut name: Option<&'a str>, pool: Option<&Pool>, pools: &'a [Pool]) -> bool {
    let Some(pool) = pool else { return true };
    for _ in 0..DEEPEST {
        let Some(inner) = name else { return false };
        if inner == pool.spec.name {
            return true;
        }
        name = pools.iter().find(|pool| pool.spec.name == inner).and_then(|pool| pool.spec.parent.as_deref());
    }
    false
}
