use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use futures::future::join_all;
use nix::sys::signal::Signal;

use crate::{
    data_dir::DataDir,
    options::{Options, project},
    port::Ports,
    process::{LONGEST_PAUSE, Process, Program},
    secret::{self, Secrets},
    services::{Services, Setup, variable},
};

/// The worker pools that `--workers` multiplies, by the names of their programs.
const POOLS: [&str; 5] = ["booking", "waitlist", "notify", "thumbnail", "damage"];

/// Enqueues what is due by time of day.
const CLOCK: &str = "clock";

/// How long a process may take from its start to being ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long a process may take to finish or release its work.
const GRACE: Duration = Duration::from_secs(30);

/// What programs that are not for creating admins never get to see.
const HIDDEN: &[&str] = &["ADMIN_EMAIL", "ADMIN_EMAIL_FILE", "ADMIN_PASSWORD", "ADMIN_PASSWORD_FILE"];

/// How many connections to the database a process opens at most, unless it is told another number.
const CONNECTIONS: usize = 20;

/// For those who look into the database beside the platform.
const GUESTS: usize = 60;

/// Forecourt on one machine: the services, the front and every worker.
pub struct Platform {
    pub(crate) data_dir: DataDir,
    pub(crate) port: u16,
    pub(crate) admin: Admin,
    services: Services,
    processes: Vec<Process>,
}

/// The first admin.
pub struct Admin {
    pub email: String,
    /// Only if it was given, or drawn in this very start: it is kept nowhere.
    pub password: Option<String>,
    /// Nobody has seen the password yet.
    pub password_was_drawn: bool,
}

impl Platform {
    /// Boots everything, in order: services, migrations, front and workers, and,
    /// when all of them are ready, the first admin.
    ///
    /// # Errors
    /// Something does not come up; the message says what, and quotes its log.
    /// What had been started has been stopped again.
    pub async fn start(options: Options) -> Result<Self> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let setup = Setup {
            given: options.given.clone(),
            durability: options.durability,
            console: options.console,
            mail_port: options.port.checked_add(1),
            connections: connections(options.workers)?,
        };
        let services = Services::start(&data_dir, setup).await?;
        let mut boot = Boot {
            environment: environment(&options, &services, &data_dir)?,
            options,
            data_dir,
            services,
            processes: Vec::new(),
        };
        match boot.run().await {
            Ok(admin) => Ok(Self {
                data_dir: boot.data_dir,
                port: boot.options.port,
                admin,
                services: boot.services,
                processes: boot.processes,
            }),
            Err(error) => {
                stop(&boot.processes, &boot.services).await;
                Err(error)
            }
        }
    }

    /// The address of the front, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The front is `api`; the workers have the names of their programs, and
    /// from the second of a pool on a number: `damage`, `damage.2`.
    #[must_use]
    pub fn process(&self, name: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.name() == name)
    }

    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Ends the front and the workers, then the services, and waits for that.
    pub async fn stop(&self) {
        stop(&self.processes, &self.services).await;
    }
}

async fn stop(processes: &[Process], services: &Services) {
    join_all(processes.iter().map(Process::stop)).await;
    services.stop().await;
}

/// A start that has not succeeded yet.
struct Boot {
    options: Options,
    data_dir: DataDir,
    services: Services,
    environment: Vec<(String, String)>,
    processes: Vec<Process>,
}

impl Boot {
    async fn run(&mut self) -> Result<Admin> {
        self.run_once("migration", &["up"], None).await?;
        let probes = self.start_all()?;
        let ready = self.processes.iter().zip(&probes);
        let ready = ready.map(|(process, probe)| process.ready(PATIENCE, async || is_ready(probe).await));
        join_all(ready).await.into_iter().collect::<Result<Vec<()>>>()?;
        // Last, because a password that is drawn is kept nowhere: no start that fails may draw it.
        self.first_admin().await
    }

    /// Creates the first admin unless there is one of this address, in which
    /// case the password stays what it is.
    async fn first_admin(&self) -> Result<Admin> {
        let given = self.options.admin_email.clone();
        let email = given.unwrap_or_else(|| "admin@example.com".to_owned());
        let given = self.options.admin_password.clone();
        let password = given.clone().unwrap_or_else(secret::password);
        let args = ["create-admin", "--email", &email];
        let said = self.run_once("api", &args, Some(&password)).await?;
        let created = said.lines().any(|line| line.starts_with("created"));
        let password_was_drawn = created && given.is_none();
        let password = if created { Some(password) } else { given };
        Ok(Admin { email, password, password_was_drawn })
    }

