//! OCI images from files and packages, without a container engine.
