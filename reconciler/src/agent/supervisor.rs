//! All processes of one host, each in the care of a task of its own. Requests for one process are
//! carried out one after another, those for several at the same time.

use super::check::check_process;
use super::context::{Context, TASK_PREFIX};
use super::home::Home;
use super::identity::{Marked, marked};
use super::probe::Reading;
use super::process::{Board, Process, delete_remains};
use super::record::{self, Record};
use super::refusal::Refusal;
use anyhow::{Context as _, anyhow};
use rustix::process::Signal;
use shadow_core::model::name;
use shadow_core::model::process::{ProcessSpec, ProcessState, ProcessStatus};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

/// Processes on one host: far above what a machine runs, and as many as one scrape can show.
const PROCESSES_MAX: usize = 1_000;

/// Requests that wait for one process before further ones wait for them: no one sends as many.
const QUEUE: usize = 16;

/// Time between looks at the size of an output file.
const OUTPUT_LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// All processes of one host.
#[derive(Debug)]
pub(super) struct Supervisor {
    context: Arc<Context>,
    keepers: Mutex<BTreeMap<String, Keeper>>,
}

/// What is known of a process at one moment.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// The process.
    pub status: ProcessStatus,
    /// What probing it has shown.
    pub reading: Reading,
}

/// The way to the task that takes care of one process.
#[derive(Debug, Clone)]
struct Keeper {
    requests: mpsc::Sender<Request>,
    status: watch::Receiver<Option<ProcessStatus>>,
    reading: watch::Receiver<Reading>,
}

/// What a task that takes care of a process is asked to do.
#[derive(Debug)]
enum Request {
    Declare { spec: Box<ProcessSpec>, create_only: bool, reply: Reply },
    Delete { reply: Reply },
}

type Reply = oneshot::Sender<Result<(), Refusal>>;

impl Supervisor {
    /// Takes up what a former agent left: adopts what runs, finishes what was begun, ends tasks
    /// that nobody waits for any more, and leaves alone what it cannot explain.
    ///
    /// # Errors
    /// The data directory cannot be read.
    pub(super) fn resume(context: Context) -> anyhow::Result<Self> {
        let supervisor = Self { context: Arc::new(context), keepers: Mutex::default() };
        let mut found = supervisor.found();
        for name in supervisor.recorded_names()? {
            supervisor.resume_one(&name, &mut found);
        }
        for (name, stray) in found {
            tracing::warn!(
                process = name,
                pid = stray.identity.pid,
                "runs without a record; it is left alone. Declare it again to adopt it, or delete it"
            );
            supervisor.context.add_stray(&name, stray);
        }
        Ok(supervisor)
    }

    /// The oldest process of each name that carries a marker of this agent.
    fn found(&self) -> BTreeMap<String, Marked> {
        let mut found = BTreeMap::new();
        for process in marked() {
            match self.context.name_in(&process.marker).map(ToOwned::to_owned) {
                None => {}
                Some(task) if task.starts_with(TASK_PREFIX) => {
                    tracing::warn!(pid = process.identity.pid, "ends a task of a former agent");
                    process.identity.signal(Signal::KILL).ok();
                }
                Some(name) => {
                    found.entry(name).or_insert(process);
                }
            }
        }
        found
    }

    fn recorded_names(&self) -> anyhow::Result<Vec<String>> {
        let folder = self.context.processes_folder();
        let read = || -> std::io::Result<Vec<String>> {
            let names = std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            names.collect()
        };
        let mut names = read().with_context(|| format!("cannot read {}", folder.display()))?;
        names.retain(|name| name::is_valid(name));
        names.sort();
        Ok(names)
    }

    fn resume_one(&self, name: &str, found: &mut BTreeMap<String, Marked>) {
        let home = self.home(name);
        match Record::load(&home.folder()) {
            Ok(Some(record)) => {
                let (board, status, reading) = board();
                let process = Process::resume(home.clone(), record, found.remove(name), board.clone());
                self.keepers().insert(name.to_owned(), Keeper::start(home, Some(process), board, status, reading));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(
                    process = name,
                    error = format!("{error:#}"),
                    "the record is unreadable and was put aside as record.json.corrupt; the process is left alone"
                );
                if let Err(error) = record::quarantine(&home.folder()) {
                    tracing::error!(process = name, %error, "the unreadable record could not be put aside");
                }
            }
        }
    }

    fn home(&self, name: &str) -> Home {
        Home { context: Arc::clone(&self.context), name: name.to_owned() }
    }

    fn keepers(&self) -> MutexGuard<'_, BTreeMap<String, Keeper>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all processes share.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Every process, by name.
    pub(super) fn views(&self) -> Vec<View> {
        self.keepers().values().filter_map(Keeper::view).collect()
    }

    /// One process.
    ///
    /// # Errors
    /// There is none of that name.
    pub(super) fn view(&self, name: &str) -> Result<View, Refusal> {
        let view = self.keepers().get(name).and_then(Keeper::view);
        view.ok_or_else(|| Refusal::Unknown(name.to_owned()))
    }

