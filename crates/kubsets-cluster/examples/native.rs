//! Tries the native provider by itself, with parts that lie in folders:
//! `native create|delete|list PROGRAMS_FOLDER CONTROL_PLANE_IMAGES_FOLDER NODE_IMAGES_FOLDER`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubsets_cluster::native::{DEFAULT_ROOT, Native, Parts, PartsSource, node_init};
use kubsets_cluster::{ClusterName, ClusterSpec, Event, Events, Provider, Result};

struct Folders(Vec<String>);

impl PartsSource for Folders {
    fn parts(&self, _: &str, _: &dyn Events) -> Result<Parts> {
        let files = |folder: &str| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).expect("the folder of parts is readable");
            entries.filter_map(|e| Some(e.ok()?.path())).collect()
        };
        Ok(Parts {
            programs: files(&self.0[0]),
            control_plane_images: files(&self.0[1]),
            node_images: files(&self.0[2]),
        })
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let own = std::env::current_exe().expect("this program has a path");
    match args.first().map(String::as_str) {
        Some("supervise") => {
            node_init::supervise(Path::new(&args[2]), Command::new(own).args(["init", &args[2]]))
        }
        Some("init") => node_init::init(Path::new(&args[1])).map(|never| match never {}),
        _ => {
            let supervisor = vec![own.into_os_string(), OsString::from("supervise")];
            let native = Native::new(DEFAULT_ROOT, supervisor, Box::new(Folders(args[1..].to_vec())));
            let began = std::time::Instant::now();
            let tell = |event: Event| println!("{:6.1} s  {event:?}", began.elapsed().as_secs_f64());
            let spec = ClusterSpec { name: ClusterName::default(), nodes: 2, kubernetes: "v1.36.3".into() };
            match args[0].as_str() {
                "create" => println!("{:#?}", native.create(&spec, &tell)?),
                "delete" => native.delete(&spec.name, &tell)?,
                _ => println!("{:#?}", native.list()?),
            }
            println!("{:6.1} s  done", began.elapsed().as_secs_f64());
            Ok(())
        }
    }
}