    /// Starts the front and the workers; returns where each says that it is ready.
    fn start_all(&mut self) -> Result<Vec<String>> {
        let port = self.options.port;
        ensure!(
            std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(),
            "port {port} is in use; choose another one with --port or PORT"
        );
        let listen = format!("127.0.0.1:{port}");
        let mut probes = vec![self.start_one("api", "api", ("HTTP_LISTEN", listen))?];
        let pools = POOLS.iter().flat_map(|pool| (1..=self.options.workers).map(move |n| (pool, n)));
        let all: Vec<_> = pools.chain([(&CLOCK, 1)]).collect();
        for (pool, n) in all {
            let name = if n == 1 { (*pool).to_owned() } else { format!("{pool}.{n}") };
            let port = Ports::of(&self.data_dir)?.number(&name)?;
            let listen = format!("127.0.0.1:{port}");
            probes.push(self.start_one(pool, &name, ("PROBE_LISTEN", listen))?);
        }
        Ok(probes)
    }

    fn start_one(&mut self, program: &str, name: &str, (variable, listen): (&str, String)) -> Result<String> {
        let mut program = self.program(program, name)?;
        program.env.push((variable.to_owned(), listen.clone()));
        program.env.extend(self.options.env.clone());
        let runtime = self.services.runtime();
        let process = Process::start(program, &self.data_dir, self.options.console, &runtime);
        self.processes.push(process);
        Ok(format!("http://{listen}/readyz"))
    }

    /// Runs a program to its end and returns what it printed.
    async fn run_once(&self, name: &str, args: &[&str], password: Option<&str>) -> Result<String> {
        let mut program = self.program(name, name)?;
        program.args = args.iter().map(Into::into).collect();
        let mut command = program.command(self.data_dir.root());
        command.envs(password.map(|password| ("ADMIN_PASSWORD", password)));
        let output = command.kill_on_drop(true).output().await;
        let output = output.with_context(|| program.path.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{name} {} failed:\n{said}{errors}", args[0]);
        }
        Ok(said)
    }

    fn program(&self, program: &str, name: &str) -> Result<Program> {
        let path: PathBuf = self.options.programs.join(program);
        ensure!(path.exists(), "{} is not built; `cargo build --workspace` builds it", path.display());
        Ok(Program {
            name: name.to_owned(),
            path,
            args: Vec::new(),
            env: self.environment.clone(),
            hidden: Some(HIDDEN),
            account: None,
            polite: Signal::SIGTERM,
            grace: GRACE,
            longest_pause: LONGEST_PAUSE,
        })
    }
}

/// How many connections so many workers of each pool, the front and the clock may open together.
fn connections(workers: usize) -> Result<usize> {
    let each = variable("DATABASE_CONNECTIONS")?.and_then(|number| number.parse().ok()).unwrap_or(CONNECTIONS);
    Ok((POOLS.len() * workers + 2) * each + GUESTS)
}

async fn is_ready(probe: &str) -> bool {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy();
    let Ok(client) = client.build() else {
        return false;
    };
    let answer = client.get(probe).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// What the front and the workers are told, besides what this process inherited.
fn environment(options: &Options, services: &Services, data_dir: &DataDir) -> Result<Vec<(String, String)>> {
    let secrets = Secrets::of(data_dir)?;
    let mut environment = services.settings(crate::postgres::NAME);
    environment.extend([
        ("PUBLIC_URL", format!("http://localhost:{}", options.port)),
        ("ACCESS_TOKEN_KEY", secrets.access_token_key),
        ("LINK_TOKEN_KEY", secrets.link_token_key),
        ("RUST_LOG", variable("RUST_LOG")?.unwrap_or_else(|| "info".to_owned())),
    ]);
    if let Some(sender) = variable("MAIL_FROM")? {
        environment.push(("MAIL_FROM", sender));
    }
    if let Some(inbox) = services.inbox() {
        environment.push(("DEV_MAIL_URL", inbox.page_url().to_owned()));
    }
    let model = project().join("models/damage.onnx");
    if variable("DAMAGE_MODEL")?.is_none() && model.exists() {
        environment.push(("DAMAGE_MODEL", model.display().to_string()));
    }
    if let Some(runtime) = onnx_runtime()? {
        environment.push(("ORT_DYLIB_PATH", runtime));
    }
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    Ok(environment.into_iter().map(owned).collect())
}

/// The library that `bin/dev` unpacked, unless the environment names one.
fn onnx_runtime() -> Result<Option<String>> {
    if let Some(path) = variable("ORT_DYLIB_PATH")? {
        return Ok(Some(path));
    }
    let unpacked = project().join(".cache/onnxruntime/libonnxruntime.so");
    Ok(unpacked.exists().then(|| unpacked.display().to_string()))
}
