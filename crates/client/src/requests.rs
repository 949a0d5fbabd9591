//! What can be asked of a host, request by request.
//!
//! Every request fails with [`enum@Error`]: the host says no, is not there, breaks off, or is not understood.

use crate::connection::{escaped, read};
use crate::stream::{Bytes, ConsoleOutput, Lines, Said};
use crate::types::{
    Amount, Done, Edit, Event, Explained, HostStatus, List, Pool, PoolChange, PoolSpec, Setting,
    SettingValue, Vm, VmChange, VmSpec, WhatIf,
};
use crate::{Client, Error};
use addr::ByteSize;
use api::inspect::{Answer, Request};
use hyper::Method;

fn of_vm(name: &str, what: &str) -> String {
    format!("/v1/vms/{}{what}", escaped(name))
}

fn of_pool(name: &str) -> String {
    format!("/v1/pools/{}", escaped(name))
}

#[expect(clippy::missing_errors_doc, reason = "the same for all, said above")]
impl Client {
    /// The host's memory, as measured last.
    pub async fn status(&self) -> Result<HostStatus, Error> {
        self.get("/v1/host").await
    }

    /// All VMs.
    pub async fn vms(&self) -> Result<Vec<Vm>, Error> {
        Ok(self.get::<List<Vm>>("/v1/vms").await?.items)
    }

    /// One VM.
    pub async fn vm(&self, name: &str) -> Result<Vm, Error> {
        self.get(&of_vm(name, "")).await
    }

    /// Creates a VM, stopped.
    pub async fn create(&self, spec: &VmSpec) -> Result<Vm, Error> {
        self.ask(Method::POST, "/v1/vms", spec).await
    }

    /// Changes a VM.
    pub async fn set(&self, name: &str, change: &VmChange) -> Result<Vm, Error> {
        self.ask(Method::PATCH, &of_vm(name, ""), change).await
    }

    /// Removes a stopped VM.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        self.delete(&of_vm(name, "")).await
    }

    /// Starts a VM; returns when its guest runs.
    pub async fn start(&self, name: &str) -> Result<Vm, Error> {
        self.order(&of_vm(name, "/start")).await
    }

    /// Stops a VM at once; returns when its memory is free.
    pub async fn stop(&self, name: &str) -> Result<Vm, Error> {
        self.order(&of_vm(name, "/stop")).await
    }

    /// Brings back what is compressed and swapped, as far as memory is free; gives how much.
    pub async fn unswap(&self, name: &str) -> Result<ByteSize, Error> {
        Ok(self.order::<Amount>(&of_vm(name, "/unswap")).await?.bytes)
    }

    /// Why a VM holds what it holds.
    pub async fn explain(&self, name: &str) -> Result<Explained, Error> {
        self.get(&of_vm(name, "/explain")).await
    }

    /// Looks into a running VM.
    pub async fn inspect(&self, name: &str, request: &Request) -> Result<Answer, Error> {
        self.ask(Method::POST, &of_vm(name, "/inspect"), request).await
    }

    /// What a VM's guest said from byte `from` on, and what it will say.
    pub async fn console(&self, name: &str, from: u64) -> Result<ConsoleOutput, Error> {
        let path = of_vm(name, &format!("/console?follow=true&from={from}"));
        ConsoleOutput::new(self.send(Method::GET, &path, Bytes::new()).await?)
    }

    /// What a VM's guest said from byte `from` on, as far as it is kept.
    pub async fn said(&self, name: &str, from: u64) -> Result<Said, Error> {
        let path = of_vm(name, &format!("/console?from={from}"));
        Said::read(self.send(Method::GET, &path, Bytes::new()).await?).await
    }

    /// Types to a VM's guest; gives how many bytes it took.
    pub async fn type_in(&self, name: &str, bytes: impl Into<Bytes>) -> Result<usize, Error> {
        let answer = self.send(Method::POST, &of_vm(name, "/console"), bytes.into()).await?;
        Ok(read::<Amount>(answer).await?.bytes.0 as usize)
    }

    /// All resource pools.
    pub async fn pools(&self) -> Result<Vec<Pool>, Error> {
        Ok(self.get::<List<Pool>>("/v1/pools").await?.items)
    }

    /// One resource pool.
    pub async fn pool(&self, name: &str) -> Result<Pool, Error> {
        self.get(&of_pool(name)).await
    }

    /// Creates a resource pool.
    pub async fn create_pool(&self, spec: &PoolSpec) -> Result<Pool, Error> {
        self.ask(Method::POST, "/v1/pools", spec).await
    }

    /// Changes a resource pool.
    pub async fn set_pool(&self, name: &str, change: &PoolChange) -> Result<Pool, Error> {
        self.ask(Method::PATCH, &of_pool(name), change).await
    }

    /// Removes an empty resource pool.
    pub async fn remove_pool(&self, name: &str) -> Result<(), Error> {
        self.delete(&of_pool(name)).await
    }

    /// All advanced settings.
    pub async fn settings(&self) -> Result<Vec<Setting>, Error> {
        Ok(self.get::<List<Setting>>("/v1/settings").await?.items)
    }

    /// One advanced setting.
    pub async fn setting(&self, name: &str) -> Result<Setting, Error> {
        self.get(&format!("/v1/settings/{}", escaped(name))).await
    }

    /// Changes an advanced setting.
    pub async fn set_setting(&self, name: &str, value: u64) -> Result<Setting, Error> {
        self.ask(Method::PUT, &format!("/v1/settings/{}", escaped(name)), &SettingValue { value }).await
    }

    /// Events numbered above `since`, as far as they are kept.
    pub async fn events(&self, since: u64) -> Result<Vec<Event>, Error> {
        Ok(self.get::<List<Event>>(&format!("/v1/events?since={since}")).await?.items)
    }

    /// The same and those to come, a line of JSON each.
    pub async fn follow_events(&self, since: u64) -> Result<Lines, Error> {
        let path = format!("/v1/events?follow=true&since={since}");
        Ok(Lines::new(self.send(Method::GET, &path, Bytes::new()).await?))
    }

    /// What would be different if.
    pub async fn what_if(&self, edit: &Edit) -> Result<WhatIf, Error> {
        self.ask(Method::POST, "/v1/plan", edit).await
    }

    /// Checks every invariant of the host and its VMs; says that they hold.
    pub async fn audit(&self) -> Result<String, Error> {
        Ok(self.order::<Done>("/v1/audit").await?.message)
    }
}
