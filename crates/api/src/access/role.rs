//! What a request needs: one table of all routes.

use axum::http::Method;
use model::Role;

/// What needs no role: what says nothing about this host, but whether it is well.
const OPEN: &[&str] = &[
    "GET /",
    "GET /app/{file}",
    "GET /healthz",
    "GET /readyz",
    "GET /v1/docs",
    "GET /v1/docs/page.css",
    "GET /v1/docs/page.js",
    "GET /v1/openapi.json",
];

const VIEW: &[&str] = &[
    "GET /metrics",
    "GET /v1/alarm-rules",
    "GET /v1/alarm-rules/{name}",
    "GET /v1/alarms",
    "GET /v1/events",
    "GET /v1/host",
    "GET /v1/operations",
    "GET /v1/operations/{id}",
    "GET /v1/pools",
    "GET /v1/pools/{name}",
    "GET /v1/settings",
    "GET /v1/settings/{name}",
    "GET /v1/stream",
    "GET /v1/vms",
    "GET /v1/vms/{name}",
    "GET /v1/vms/{name}/explain",
    "GET /v1/vms/{name}/map",
    "GET /v1/vms/{name}/map/{gva}",
    "GET /v1/vms/{name}/statistics",
    "GET /v1/whoami",
    "POST /v1/what-if",
];

const OPERATE: &[&str] = &[
    // What a guest says may be meant for who types to it only.
    "GET /v1/vms/{name}/console",
    "POST /v1/alarms/{id}/acknowledge",
    "POST /v1/audit",
    "POST /v1/operations/{id}/cancel",
    "POST /v1/vms/{name}/audit",
    "POST /v1/vms/{name}/console",
    "POST /v1/vms/{name}/move",
    "POST /v1/vms/{name}/pause",
    "POST /v1/vms/{name}/restart",
    "POST /v1/vms/{name}/resume",
    "POST /v1/vms/{name}/start",
    "POST /v1/vms/{name}/stop",
    "POST /v1/vms/{name}/unswap",
    // A console's WebSocket.
    "UPGRADE /v1/vms/{name}/console",
];

/// What administrators alone may, written down so that a route that is forgotten is noticed.
#[cfg(test)]
const ADMINISTER: &[&str] = &[
    "DELETE /v1/alarm-rules/{name}",
    "DELETE /v1/pools/{name}",
    "DELETE /v1/tokens/{name}",
    "DELETE /v1/vms/{name}",
    "GET /v1/audit-log",
    "GET /v1/tokens",
    "PATCH /v1/alarm-rules/{name}",
    "PATCH /v1/pools/{name}",
    "PATCH /v1/settings",
    "PATCH /v1/vms/{name}",
    "POST /v1/alarm-rules",
    "POST /v1/alarm-rules/{name}/test",
    "POST /v1/pools",
    "POST /v1/tokens",
    "POST /v1/vms",
];

/// What is asked for, as far as it matters who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// The route as declared, with its parameters' names; `None` if there is none for the path.
    pub(crate) route: Option<&'a str>,
    /// Whether it is to become a WebSocket.
    pub(crate) upgrade: bool,
}

impl Asked<'_> {
    /// The least role for it; `None` if it needs none.
    pub(crate) fn needs(self) -> Option<Role> {
        let method = match self.method {
            _ if self.upgrade => "UPGRADE",
            method if *method == Method::HEAD => "GET",
            method => method.as_str(),
        };
        let Some(route) = self.route else {
            return Some(if method == "GET" { Role::View } else { Role::Administer });
        };
        let named =
            |table: &[&str]| table.iter().any(|&entry| entry.split_once(' ') == Some((method, route)));
        if named(OPEN) {
            None
        } else if named(VIEW) {
            Some(Role::View)
        } else if named(OPERATE) {
            Some(Role::Operate)
        } else {
            // Also what no table names, such as a method that the route does not take.
            Some(Role::Administer)
        }
    }

    /// Whether it belongs into the audit log if it is carried out.
    pub(crate) fn is_change(self) -> bool {
        let reads = *self.method == Method::GET || *self.method == Method::HEAD;
        (!reads || self.upgrade) && self.needs() >= Some(Role::Operate)
    }
}

#[cfg(test)]
mod tests;
