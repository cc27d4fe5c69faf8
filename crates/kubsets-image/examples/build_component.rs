//! Builds the images of component files and prints where they are.
//!
//! `cargo run --release -p kubsets-image --example build_component -- [--binaries DIR] [--host] PATH...`
//! where PATH is a component.yaml. `--host` also builds the programs of the native provider.

use std::{collections::VecDeque, env, fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, anyhow};
use kubsets_image::{Cache, Event, Inputs, Progress, Recipe, build, native_binaries};
use serde::Deserialize;

#[derive(Deserialize)]
struct Component {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    images: Vec<Recipe>,
}

#[expect(clippy::print_stderr, reason = "an example talks to the person who runs it")]
fn show(progress: Progress) {
    let Progress { subject, stage, event } = progress;
    match event {
        Event::Started { estimate } => eprintln!("{subject}: {stage} (about {} s)", estimate.as_secs()),
        Event::Finished { elapsed, .. } => eprintln!("{subject}: {stage}: {:.1} s", elapsed.as_secs_f64()),
        Event::Waiting => eprintln!("{subject}: {stage}"),
        Event::Running { .. } | Event::Cached => {}
    }
}

#[expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]
fn main() -> anyhow::Result<()> {
    let platform = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kubectl-kubsets/platform"));
    let read = |path: &str| fs::read_to_string(platform.join(path)).ok();
    let mut inputs = Inputs::from_platform("target/release", read).map_err(|error| anyhow!(error))?;
    let cache = Cache::user()?;
    let mut arguments: VecDeque<String> = env::args().skip(1).collect();
    while let Some(argument) = arguments.pop_front() {
        match argument.as_str() {
            "--binaries" => {
                inputs.binaries = arguments.pop_front().context("--binaries needs a folder")?.into();
            }
            "--host" => println!("{:#?}", native_binaries(&inputs, &cache, &mut show)?),
            path => {
                let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
                let component: Component = serde_saphyr::from_str(&text).with_context(|| path.to_owned())?;
                for recipe in component.spec.images {
                    let started = Instant::now();
                    let image = build(&recipe, &inputs, &cache, &mut show)?;
                    println!(
                        "{} {:.1} MB in {:.1} s {} {}",
                        image.reference,
                        image.size as f64 / 1e6,
                        started.elapsed().as_secs_f64(),
                        image.digest,
                        image.archive.display()
                    );
                }
            }
        }
    }
    Ok(())
}
