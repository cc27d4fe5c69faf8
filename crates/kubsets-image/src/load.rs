//! The commands that put an image into a cluster. Running them is the caller's part.

use std::{fs, io, path::Path};

use crate::build::BuiltImage;

/// Arguments of `ctr` that load the archive for Kubernetes; run it in the node's namespaces.
pub fn containerd(image: &BuiltImage, socket: &Path) -> Vec<String> {
    let address = socket.display().to_string();
    let archive = image.archive.display().to_string();
    ["--address", &address, "--namespace", "k8s.io", "images", "import", &archive].map(str::to_owned).into()
}

/// Arguments of `kind` that load the archive into all nodes of a cluster.
pub fn kind(image: &BuiltImage, cluster: &str) -> Vec<String> {
    let archive = image.archive.display().to_string();
    ["load", "image-archive", &archive, "--name", cluster].map(str::to_owned).into()
}

/// Arguments of `k3d` that load the archive into all nodes of a cluster.
pub fn k3d(image: &BuiltImage, cluster: &str) -> Vec<String> {
    let archive = image.archive.display().to_string();
    ["image", "import", &archive, "--cluster", cluster].map(str::to_owned).into()
}

/// Copies the archive to a file of the user's.
///
/// # Errors
/// When the file cannot be written.
pub fn save(image: &BuiltImage, to: &Path) -> io::Result<u64> {
    fs::copy(&image.archive, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_archive() {
        let image = BuiltImage {
            reference: "registry.kubsets.local/example:v1".into(),
            digest: String::new(),
            archive: "/cache/image.tar".into(),
            layout: "/cache/layout".into(),
            sbom: "/cache/sbom".into(),
            size: 0,
        };
        let ctr = containerd(&image, Path::new("/run/containerd/containerd.sock")).join(" ");
        assert_eq!(
            ctr,
            "--address /run/containerd/containerd.sock --namespace k8s.io images import /cache/image.tar"
        );
        assert_eq!(kind(&image, "demo").join(" "), "load image-archive /cache/image.tar --name demo");
        assert_eq!(k3d(&image, "demo").join(" "), "image import /cache/image.tar --cluster demo");
    }
}
