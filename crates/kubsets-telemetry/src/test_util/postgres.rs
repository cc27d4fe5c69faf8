//! One server per test process, one database per test.

use std::{
    env, fs,
    io::Read,
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// User that the server runs as when the tests run as root, which `PostgreSQL` refuses: `nobody`.
const UNPRIVILEGED: u32 = 65_534;
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// An empty database of its own for one test. The server ends with the last of them, also when
/// the test process is killed.
pub struct TestDatabase {
    server: Arc<Server>,
    name: String,
}

struct Server {
    tools: Tools,
    port: u16,
    folder: PathBuf,
    guardian: Child,
    // Closing this tells the guardian to end the server.
    leash: Option<ChildStdin>,
}

static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl TestDatabase {
    /// A new database, or `None` with a message when no server is installed.
    ///
    /// # Panics
    /// When the server is installed but does not start, or when it is missing although
    /// `KUBSETS_REQUIRE_POSTGRES=1` says that it has to be there.
    pub fn create() -> Option<Self> {
        let Some(tools) = Tools::find() else {
            assert!(
                env::var("KUBSETS_REQUIRE_POSTGRES").as_deref() != Ok("1"),
                "KUBSETS_REQUIRE_POSTGRES=1, but initdb and postgres are not installed (Debian: postgresql-15)"
            );
            announce_skip();
            return None;
        };
        let server = {
            let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            running.upgrade().unwrap_or_else(|| {
                let server = Arc::new(Server::start(tools));
                *running = Arc::downgrade(&server);
                server
            })
        };
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        server.run("createdb", &[&name]);
        Some(Self { server, name })
    }

    /// Connection URL.
    pub fn url(&self) -> String {
        format!("postgres://kubsets@127.0.0.1:{}/{}", self.server.port, self.name)
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn announce_skip() {
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    eprintln!("SKIPPED {test}: initdb and postgres are not installed (Debian: postgresql-15)");
}

#[derive(Clone)]
struct Tools(PathBuf);

impl Tools {
    fn find() -> Option<Self> {
        let on_path =
            env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
        let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
            .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
            .unwrap_or_default();
        versions.sort();
        // All tools have to be in one folder; PATH often has links to only some of them.
        versions
            .into_iter()
            .rev()
            .chain(on_path)
            .find(|folder| {
                ["initdb", "postgres", "createdb", "pg_isready"].iter().all(|tool| folder.join(tool).exists())
            })
            .map(Self)
    }

    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.0.join(tool));
        command.env_remove("PGDATABASE").env("LC_ALL", "C");
        command
    }
}

/// Runs a command as an ordinary user when we are root.
fn drop_root(command: &mut Command, folder: &Path) {
    if fs::metadata(folder).is_ok_and(|metadata| metadata.uid() == UNPRIVILEGED) {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    command.current_dir(folder);
}

impl Server {
    fn start(tools: Tools) -> Self {
        let port = free_port();
        let folder = env::temp_dir().join(format!("kubsets-postgres-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        if fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0) {
            chown(&folder, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("root can give a folder away");
        }
        let data = folder.join("data");
        let mut initdb = tools.command("initdb");
        initdb.arg("-D").arg(&data).args(["-U", "kubsets", "-A", "trust", "-E", "UTF8", "-N", "--locale=C"]);
        drop_root(&mut initdb, &folder);
        let output = initdb.output().expect("initdb can be started");
        assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));

        // The shell ends the server when its input closes: at the end of the tests, and also when
        // they are killed.
        let script = r#""$@" </dev/null & server=$!; read -r _; kill -QUIT "$server"; wait "$server""#;
        let mut guardian = Command::new("sh");
        guardian.args(["-c", script, "sh"]).arg(tools.0.join("postgres")).arg("-D").arg(&data);
        let port_text = port.to_string();
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=60",
            &format!("port={port_text}"),
        ] {
            guardian.args(["-c", setting]);
        }
        drop_root(&mut guardian, &folder);
        let mut guardian = guardian
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh can be started");
        let leash = guardian.stdin.take();
        let mut server = Self { tools, port, folder, guardian, leash };
        server.await_start();
        server
    }

    fn await_start(&mut self) {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.client("pg_isready", &[]).status.success() {
            if Instant::now() > deadline || self.guardian.try_wait().is_ok_and(|status| status.is_some()) {
                self.leash = None;
                let mut log = String::new();
                if let Some(mut stderr) = self.guardian.stderr.take() {
                    let _ = stderr.read_to_string(&mut log);
                }
                panic!("postgres did not start: {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Nobody reads the log from here on; a full pipe would stop the server.
        if let Some(mut stderr) = self.guardian.stderr.take() {
            std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        }
    }

    fn client(&self, tool: &str, arguments: &[&str]) -> std::process::Output {
        let port = self.port.to_string();
        self.tools
            .command(tool)
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "kubsets"])
            .args(arguments)
            .output()
            .expect("the tool can be started")
    }

    fn run(&self, tool: &str, arguments: &[&str]) {
        let output = self.client(tool, arguments);
        assert!(output.status.success(), "{tool} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.guardian.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback address has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
