//! The manifests next to each component of the platform.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use crate::render::{self, Objects};
use crate::{rules, typed};

const FOLDER: &str = "kubectl-kubsets/platform";

/// Files that `kubectl apply` gets, with placeholders filled in. Values and Kustomize files are for other tools.
fn manifests() -> Result<Vec<(PathBuf, Objects)>> {
    let mut found = Vec::new();
    for component in std::fs::read_dir(render::root().join(FOLDER))? {
        let component = component?.path();
        for entry in std::fs::read_dir(&component)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.extension().is_none_or(|extension| extension != "yaml")
                || ["component.yaml", "source.yaml", "values.yaml", "kustomization.yaml", "deployment.yaml"]
                    .contains(&name)
            {
                continue;
            }
            let text = render::text(&path)?.replace("{{ dns_service_ip }}", "198.19.0.10");
            assert!(!text.contains("{{ "), "{}: a placeholder that nobody fills", path.display());
            found.push((path.clone(), render::parse(&text)?));
        }
    }
    assert!(found.len() >= 4, "{} files", found.len());
    Ok(found)
}

#[test]
fn every_field_is_known_to_the_api() -> Result<()> {
    for (path, objects) in manifests()? {
        assert_eq!(typed::unknown_parts(&objects)?, [""; 0], "{}", path.display());
    }
    Ok(())
}

#[test]
fn every_pod_keeps_the_rules() -> Result<()> {
    for (path, objects) in manifests()? {
        let checks = [rules::labels, rules::selectors, rules::restricted, rules::resources];
        let offences: Vec<String> = checks.iter().flat_map(|check| check(&objects)).collect();
        assert_eq!(offences, [""; 0], "{}", path.display());
    }
    Ok(())
}

#[test]
fn no_role_may_do_everything() -> Result<()> {
    for (path, objects) in manifests()? {
        for (key, object) in &objects {
            let rules = object["rules"].as_array().into_iter().flatten();
            let words: Vec<&Value> = rules
                .flat_map(|rule| [&rule["verbs"], &rule["resources"], &rule["apiGroups"]])
                .filter_map(Value::as_array)
                .flatten()
                .collect();
            assert!(!words.iter().any(|word| **word == "*"), "{} {key}", path.display());
            assert!(!words.iter().any(|word| **word == "secrets"), "{} {key}", path.display());
        }
    }
    Ok(())
}

#[test]
fn the_gateway_has_its_fixed_node_port() -> Result<()> {
    let objects = render::file(&Path::new(FOLDER).join("envoy-gateway/gateway-class.yaml"))?;
    let proxy = &objects["EnvoyProxy envoy-gateway-system/kubsets"]["spec"]["provider"]["kubernetes"];
    assert_eq!(proxy["envoyService"]["type"], "NodePort");
    assert_eq!(proxy["envoyService"]["patch"]["value"]["spec"]["ports"][0]["nodePort"], 30080);
    Ok(())
}