    /// Puts a declaration in force and answers what came of it.
    ///
    /// # Errors
    /// `create_only` and another declaration is in force; or it cannot be carried out.
    pub(super) async fn declare(&self, spec: ProcessSpec, create_only: bool) -> Result<View, Refusal> {
        check_process(&spec, &self.context)?;
        let name = spec.name.clone();
        let request = |reply| Request::Declare { spec: Box::new(spec.clone()), create_only, reply };
        self.ask(&name, request).await?;
        self.view(&name)
    }

    /// Stops a process and forgets it.
    ///
    /// # Errors
    /// There is none of that name, or it does not end.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Refusal> {
        if !name::is_valid(name) {
            return Err(Refusal::Unknown(name.to_owned()));
        }
        self.ask(name, |reply| Request::Delete { reply }).await
    }

    async fn ask(&self, name: &str, request: impl Fn(Reply) -> Request) -> Result<(), Refusal> {
        // A second attempt meets a new task if the first one was just about to end.
        for _attempt in 0..2 {
            let (reply, answer) = oneshot::channel();
            let keeper = self.keeper(name)?;
            if keeper.requests.send(request(reply)).await.is_ok()
                && let Ok(answer) = answer.await
            {
                return answer;
            }
        }
        Err(anyhow!("process {name:?} is being deleted and made by others at the same time; try again").into())
    }

    fn keeper(&self, name: &str) -> Result<Keeper, Refusal> {
        let mut keepers = self.keepers();
        keepers.retain(|_name, keeper| !keeper.requests.is_closed());
        if let Some(keeper) = keepers.get(name) {
            return Ok(keeper.clone());
        }
        if keepers.len() >= PROCESSES_MAX {
            let summary = format!("this agent already takes care of {PROCESSES_MAX} processes");
            return Err(Refusal::problem("name", summary, "delete some, or use another host"));
        }
        let (board, status, reading) = board();
        let keeper = Keeper::start(self.home(name), None, board, status, reading);
        keepers.insert(name.to_owned(), keeper.clone());
        Ok(keeper)
    }
}

fn board() -> (Board, watch::Receiver<Option<ProcessStatus>>, watch::Receiver<Reading>) {
    let (status, status_seen) = watch::channel(None);
    let (reading, reading_seen) = watch::channel(Reading::default());
    (Board { status, reading }, status_seen, reading_seen)
}

impl Keeper {
    fn start(
        home: Home,
        process: Option<Process>,
        board: Board,
        status: watch::Receiver<Option<ProcessStatus>>,
        reading: watch::Receiver<Reading>,
    ) -> Self {
        let (requests, queue) = mpsc::channel(QUEUE);
        tokio::spawn(keep(home, process, board, queue));
        Self { requests, status, reading }
    }

    fn view(&self) -> Option<View> {
        let mut status = self.status.borrow().clone()?;
        let reading = *self.reading.borrow();
        // Whoever answers at the port of a process that does not run, it is not that process.
        let runs = status.state == ProcessState::Running;
        status.healthy = reading.newest.filter(|_| runs).map(|answer| answer.success);
        Some(View { status, reading })
    }
}

/// Takes care of one process until it is deleted or the agent ends.
async fn keep(home: Home, process: Option<Process>, board: Board, mut queue: mpsc::Receiver<Request>) {
    let process = match process {
        Some(process) => Some(process),
        None => make(home, board, &mut queue).await,
    };
    if let Some(process) = process {
        keep_existing(process, &mut queue).await;
    }
}

async fn make(home: Home, board: Board, queue: &mut mpsc::Receiver<Request>) -> Option<Process> {
    let (reply, result) = match queue.recv().await? {
        Request::Declare { spec, reply, .. } => (reply, Process::create(home, *spec, board).await.map(Some)),
        Request::Delete { reply } => (reply, delete_remains(&home).await.map(|()| None)),
    };
    let (process, answer) = match result {
        Ok(process) => (process, Ok(())),
        Err(refusal) => (None, Err(refusal)),
    };
    if process.is_none() {
        // Before the answer, so that whoever asks next gets a new task.
        queue.close();
    }
    reply.send(answer).ok();
    process
}

async fn keep_existing(mut process: Process, queue: &mut mpsc::Receiver<Request>) {
    if let Err(refusal) = process.converge().await {
        tracing::warn!(%refusal, "a process of a former agent is not as declared");
    }
    let mut look = interval(OUTPUT_LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            request = queue.recv() => match request {
                None => return,
                Some(Request::Declare { spec, create_only, reply }) => {
                    reply.send(process.declare(*spec, create_only).await).ok();
                }
                Some(Request::Delete { reply }) => {
                    let deleted = process.delete().await;
                    let done = deleted.is_ok();
                    if done {
                        queue.close();
                    }
                    reply.send(deleted).ok();
                    if done {
                        return;
                    }
                }
            },
            event = process.next_event() => process.handle(event).await,
            _ = look.tick() => process.bound_output(),
        }
    }
}
