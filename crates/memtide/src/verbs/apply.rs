//! Making the host's VMs and resource pools what a file says.
//!
//! **Model.** A file has what `ls -o yaml`, `info -o yaml` and `pool ls -o yaml` print, or less: objects with a name and the fields that
//! matter. An object that the host lacks is created, with defaults for fields that the file leaves out; one that differs is
//! changed, in the fields that the file gives. Fields that only a host can know, such as `power`, are passed over.
//! Pools come before VMs, parents before children. Nothing is removed, started or stopped.
//!
//! **Failure.** The whole file is judged before anything is changed. A refusal ends the work; what was applied stays, and the same
//! command goes on from there.

use crate::args::Apply;
use crate::error::{Error, NOT_FOUND, USAGE};
use crate::print;
use crate::remote::Remote;
use crate::view;
use addr::ByteSize;
use model::{PoolChange, PoolSpec, Vm, VmChange, VmSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

type Fields = Map<String, Value>;

/// More than a host's VMs and pools take, written out.
const LARGEST_FILE: u64 = 16 << 20;

/// What a file asks for, in its order.
#[derive(Default, Debug)]
struct Wanted {
    pools: Vec<Fields>,
    vms: Vec<Fields>,
}

/// What became of one object.
#[derive(Serialize)]
struct Applied {
    name: String,
    /// `created`, `changed` or `unchanged`.
    result: &'static str,
    /// The fields that are different now, and their values.
    changes: Fields,
    #[serde(skip)]
    told: String,
}

pub(super) fn apply(remote: &Remote, args: &Apply) -> Result<(), Error> {
    let wanted = Wanted::parse(&read(&args.file)?).map_err(|error| {
        error.status(USAGE).hint("'memtide info VM -o yaml' prints a file that can be applied")
    })?;
    let mut applied = Vec::new();
    let mut outcome = Ok(());
    for fields in wanted.pools_in_order() {
        let done = outcome.and_then(|()| pool(remote, fields, args.dry_run));
        outcome = done.map(|done| applied.push(done));
    }
    for fields in &wanted.vms {
        let done = outcome.and_then(|()| vm(remote, fields, args.dry_run));
        outcome = done.map(|done| applied.push(done));
    }
    print::show(&applied, args.output.output, |applied| {
        applied.iter().map(|one| one.told.as_str()).collect()
    })?;
    outcome
}

fn read(file: &Path) -> Result<String, Error> {
    let failed = |error| {
        let why = format!("cannot read '{}': {error}", file.display());
        Error::new(why).hint("give the path of a YAML or JSON file, or - for standard input")
    };
    let mut text = String::new();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(failed)?)
    };
    source.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(Error::new(format!("'{}' is larger than 16 MiB", file.display())));
    }
    Ok(text)
}

impl Wanted {
    /// Every document of a YAML or JSON file: an object, or a list of objects.
    fn parse(text: &str) -> Result<Self, Error> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| Error::new(format!("the file is not YAML: {error}")))?;
        let mut wanted = Self::default();
        for document in documents {
            let objects = match document {
                Value::Array(objects) => objects,
                object => vec![object],
            };
            for object in objects {
                wanted.add(object)?;
            }
        }
        Ok(wanted)
    }

    /// Adds an object. A pool has no field that only VMs have, and at least one that only pools have.
    fn add(&mut self, object: Value) -> Result<(), Error> {
        let Value::Object(mut fields) = object else {
            return Err(Error::new(format!(
                "{object} is neither a VM nor a resource pool: it has no fields"
            )));
        };
        let Some(name) = fields.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err(Error::new("an object has no name"));
        };
        let [of_vms, of_pools] =
            [known(&VmSpec::new("vm", ByteSize::mib(16), "/")), known(&PoolSpec::new("pool"))];
        let is_pool = fields.keys().any(|key| of_pools.contains(key) && !of_vms.contains(key));
        let known = if is_pool { of_pools } else { of_vms };
        let measured: &[&str] = if is_pool { &OF_POOLS_ALONE } else { &OF_VMS_ALONE };
        fields.retain(|key, _| !measured.contains(&key.as_str()));
        if let Some(unknown) = fields.keys().find(|key| !known.contains(*key)) {
            let kind = if is_pool { "a resource pool" } else { "a VM" };
            return Err(Error::new(format!("'{name}': {kind} has no field '{unknown}'")));
        }
        let list = if is_pool { &mut self.pools } else { &mut self.vms };
        if list.iter().any(|other| other["name"] == *name) {
            return Err(Error::new(format!("'{name}' is in the file twice")));
        }
        list.push(fields);
        Ok(())
    }

    /// Parents before children, as far as both are in the file; the host refuses a circle.
    fn pools_in_order(&self) -> Vec<&Fields> {
        let depth = |pool: &Fields| {
            let parent = |of: &&Fields| {
                let name = of.get("parent")?.as_str()?;
                self.pools.iter().find(|other| other["name"] == name)
            };
            std::iter::successors(Some(pool), |of| parent(of)).take(self.pools.len()).count()
        };
        let mut pools: Vec<&Fields> = self.pools.iter().collect();
        pools.sort_by_key(|pool| depth(pool));
        pools
    }
}

/// What `info` says of a VM that is no setting of it.
const OF_VMS_ALONE: [&str; 11] = [
    "power",
    "id",
    "uptime_seconds",
    "ended",
    "reason",
    "wanted_on",
    "unwritten",
    "agent_answers",
    "trouble",
    "swap_failure",
    "memory",
];

