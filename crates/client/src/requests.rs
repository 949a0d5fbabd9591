//! What can be asked of a host, request by request.
//!
//! Every request fails with [`enum@Error`]: the host says no, is not there, breaks off, or is not understood.

use crate::connection::{Asked, escaped, of_vm, read, whole};
use crate::console::{Said, first_byte};
use crate::{Bytes, Client, Error, Revised};
use hyper::Method;
use hyper::header::{ETAG, IF_MATCH};
use model::inspect::map::{Address, Map};
use model::inspect::statistics::Statistics;
use model::inspect::{Hex, Moved};
use model::{
    Edit, Explained, HostStatus, List, MovePages, Pool, PoolChange, PoolSpec, Setting, SettingsChange,
    TypedIn, UntypedEvent, Vm, VmChange, VmSpec, WhatIf,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

fn of_pool(name: &str) -> String {
    format!("/v1/pools/{}", escaped(name))
}

const SETTINGS: &str = "/v1/settings";

#[expect(clippy::missing_errors_doc, reason = "the same for all, said above")]
impl Client {
    /// The host's memory, as measured last.
    pub async fn status(&self) -> Result<HostStatus, Error> {
        self.get("/v1/host").await
    }

    /// Figures for Prometheus.
    pub async fn metrics(&self) -> Result<String, Error> {
        let response = self.send(Asked::new(Method::GET, "/metrics")).await?;
        String::from_utf8(whole(response).await?.into()).map_err(|error| Error::Strange(error.to_string()))
    }

    /// That the host does its work; otherwise the problem's code is `not-ready`.
    pub async fn ready(&self) -> Result<(), Error> {
        whole(self.send(Asked::new(Method::GET, "/readyz")).await?).await.map(drop)
    }

    /// All VMs, by name.
    pub async fn vms(&self) -> Result<Vec<Vm>, Error> {
        self.all("/v1/vms", None).await
    }

    /// One VM.
    pub async fn vm(&self, name: &str) -> Result<Vm, Error> {
        self.get(&of_vm(name, "")).await
    }

    /// One VM, with its revision.
    pub async fn revised_vm(&self, name: &str) -> Result<Revised<Vm>, Error> {
        self.revised(&of_vm(name, "")).await
    }

    /// Creates a VM, stopped.
    pub async fn create(&self, spec: &VmSpec) -> Result<Vm, Error> {
        self.ask(Asked::new(Method::POST, "/v1/vms").json(spec)).await
    }

    /// Changes a VM, whatever it is.
    pub async fn set(&self, name: &str, change: &VmChange) -> Result<Vm, Error> {
        self.change(&of_vm(name, ""), change, None).await
    }

    /// Changes a VM that is still at a revision; otherwise the problem's code is `changed`.
    pub async fn set_if(&self, name: &str, change: &VmChange, revision: &str) -> Result<Vm, Error> {
        self.change(&of_vm(name, ""), change, Some(revision)).await
    }

    /// Removes a stopped VM.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        self.delete(&of_vm(name, "")).await
    }

    /// Why a VM holds what it holds.
    pub async fn explain(&self, name: &str) -> Result<Explained, Error> {
        self.get(&of_vm(name, "/explain")).await
    }

    /// What a running VM counted.
    pub async fn statistics(&self, name: &str) -> Result<Statistics, Error> {
        self.get(&of_vm(name, "/statistics")).await
    }

    /// How a running VM's memory is mapped, with up to `pages` pages of what `cpu` sees.
    pub async fn map(&self, name: &str, cpu: usize, pages: usize) -> Result<Map, Error> {
        self.get(&of_vm(name, &format!("/map?cpu={cpu}&pages={pages}"))).await
    }

    /// One address as a `cpu` of a running VM sees it.
    pub async fn address(&self, name: &str, cpu: usize, gva: Hex) -> Result<Address, Error> {
        self.get(&of_vm(name, &format!("/map/{gva}?cpu={cpu}"))).await
    }

    /// Moves up to `pages` pages of a running VM to other frames; says what came of it.
    pub async fn move_pages(&self, name: &str, pages: u64) -> Result<Moved, Error> {
        let path = of_vm(name, "/move");
        self.ask(Asked::new(Method::POST, &path).json(&MovePages { pages })).await
    }

    /// What a VM's guest said from byte `from` on, as far as it is kept.
    pub async fn said(&self, name: &str, from: u64) -> Result<Said, Error> {
        let path = of_vm(name, &format!("/console?from={from}"));
        let response = self.send(Asked::new(Method::GET, &path)).await?;
        Ok(Said { from: first_byte(&response)?, bytes: whole(response).await? })
    }

    /// Types to a VM's guest; gives how many bytes it took.
    pub async fn type_in(&self, name: &str, bytes: impl Into<Bytes>) -> Result<usize, Error> {
        let path = of_vm(name, "/console");
        let asked = Asked { body: bytes.into(), ..Asked::new(Method::POST, &path) };
        Ok(self.ask::<TypedIn>(asked).await?.taken_bytes.0 as usize)
    }

    /// All resource pools, by name.
    pub async fn pools(&self) -> Result<Vec<Pool>, Error> {
        self.all("/v1/pools", None).await
    }

    /// One resource pool.
    pub async fn pool(&self, name: &str) -> Result<Pool, Error> {
        self.get(&of_pool(name)).await
    }

    /// One resource pool, with its revision.
    pub async fn revised_pool(&self, name: &str) -> Result<Revised<Pool>, Error> {
        self.revised(&of_pool(name)).await
    }

    /// Creates a resource pool.
    pub async fn create_pool(&self, spec: &PoolSpec) -> Result<Pool, Error> {
        self.ask(Asked::new(Method::POST, "/v1/pools").json(spec)).await
    }

    /// Changes a resource pool, whatever it is.
    pub async fn set_pool(&self, name: &str, change: &PoolChange) -> Result<Pool, Error> {
        self.change(&of_pool(name), change, None).await
    }

    /// Changes a resource pool that is still at a revision; otherwise the problem's code is `changed`.
    pub async fn set_pool_if(&self, name: &str, change: &PoolChange, revision: &str) -> Result<Pool, Error> {
        self.change(&of_pool(name), change, Some(revision)).await
    }

    /// Removes an empty resource pool.
    pub async fn remove_pool(&self, name: &str) -> Result<(), Error> {
        self.delete(&of_pool(name)).await
    }

    /// All advanced settings, by name.
    pub async fn settings(&self) -> Result<Vec<Setting>, Error> {
        self.all(SETTINGS, None).await
    }

    /// All advanced settings, with their revision.
    pub async fn revised_settings(&self) -> Result<Revised<List<Setting>>, Error> {
        self.revised(SETTINGS).await
    }

    /// One advanced setting.
    pub async fn setting(&self, name: &str) -> Result<Setting, Error> {
        self.get(&format!("{SETTINGS}/{}", escaped(name))).await
    }

    /// Changes an advanced setting.
    pub async fn set_setting(&self, name: &str, value: u64) -> Result<Setting, Error> {
        let change = SettingsChange(BTreeMap::from([(name.to_owned(), Some(value))]));
        let all = self.set_settings(&change, None).await?;
        let found = all.into_iter().find(|setting| setting.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::Strange(format!("{name} is changed, and not there")))
    }

    /// Changes advanced settings, all or none, at a revision or whatever they are; gives all.
    pub async fn set_settings(
        &self,
        change: &SettingsChange,
        revision: Option<&str>,
    ) -> Result<Vec<Setting>, Error> {
        Ok(self.change::<List<Setting>>(SETTINGS, change, revision).await?.items)
    }

    /// Events numbered above `since`, as far as they are kept, with the memory loop's `decisions` or without.
    pub async fn events(&self, since: u64, decisions: bool) -> Result<Vec<UntypedEvent>, Error> {
        let path = if decisions { "/v1/events?decisions=true" } else { "/v1/events" };
        self.all(path, Some(since.to_string())).await
    }

    /// What would be different if.
    pub async fn what_if(&self, edit: &Edit) -> Result<WhatIf, Error> {
        self.ask(Asked::new(Method::POST, "/v1/what-if").json(edit)).await
    }

    /// All pages of a list behind `cursor`, one after the other.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        mut cursor: Option<String>,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let behind = cursor.as_deref().map(|cursor| format!("{join}cursor={}", escaped(cursor)));
            let page: List<T> = self.get(&format!("{path}{}", behind.unwrap_or_default())).await?;
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    pub(crate) async fn revised<T: DeserializeOwned>(&self, path: &str) -> Result<Revised<T>, Error> {
        let response = self.send(Asked::new(Method::GET, path)).await?;
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let revision = tag.ok_or_else(|| Error::Strange("the header etag is missing".to_owned()))?;
        Ok(Revised { value: read(response).await?, revision })
    }

    pub(crate) async fn change<T: DeserializeOwned>(
        &self,
        path: &str,
        change: &impl serde::Serialize,
        revision: Option<&str>,
    ) -> Result<T, Error> {
        let asked = Asked::new(Method::PATCH, path).json(change);
        self.ask(asked.header(IF_MATCH.as_str(), revision)).await
    }
}
