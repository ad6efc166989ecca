//! The first thing that runs in a new process: it leaves the agent's session, limits itself and
//! becomes the declared program. Never returns on success, never forks, never listens.

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;
use shadow_core::model::process::ProcessLimits;
use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Name of the subcommand that calls [`launch`].
pub(super) const SUBCOMMAND: &str = "launch";

/// What to become, and within which limits. For the agent's own use.
#[derive(Debug, Clone, clap::Args)]
pub struct LaunchArgs {
    /// Writable private memory in MiB
    #[arg(long)]
    memory_mib: Option<u64>,
    /// CPU cores, rounded up to whole ones
    #[arg(long)]
    cpu_cores: Option<f64>,
    /// Open files
    #[arg(long)]
    open_files: Option<u64>,
    /// Program and arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// The arguments after the program name that lead back to [`launch`].
pub(super) fn arguments(limits: &ProcessLimits, command: &[String]) -> Vec<String> {
    let flag = |name: &str, value: Option<String>| value.map(|value| format!("--{name}={value}"));
    let flags = [
        flag("memory-mib", limits.memory_mib.map(|mib| mib.to_string())),
        flag("cpu-cores", limits.cpu_cores.map(|cores| cores.to_string())),
        flag("open-files", limits.open_files.map(|files| files.to_string())),
    ];
    let head = std::iter::once(SUBCOMMAND.to_owned()).chain(flags.into_iter().flatten());
    head.chain(["--".to_owned()]).chain(command.iter().cloned()).collect()
}

/// Turns the calling process into the program of `args`: own session and process group, limits set
/// before its first instruction. To be called before any thread is started.
///
/// # Errors
/// What kept it from becoming that program.
pub fn launch(args: &LaunchArgs) -> anyhow::Result<Infallible> {
    let (program, arguments) = args.command.split_first().context("no program was named")?;
    #[expect(clippy::disallowed_methods, reason = "the launcher becomes the program")]
    let mut command = Command::new(program);
    command.args(arguments);
    rustix::process::setsid().context("the process cannot leave the session of the agent")?;
    if let Some(cores) = args.cpu_cores {
        limit_cpu(cores)?;
    }
    if let Some(files) = args.open_files {
        limit(Resource::Nofile, files).with_context(|| {
            format!("limits.open_files: {files} cannot be granted; is the agent's own limit lower?")
        })?;
    }
    // Last, since it also holds for what is still to be done here.
    if let Some(mib) = args.memory_mib {
        limit(Resource::Data, mib.saturating_mul(1 << 20))
            .with_context(|| format!("limits.memory_mib: {mib} cannot be granted; is the agent's own limit lower?"))?;
    }
    Err(command.exec()).with_context(|| format!("cannot run {program:?}"))
}

fn limit(resource: Resource, value: u64) -> rustix::io::Result<()> {
    rustix::process::setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
}

fn limit_cpu(cores: f64) -> anyhow::Result<()> {
    let allowed = rustix::thread::sched_getaffinity(None).context("the CPUs of the host cannot be read")?;
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    // Processes begin at different CPUs, or those with small limits would all crowd on the first.
    let first = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs() as usize;
    let chosen = choose_cpus(&allowed, cores, first);
    let mut set = CpuSet::new();
    chosen.into_iter().for_each(|cpu| set.set(cpu));
    rustix::thread::sched_setaffinity(None, &set).context("limits.cpu_cores cannot be applied")
}

fn choose_cpus(allowed: &[usize], cores: f64, first: usize) -> Vec<usize> {
    let offset = first % allowed.len().max(1);
    // Comparing instead of casting: `cores` may be any number.
    let wanted = (1..=allowed.len()).find(|&n| n as f64 >= cores).unwrap_or(allowed.len());
    allowed.iter().cycle().skip(offset).take(wanted).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_rounded_up_and_bounded_by_the_host() {
        let check = |cores, first, expect: &[usize]| {
            assert_eq!(choose_cpus(&[0, 2, 4], cores, first), expect, "{cores} cores from {first}");
        };
        check(0.1, 0, &[0]);
        check(1.0, 1, &[2]);
        check(1.5, 2, &[4, 0]);
        check(64.0, 7, &[2, 4, 0]);
    }

    #[test]
    fn arguments_lead_back_to_the_same_limits() {
        #[derive(clap::Parser)]
        enum Cli {
            Launch(LaunchArgs),
        }
        let limits = ProcessLimits { memory_mib: Some(64), cpu_cores: Some(1.5), open_files: Some(100) };
        let command = ["sh".to_owned(), "-c".to_owned(), "--x".to_owned()];
        let line = std::iter::once("shadow-reconciler".to_owned()).chain(arguments(&limits, &command));
        let Cli::Launch(args) = clap::Parser::parse_from(line);
        assert_eq!((args.memory_mib, args.cpu_cores, args.open_files), (Some(64), Some(1.5), Some(100)));
        assert_eq!(args.command, command);
    }
}
