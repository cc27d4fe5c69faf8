//! Archives on their way to the nodes, until the nodes list what is in them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kubsets_image::names_in;
use kubsets_kube::{Access, AccessOptions, NodeImages};

use super::providers::context;
use super::{Choice, Clusters, Progress, Which};
use crate::app::App;

/// How often nodes are asked for their images.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long they are given: a kubelet lists its images anew about every 40 s.
const LIMIT: Duration = Duration::from_mins(1);

/// Brings archives to every node and waits until the nodes list their images, so that the next command finds them.
///
/// # Errors
/// What the provider says; nodes that list them late are warned of.
pub(crate) async fn load(
    app: &App,
    clusters: &Clusters<'_>,
    which: &Which,
    archives: &[PathBuf],
) -> anyhow::Result<()> {
    let kind = clusters.existing(which)?;
    let which = Which { name: which.name.clone(), provider: Choice::Only(kind) };
    let progress = Progress::new(app);
    let (told, loaded) = (progress.clone(), archives.to_vec());
    clusters.on(&which, move |provider, name| provider.load_images(name, &loaded, &told)).await?;
    progress.done();
    // an archive of another form was loaded too, but what is in it is not known
    let images: Vec<String> = archives.iter().flat_map(|file| names_in(file).unwrap_or_default()).collect();
    let options = AccessOptions { context: Some(context(kind, &which.name)), ..app.access_options() };
    let left = match Access::connect(&options).await {
        Ok(access) => until_listed(app, &access, &images, INTERVAL, LIMIT).await,
        Err(error) => {
            app.ui.detail(format!("whether the nodes list the images is not known: {error}"));
            return Ok(());
        }
    };
    if !left.is_empty() {
        app.ui.warn(format!(
            "loaded, but not listed by the nodes yet, until when `up` and `canary run` may refuse them: {}",
            left.join(", ")
        ));
    }
    Ok(())
}

/// Waits until the nodes list images, at most for `limit`; returns those that they do not list.
async fn until_listed<'a>(
    app: &App,
    access: &Access,
    images: &'a [String],
    interval: Duration,
    limit: Duration,
) -> Vec<&'a str> {
    let unlisted = async || -> Vec<&'a str> {
        let listed = NodeImages::read(access).await;
        images.iter().filter(|image| listed.lack(image)).map(String::as_str).collect()
    };
    let deadline = Instant::now() + limit;
    let mut left = unlisted().await;
    if left.is_empty() {
        return left;
    }
    let step = app.ui.step("Waiting until the nodes list what was loaded");
    while !left.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(interval).await;
        left = unlisted().await;
    }
    if left.is_empty() {
        step.done("");
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_undo::FakeApi;
    use serde_json::json;

    const INTERVAL: Duration = Duration::from_millis(5);

    fn app() -> App {
        App::new(crate::cli::GlobalArgs { quiet: true, no_tty: true, ..Default::default() })
    }

    fn list(api: &FakeApi, images: &[&str]) {
        let images: Vec<_> = images.iter().map(|name| json!({"names": [name]})).collect();
        api.put("nodes", json!({"metadata": {"name": "a"}, "status": {"images": images}}));
    }

    #[tokio::test]
    async fn images_are_waited_for_until_the_nodes_list_them() {
        let (app, api) = (app(), FakeApi::default());
        let wanted = ["r/a:1".to_owned(), "b:1".to_owned()];
        list(&api, &["r/a:1"]);
        let access = api.access();
        let waiting = until_listed(&app, &access, &wanted, INTERVAL, Duration::from_mins(1));
        let kubelet = async {
            while api.requests().len() < 4 {
                tokio::time::sleep(INTERVAL).await;
            }
            list(&api, &["r/a:1", "docker.io/library/b:1"]);
            api.requests().len()
        };
        let (left, before) = tokio::join!(waiting, kubelet);
        assert!(left.is_empty(), "{left:?}");
        assert!((before + 1..before + 3).contains(&api.requests().len()), "{:?}", api.requests());
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_limit_or_for_what_cannot_be_known() {
        let (app, api) = (app(), FakeApi::default());
        let wanted = ["r/a:1".to_owned()];
        let limit = Duration::from_millis(60);
        // no node is seen: nobody would refuse the image
        assert!(until_listed(&app, &api.access(), &wanted, INTERVAL, limit).await.is_empty());
        assert_eq!(api.requests().len(), 1);
        list(&api, &["r/b:1"]);
        assert_eq!(until_listed(&app, &api.access(), &wanted, INTERVAL, limit).await, ["r/a:1"]);
        assert!(api.requests().len() > 3, "{:?}", api.requests());
    }
}
