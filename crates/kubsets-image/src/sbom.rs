//! The list of an image's parts as an SPDX 2.3 document.

use serde_json::{Value, json};

use crate::{recipe::Recipe, source::Part};

/// Builds the document. `key` makes its name unique.
pub(crate) fn document(recipe: &Recipe, key: &str, digest: &str, parts: &[Part]) -> Value {
    let image = json!({
        "SPDXID": "SPDXRef-image",
        "name": recipe.reference,
        "versionInfo": recipe.version(),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "primaryPackagePurpose": "CONTAINER",
        "externalRefs": [purl(&format!("pkg:oci/{}@{digest}", recipe.title()))],
    });
    let mut packages = vec![image];
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image")];
    for (index, part) in parts.iter().enumerate() {
        let id = format!("SPDXRef-part-{index}");
        let mut package = json!({
            "SPDXID": id,
            "name": part.name,
            "versionInfo": part.version,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "externalRefs": [purl(&part.purl)],
        });
        if let Some(sha256) = &part.sha256 {
            package["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": sha256 }]);
        }
        packages.push(package);
        relationships.push(relationship("SPDXRef-image", "CONTAINS", &id));
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": recipe.reference,
        "documentNamespace": format!("https://kubsets.dev/spdx/{key}"),
        "creationInfo": {
            "created": "1970-01-01T00:00:00Z",
            "creators": [concat!("Tool: kubsets-image-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "relationships": relationships,
    })
}

fn purl(locator: &str) -> Value {
    json!({
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": locator,
    })
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}
