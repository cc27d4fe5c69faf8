//! Objects that a lab makes: that they are objects, and that they stay in their namespace.

use serde_json::Value;

use super::{Finding, Linter, Severity};
use crate::error::LabError;
use crate::operation::{Apply, Operation};
use crate::outline::{Kind, Outline};
use crate::template::mask;

/// Registry whose images every cluster with the demo stack has.
const REGISTRY: &str = "registry.kubsets.local/";

/// Kind whose content must not get into a record.
pub(super) const SECRET: &str = "Secret";

/// Kinds outside namespaces, and those that decide who may do what.
const FORBIDDEN: [&str; 27] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterIssuer",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "FlowSchema",
    "GatewayClass",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
    "VolumeSnapshotClass",
];

/// Why a lab may not touch objects of a kind, nor read them.
pub(super) fn forbidden(kind: &str) -> Option<String> {
    if kind == SECRET {
        return Some(
            "the content of a Secret would stand in plan and record; a lab may only ask whether one exists"
                .into(),
        );
    }
    FORBIDDEN
        .contains(&kind)
        .then(|| format!("{kind} belongs to the whole cluster, a lab changes objects in its namespace only"))
}

/// What is wrong with an object: the path in it and the message.
fn problems(object: &Value) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let Some(fields) = object.as_object() else {
        return vec![(String::new(), "is no object".to_owned())];
    };
    for path in ["apiVersion", "kind", "metadata.name"] {
        let pointer = format!("/{}", path.replace('.', "/"));
        if object.pointer(&pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
            problems.push((path.to_owned(), format!("{path} is missing")));
        }
    }
    if object.pointer("/metadata/namespace").is_some() {
        let message = "an object of a lab names no namespace, the engine sets it".to_owned();
        problems.push(("metadata.namespace".to_owned(), message));
    }
    if let Some(reason) = fields.get("kind").and_then(Value::as_str).and_then(forbidden) {
        problems.push(("kind".to_owned(), reason));
    }
    pods(object, "", &mut problems);
    problems
}

/// Looks for pod specifications, wherever they are: an object with a list of containers is one.
fn pods(value: &Value, path: &str, problems: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) => {
            if fields.get("containers").is_some_and(Value::is_array) {
                for name in ["hostNetwork", "hostPID", "hostIPC"] {
                    if fields.get(name) == Some(&Value::Bool(true)) {
                        problems
                            .push((below(name), format!("{name} gives the pod what belongs to the node")));
                    }
                }
                let volumes = fields.get("volumes").and_then(Value::as_array).into_iter().flatten();
                for (index, _) in volumes.enumerate().filter(|(_, volume)| volume.get("hostPath").is_some()) {
                    let field = below(&format!("volumes[{index}].hostPath"));
                    problems.push((field, "hostPath gives the pod files of the node".to_owned()));
                }
            }
            for list in ["containers", "initContainers", "ephemeralContainers"] {
                let items = fields.get(list).and_then(Value::as_array).into_iter().flatten();
                for (index, item) in items.enumerate() {
                    container(item, &below(&format!("{list}[{index}]")), problems);
                }
            }
            for (name, value) in fields {
                pods(value, &below(name), problems);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pods(item, &format!("{path}[{index}]"), problems);
            }
        }
        _ => {}
    }
}

fn container(container: &Value, path: &str, problems: &mut Vec<(String, String)>) {
    if container.pointer("/securityContext/privileged") == Some(&Value::Bool(true)) {
        let field = format!("{path}.securityContext.privileged");
        problems.push((field, "a privileged container can do everything on its node".to_owned()));
    }
    if let Some(image) = container.get("image").and_then(Value::as_str)
        && !image.starts_with(REGISTRY)
    {
        problems.push((
            format!("{path}.image"),
            format!("{image:?} is not from {REGISTRY}, no cluster is sure to have it"),
        ));
    }
}

impl Linter<'_> {
    pub(super) fn manifests(&mut self) {
        let spec = &self.document.lab.spec;
        for (index, step) in spec.steps.iter().enumerate() {
            let path = format!("spec.steps[{index}]");
            match step.operation() {
                Some(Operation::Apply(apply)) => self.applied(&path, &apply),
                Some(Operation::Patch(patch)) => {
                    let mut problems = Vec::new();
                    pods(&patch.merge, "", &mut problems);
                    for (field, message) in problems {
                        self.error(&format!("{path}.patch.merge.{field}"), message);
                    }
                }
                Some(Operation::Canary(canary)) => {
                    let image = canary.image.as_deref().filter(|image| !image.starts_with(REGISTRY));
                    if let Some(image) = image {
                        self.error(
                            &format!("{path}.canary.image"),
                            format!("{image:?} is not from {REGISTRY}, no cluster is sure to have it"),
                        );
                    }
                }
                _ => {}
            }
        }
    }

    fn applied(&mut self, path: &str, apply: &Apply) {
        for (index, object) in apply.objects.iter().enumerate() {
            let root = format!("{path}.apply.objects[{index}]");
            for (field, message) in problems(object) {
                self.error(format!("{root}.{field}").trim_end_matches('.'), message);
            }
        }
        let Some(file) = &apply.file else { return };
        let field = format!("{path}.apply.file");
        if file.starts_with('/') || file.split('/').any(|part| part == ".." || part.is_empty()) {
            return self.error(&field, format!("{file:?} is no path below the lab's folder"));
        }
        match self.source.objects(file, self.resolved()) {
            None if self.in_folder => {
                let files = self.source.files.keys().map(String::as_str);
                let hint = crate::spelling::hint(file, files);
                self.error(&field, format!("there is no file {file:?} in the lab's folder{hint}"));
            }
            None => {}
            Some(Err(error)) => self.in_file(file, &error),
            Some(Ok(objects)) => {
                if objects.is_empty() {
                    self.error(&field, format!("the file {file:?} has no object"));
                }
                self.file_objects(file, &objects);
            }
        }
    }

    fn in_file(&mut self, file: &str, error: &LabError) {
        self.findings.push(Finding {
            severity: Severity::Error,
            file: file.to_owned(),
            place: error.place(),
            field: error.field().unwrap_or_default().to_owned(),
            message: error.message(),
        });
    }

    fn file_objects(&mut self, file: &str, objects: &[Value]) {
        let text = self.source.files.get(file).map(String::as_str).unwrap_or_default();
        let outlines = Outline::documents(&mask(text)).unwrap_or_default();
        let mut outlines = outlines.iter().filter(|outline| !is_empty(outline));
        for object in objects {
            let outline = outlines.next();
            for (field, message) in problems(object) {
                let place = outline.map(|outline| outline.place(&field));
                self.findings.push(Finding {
                    severity: Severity::Error,
                    file: file.to_owned(),
                    place,
                    field,
                    message,
                });
            }
        }
    }
}

/// Whether a document holds nothing, as between two `---`.
fn is_empty(outline: &Outline) -> bool {
    match outline.node("").map(|node| &node.kind) {
        None => true,
        Some(Kind::Scalar { text, .. }) => ["", "~", "null"].contains(&text.as_str()),
        Some(_) => false,
    }
}