/// What is said of a pool that is no setting of it.
const OF_POOLS_ALONE: [&str; 2] = ["reservation_used_bytes", "unreserved_bytes"];

/// The names of the fields of a spec.
fn known(spec: &impl Serialize) -> BTreeSet<String> {
    fields(spec).into_iter().map(|(key, _)| key).collect()
}

fn fields(of: &impl Serialize) -> Fields {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        other => unreachable!("specs are objects, not {other:?}"),
    }
}

/// Fields as a type has them; an error names the object.
fn typed<T: DeserializeOwned>(of: &Fields) -> Result<T, Error> {
    let name = of["name"].as_str().unwrap_or_default();
    T::deserialize(Value::Object(of.clone()))
        .map_err(|error| Error::new(format!("'{name}': {error}")).status(USAGE))
}

/// The fields that are not as the file has them, without the name.
fn differing(wanted: &Fields, there: &Fields) -> Fields {
    let differs = |(key, value): &(&String, &Value)| *key != "name" && there.get(*key) != Some(value);
    wanted.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What the host has of a name, if it has it.
fn if_there<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.exit_status() == NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

fn pool(remote: &Remote, wanted: &Fields, dry_run: bool) -> Result<Applied, Error> {
    let name = wanted["name"].as_str().unwrap_or_default().to_owned();
    let Some(there) = if_there(remote.wait(remote.client.pool(&name)))? else {
        let spec: PoolSpec = typed(wanted)?;
        if !dry_run {
            remote.wait(remote.client.create_pool(&spec))?;
        }
        return Ok(created(name, fields(&spec), dry_run));
    };
    let changes = differing(wanted, &fields(&there.spec));
    let change: PoolChange = serde_json::from_value(Value::Object(changes.clone())).map_err(Error::new)?;
    let asked = change.applied_to(&there.spec);
    if !changes.is_empty() && !dry_run {
        remote.wait(remote.client.set_pool(&name, &change))?;
    }
    let told = view::changes(&name, &change, &there.spec, &asked);
    Ok(changed(name, changes, told))
}

fn vm(remote: &Remote, wanted: &Fields, dry_run: bool) -> Result<Applied, Error> {
    let name = wanted["name"].as_str().unwrap_or_default().to_owned();
    let there: Option<Vm> = if_there(remote.wait(remote.client.vm(&name)))?;
    let Some(there) = there.map(|vm| vm.info.spec) else {
        let spec: VmSpec = typed(wanted)?;
        if !dry_run {
            remote.wait(remote.client.create(&spec))?;
        }
        return Ok(created(name, fields(&spec), dry_run));
    };
    let changes = differing(wanted, &fields(&there));
    let change: VmChange = serde_json::from_value(Value::Object(changes.clone())).map_err(Error::new)?;
    let asked = change.applied_to(&there);
    if !changes.is_empty() && !dry_run {
        remote.wait(remote.client.set(&name, &change))?;
    }
    let told = view::changes(&name, &change, &there, &asked);
    Ok(changed(name, changes, told))
}

fn created(name: String, changes: Fields, dry_run: bool) -> Applied {
    let told = if dry_run { format!("{name}: would be created\n") } else { format!("{name} is created\n") };
    Applied { name, result: "created", changes, told }
}

fn changed(name: String, changes: Fields, told: String) -> Applied {
    if changes.is_empty() {
        let told = format!("{name} is unchanged\n");
        return Applied { name, result: "unchanged", changes, told };
    }
    Applied { name, result: "changed", changes, told }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Wanted::parse(text).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_file_has_objects_lists_and_documents() {
        let text = "name: lab\nexpandable: true\n---\n- name: web\n  memory_bytes: 67108864\n  power: running\n- name: db\n";
        let wanted = Wanted::parse(text).unwrap();
        assert_eq!((wanted.pools.len(), wanted.vms.len()), (1, 2));
        assert!(!wanted.vms[0].contains_key("power"), "{wanted:?}");
        assert_eq!(Wanted::parse(r#"[{"name": "web", "cpus": 2}]"#).unwrap().vms[0]["cpus"], 2);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        assert!(refusal("name: web\nram: 5\n").contains("'web': a VM has no field 'ram'"));
        assert!(refusal("cpus: 5\n").contains("no name"));
        assert!(refusal("[5]").contains("neither a VM nor a resource pool"));
        assert!(refusal("[{name: a}, {name: a}]").contains("twice"));
        assert!(refusal("a: [").contains("not YAML"));
    }

    #[test]
    fn parents_come_before_their_children() {
        let text = "[{name: c, parent: b}, {name: a, parent: null}, {name: b, parent: a}]";
        let wanted = Wanted::parse(text).unwrap();
        let order: Vec<_> =
            wanted.pools_in_order().into_iter().map(|pool| pool["name"].as_str().unwrap()).collect();
        assert_eq!(order, ["a", "b", "c"]);
        let circle = Wanted::parse("[{name: a, parent: b}, {name: b, parent: a}]").unwrap();
        assert_eq!(circle.pools_in_order().len(), 2);
    }

    #[test]
    fn a_change_has_what_differs_alone() {
        let wanted = fields(&serde_json::json!({"name": "web", "cpus": 2, "limit_bytes": null}));
        let there = fields(&serde_json::json!({"name": "web", "cpus": 1, "limit_bytes": null}));
        assert_eq!(Value::Object(differing(&wanted, &there)), serde_json::json!({"cpus": 2}));
    }
}
