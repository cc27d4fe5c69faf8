//! `images`: the images of platform and stack, made without a container engine.

mod push;

pub(crate) use push::Registry;

use std::path::{Path, PathBuf};

use kubsets_image::{BuiltImage, Cache, Recipe};
use serde::Serialize;

use super::cluster::{Clusters, Done, Which};
use crate::app::App;
use crate::platform::{ImageStore, components};
use crate::ui::{Cell, ExitCode, Failure, Table, Tone, bytes};

/// Arguments of `images`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Build images, or take them from the cache
    Build {
        #[command(flatten)]
        chosen: Chosen,
    },
    /// List the images and what of them is in the cache
    List,
    /// Build images and bring them to every node of a cluster
    ///
    /// Ends when the nodes list the images too, which takes up to 45 s, so that the next command finds them.
    Load {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        which: Which,
    },
    /// Write an image as an archive that `docker load` and `ctr images import` take
    Save {
        /// The image: its reference, or a part that only one has
        #[arg(value_name = "IMAGE", add = clap_complete::ArgValueCandidates::new(candidates))]
        image: String,
        /// File to write
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        to: PathBuf,
    },
    /// Send images to a registry
    ///
    /// By https, and by plain HTTP to a registry on this machine. The credentials are those that `docker login` wrote
    /// into ~/.docker/config.json, or `KUBSETS_REGISTRY_USERNAME` and `KUBSETS_REGISTRY_PASSWORD`.
    Push {
        #[command(flatten)]
        chosen: Chosen,
        /// Registry, with a prefix for the names if wanted: localhost:5000/team
        #[arg(long, value_name = "HOST[:PORT][/PREFIX]")]
        to: Registry,
        /// Speak plain HTTP: anyone on the way sees the credentials
        #[arg(long)]
        plain_http: bool,
    },
}

/// Which images.
#[derive(clap::Args, Debug)]
struct Chosen {
    /// Component, reference or a part of one; without any, all images
    #[arg(value_name = "IMAGE", add = clap_complete::ArgValueCandidates::new(candidates))]
    images: Vec<String>,
}

/// One line of `images list`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    reference: String,
    component: String,
    cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sbom: Option<PathBuf>,
}

/// An image in a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Saved<'a> {
    reference: String,
    digest: String,
    file: &'a Path,
    /// Bytes of the file.
    size: u64,
}

/// An image in a registry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pushed {
    reference: String,
    digest: String,
    /// Its name there, with the digest.
    name: String,
}

/// Runs an images command.
///
/// # Errors
/// When an image is unknown or cannot be built, or a cluster or registry refuses it.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Build { chosen } => {
            let built = build(app, select(&chosen.images)?).await?;
            let built = built.into_iter().map(|(component, image)| Listed::built(component, image));
            show(app, &built.collect::<Vec<_>>())?;
        }
        Command::List => show(app, &list(app)?)?,
        Command::Load { chosen, which } => {
            let clusters = Clusters::new(app);
            clusters.announce_existing(&which).await?;
            let built = build(app, select(&chosen.images)?).await?;
            let archives: Vec<PathBuf> = built.into_iter().map(|(_, image)| image.archive).collect();
            super::cluster::load(app, &clusters, &which, &archives).await?;
            let done = Done { cluster: &which.name, node: None, archives: &archives };
            super::cluster::done(app, "ImageLoad", &done, "")?;
        }
        Command::Save { image, to } => {
            let chosen = select(std::slice::from_ref(&image))?;
            if chosen.len() > 1 {
                let names: Vec<&str> = chosen.iter().map(|(_, recipe)| recipe.reference.as_str()).collect();
                return Err(
                    Failure::usage(format!("`{image}` is not one image: {}", names.join(", "))).into()
                );
            }
            let built = build(app, chosen).await?;
            for (_, image) in built {
                let size = image.save(&to).map_err(|error| {
                    Failure::usage(format!("cannot write {}", to.display())).because(error)
                })?;
                app.ui.message(format!("{} in {} ({})", image.reference, to.display(), bytes(size)));
                let (reference, digest) = (image.reference, image.digest);
                app.ui.emit("ImageSave", &Saved { reference, digest, file: &to, size }, |_| String::new())?;
            }
        }
        Command::Push { chosen, to, plain_http } => {
            let sender = push::Sender::new(to, plain_http)?;
            let built = build(app, select(&chosen.images)?).await?;
            let mut pushed = Vec::new();
            for (_, image) in built {
                let step = app.ui.step(format!("Pushing {}", image.reference));
                let name = sender.push(&image, &step).await?;
                step.done("");
                pushed.push(Pushed { reference: image.reference, digest: image.digest, name });
            }
            let names = pushed.iter().map(|image| image.name.clone() + "\n").collect::<String>();
            app.ui.emit_list("ImagePush", &pushed, |image| image.name.clone(), |_| names)?;
        }
    }
    Ok(ExitCode::Success)
}

