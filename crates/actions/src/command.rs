//! A program that is told something.
//!
//! **Model.** The program and its arguments are a list: no shell reads them, so nothing that is told can be taken for a command. What is told comes on
//! standard input, as JSON, and in the environment, which has nothing else of the host's but `PATH` and `HOME`. The
//! working directory is `/`. It has no access to the directories that are hidden, which have the host's secrets, and it and what it starts gain no
//! privileges by being run.
//!
//! **Bounds.** Its time, the CPU time and memory of each of its processes, and their open files.

use crate::{Failure, MOST_SAID, head};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a command may take.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Bytes of memory that each process of a command may have of its own.
const MOST_MEMORY: u64 = 1 << 30;
/// Files that each may have open.
const MOST_FILES: u64 = 1024;

/// A program and its arguments; there is a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command(pub Vec<String>);

impl Command {
    /// Runs it; gives the beginning of what it said.
    ///
    /// # Errors
    /// It cannot be started, says that it failed, or takes too long.
    pub async fn run(
        &self,
        body: &str,
        environment: &[(&'static str, String)],
        hidden: &[PathBuf],
    ) -> Result<String, Failure> {
        self.run_within(DEADLINE, body, environment, hidden).await
    }

    pub(crate) async fn run_within(
        &self,
        deadline: Duration,
        body: &str,
        environment: &[(&'static str, String)],
        hidden: &[PathBuf],
    ) -> Result<String, Failure> {
        let (program, arguments) =
            self.0.split_first().ok_or_else(|| Failure::new("there is no program to run"))?;
        let kept = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(kept)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = spawn(command, hidden.to_owned()).await;
        let child = child.map_err(|error| Failure::new(format!("cannot run {program}: {error}")))?;
        let mut group = Group::of(child);
        let mut said = Vec::new();
        let ended = timeout(deadline, group.tell(body, &mut said)).await;
        let said = head(&said);
        match ended {
            Ok(Ok(status)) if status.success() => Ok(said.unwrap_or_default()),
            Ok(Ok(status)) => Err(Failure { why: format!("{program}: {status}"), said }),
            Ok(Err(error)) => Err(Failure { why: format!("{program}: {error}"), said }),
            Err(_) => Err(Failure { why: format!("{program}: not done after {deadline:?}, killed"), said }),
        }
    }
}

/// Starts a program from a thread of its own: what holds for that thread holds for the program, and for nobody else here.
async fn spawn(mut command: tokio::process::Command, hidden: Vec<PathBuf>) -> io::Result<Child> {
    let runtime = Handle::current();
    let (tell, told) = oneshot::channel();
    let mut start = move || {
        let _runtime = runtime.enter();
        if !hidden.is_empty() {
            // A kernel that cannot hide anything was told of when the host began.
            sandbox::keep_from(&hidden).map_err(io::Error::other)?;
        }
        let child = command.spawn()?;
        limit(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        Ok(child)
    };
    // Who waited may have left: a child that is dropped is killed.
    thread::Builder::new().name("memtide-command".to_owned()).spawn(move || drop(tell.send(start())))?;
    told.await.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it ended")))
}

/// Bounds what a program takes. It has begun already: what it did before is little, and it is killed in the end.
fn limit(program: Option<Pid>) {
    let most = |most| Rlimit { current: Some(most), maximum: Some(most) };
    for (resource, limit) in
        [(Resource::Cpu, DEADLINE.as_secs()), (Resource::Data, MOST_MEMORY), (Resource::Nofile, MOST_FILES)]
    {
        // One that has ended takes nothing.
        let _ = program.map(|program| prlimit(Some(program), resource, most(limit)));
    }
}

/// A program and all it started that did not leave its group: killed when this is dropped before they ended.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn of(child: Child) -> Self {
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Self { child, id }
    }

    /// Gives it its input and waits for its end and that of its outputs, whose beginnings it puts into `said`.
    async fn tell(&mut self, body: &str, said: &mut Vec<u8>) -> std::io::Result<ExitStatus> {
        let mut stdin = self.child.stdin.take();
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let give = async {
            if let Some(stdin) = &mut stdin {
                // Who does not read it does not want it.
                let _ = stdin.write_all(body.as_bytes()).await;
            }
            drop(stdin.take());
        };
        let mut also_said = Vec::new();
        let (status, (), (), ()) =
            tokio::join!(self.child.wait(), give, listen(out, said), listen(err, &mut also_said));
        said.extend(also_said);
        // Nobody is left who would have to be killed, and the number may be another's soon.
        self.id = None;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // There may be nobody left.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// Reads to the end, so that nobody waits to be heard, and keeps the beginning.
async fn listen(from: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let room = MOST_SAID - said.len();
        said.extend(&buffer[..read.min(room)]);
    }
}