/// Recipes with their component, filtered by `wanted`.
fn select(wanted: &[String]) -> anyhow::Result<Vec<(String, Recipe)>> {
    let all = recipes()?;
    if wanted.is_empty() {
        return Ok(all);
    }
    let mut chosen: Vec<(String, Recipe)> = Vec::new();
    for name in wanted {
        let exact = |(component, recipe): &&(String, Recipe)| {
            component == name || recipe.reference == *name || short_name(&recipe.reference) == name
        };
        let mut found: Vec<&(String, Recipe)> = all.iter().filter(exact).collect();
        if found.is_empty() {
            found = all.iter().filter(|(_, recipe)| recipe.reference.contains(name.as_str())).collect();
        }
        if found.is_empty() {
            return Err(Failure::usage(format!("no image is called `{name}`"))
                .with_hint("`kubectl kubsets images list` shows all")
                .into());
        }
        for one in found {
            if !chosen.iter().any(|(_, recipe)| recipe.reference == one.1.reference) {
                chosen.push(one.clone());
            }
        }
    }
    Ok(chosen)
}

fn recipes() -> anyhow::Result<Vec<(String, Recipe)>> {
    let with_component = |component: crate::platform::Component| {
        component.spec.images.into_iter().map(move |r| (component.name.clone(), r))
    };
    Ok(components()?.into_iter().flat_map(with_component).collect())
}

/// `demo-app` of `registry.kubsets.local/kubsets/demo-app:0.1.0`.
fn short_name(reference: &str) -> &str {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    name.split(':').next().unwrap_or(name)
}

async fn build(app: &App, chosen: Vec<(String, Recipe)>) -> anyhow::Result<Vec<(String, BuiltImage)>> {
    let store = ImageStore::open(app)?;
    let (names, recipes): (Vec<String>, Vec<Recipe>) = chosen.into_iter().unzip();
    let built = tokio::task::spawn_blocking(move || store.build(&recipes)).await??;
    Ok(names.into_iter().zip(built).collect())
}

fn list(app: &App) -> anyhow::Result<Vec<Listed>> {
    let store = ImageStore::open(app)?;
    let built = kubsets_image::list(&Cache::new(app.cache_dir()))?;
    let lines = recipes()?.into_iter().map(|(component, recipe)| {
        // Newest last: the one that fits the recipe of today.
        let image = built.iter().rev().find(|image| image.reference == recipe.reference).cloned();
        match image.filter(|_| store.has(&recipe)) {
            Some(image) => Listed::built(component, image),
            None => Listed::absent(component, recipe.reference),
        }
    });
    Ok(lines.collect())
}

impl Listed {
    fn built(component: String, image: BuiltImage) -> Self {
        Self {
            reference: image.reference,
            component,
            cached: true,
            digest: Some(image.digest),
            size: Some(image.size),
            archive: Some(image.archive),
            layout: Some(image.layout),
            sbom: Some(image.sbom),
        }
    }

    fn absent(component: String, reference: String) -> Self {
        Self {
            reference,
            component,
            cached: false,
            digest: None,
            size: None,
            archive: None,
            layout: None,
            sbom: None,
        }
    }
}

fn show(app: &App, list: &[Listed]) -> anyhow::Result<()> {
    app.ui.emit_list(
        "ImageList",
        list,
        |image| image.reference.clone(),
        |style| {
            let mut table = Table::new(["IMAGE", "COMPONENT", "SIZE", "DIGEST"]).right([2]);
            for image in list {
                let digest = match &image.digest {
                    Some(digest) => Cell::from(digest.chars().take(19).collect::<String>()),
                    None => Cell::new(Tone::Dim, "not built"),
                };
                // the registry is the same for all
                let name = image.reference.split_once('/').map_or(image.reference.as_str(), |(_, name)| name);
                table.row([
                    name.into(),
                    image.component.clone().into(),
                    image.size.map(bytes).unwrap_or_default().into(),
                    digest,
                ]);
            }
            table.render(style)
        },
    )
}

fn candidates() -> Vec<clap_complete::CompletionCandidate> {
    let names = recipes().unwrap_or_default().into_iter().map(|(component, recipe)| {
        let name = short_name(&recipe.reference).to_owned();
        clap_complete::CompletionCandidate::new(name)
            .help(Some(format!("{} ({component})", recipe.reference).into()))
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_by_name_component_and_part() {
        let names = |wanted: &str| -> Vec<String> {
            let chosen = select(&[wanted.to_owned()]).expect("is known");
            chosen.into_iter().map(|(_, recipe)| short_name(&recipe.reference).to_owned()).collect()
        };
        assert_eq!(names("demo-app"), ["demo-app"]);
        assert_eq!(names("coredns"), ["coredns"]);
        assert!(names("kubsets/").len() >= 5, "all services");
        assert!(select(&["no-such-image".to_owned()]).is_err());
    }

    #[test]
    fn short_names_drop_registry_and_tag() {
        assert_eq!(short_name("registry.kubsets.local/kubsets/demo-app:0.1.0"), "demo-app");
        assert_eq!(short_name("localhost:5000/x"), "x");
    }
}
