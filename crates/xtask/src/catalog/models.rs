//! botocore's service models, as far as the catalog needs them.

use super::Fault;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

/// A service by botocore's name.
pub(super) struct ServiceModel {
    pub name: String,
    /// The folder of its newest version, for the endpoint rules beside the model.
    pub folder: std::path::PathBuf,
    pub model: Model,
}

#[derive(Deserialize)]
pub(super) struct Model {
    pub metadata: Metadata,
    #[serde(default)]
    pub operations: BTreeMap<String, OperationModel>,
    #[serde(default)]
    pub shapes: BTreeMap<String, ShapeModel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub protocol: String,
    #[serde(default)]
    pub protocols: Vec<String>,
    #[serde(default)]
    pub service_id: String,
    pub signing_name: Option<String>,
    pub json_version: Option<String>,
    #[serde(default)]
    pub target_prefix: String,
    #[serde(default)]
    pub xml_namespace: XmlNamespace,
    #[serde(default)]
    pub auth: Vec<String>,
    #[serde(default)]
    pub signature_version: String,
    pub aws_query_compatible: Option<serde::de::IgnoredAny>,
}

/// A namespace: bare text in metadata, an object elsewhere.
#[derive(Default)]
pub(super) struct XmlNamespace {
    pub prefix: String,
    pub uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OperationModel {
    pub http: Http,
    pub input: Option<Input>,
    pub output: Option<Input>,
    pub endpoint: Option<HostPrefix>,
    pub authtype: Option<String>,
    #[serde(default)]
    pub auth: Vec<String>,
    #[serde(default)]
    pub unsigned_payload: bool,
    #[serde(default)]
    pub http_checksum_required: bool,
    pub http_checksum: Option<HttpChecksum>,
    #[serde(default)]
    pub readonly: bool,
    pub requestcompression: Option<serde::de::IgnoredAny>,
    pub endpointdiscovery: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub static_context_params: BTreeMap<String, StaticParameter>,
}

#[derive(Deserialize)]
pub(super) struct StaticParameter {
    pub value: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http {
    pub method: String,
    pub request_uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    pub shape: String,
    #[serde(default)]
    pub location_name: String,
    #[serde(default)]
    pub xml_namespace: XmlNamespace,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostPrefix {
    pub host_prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpChecksum {
    #[serde(default)]
    pub request_checksum_required: bool,
    #[serde(default)]
    pub request_algorithm_member: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShapeModel {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: Ordered<MemberModel>,
    pub member: Option<MemberModel>,
    pub key: Option<MemberModel>,
    pub value: Option<MemberModel>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    #[serde(default)]
    pub payload: String,
    #[serde(default)]
    pub union: bool,
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub sparse: bool,
    #[serde(default)]
    pub eventstream: bool,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub timestamp_format: String,
    #[serde(default)]
    pub xml_namespace: XmlNamespace,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberModel {
    pub shape: String,
    #[serde(default)]
    pub location: String,
    pub location_name: Option<String>,
    #[serde(default)]
    pub query_name: String,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub xml_attribute: bool,
    #[serde(default)]
    pub xml_namespace: XmlNamespace,
    #[serde(default)]
    pub idempotency_token: bool,
    #[serde(default)]
    pub jsonvalue: bool,
    #[serde(default)]
    pub host_label: bool,
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub eventpayload: bool,
    #[serde(default)]
    pub timestamp_format: String,
}

/// An object whose order of keys matters: the members of a structure.
pub(super) struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<'de> Deserialize<'de> for XmlNamespace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bare(String),
            Object {
                #[serde(default)]
                prefix: String,
                uri: String,
            },
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Bare(uri) => Self {
                prefix: String::new(),
                uri,
            },
            Written::Object { prefix, uri } => Self { prefix, uri },
        })
    }
}

impl ServiceModel {
    /// The shape called `name`; models are checked to name no other.
    pub(super) fn shape(&self, name: &str) -> Result<&ShapeModel, Fault> {
        let shape = self.model.shapes.get(name);
        shape.ok_or_else(|| format!("`{}` has no shape `{name}`", self.name).into())
    }

    /// The name in credential scopes.
    pub(super) fn signing_name(&self) -> &str {
        let metadata = &self.model.metadata;
        metadata
            .signing_name
            .as_deref()
            .unwrap_or(&metadata.endpoint_prefix)
    }
}

/// Reads the newest version of every service.
pub(super) fn read(data: &Path) -> Result<Vec<ServiceModel>, Fault> {
    let mut services = Vec::new();
    for entry in sorted(data)? {
        if !entry.is_dir() {
            continue;
        }
        let versions = sorted(&entry)?;
        let newest = versions.iter().rev().find_map(|folder| {
            let file = folder.join("service-2.json.gz");
            file.exists().then_some((folder, file))
        });
        let Some((folder, file)) = newest else {
            continue;
        };
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let model: Model = read_json(&file)?;
        services.push(ServiceModel {
            name,
            folder: folder.clone(),
            model,
        });
    }
    services.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(services)
}

/// Reads a JSON file, packed if its name says so.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Fault> {
    let fault = |error: &dyn fmt::Display| format!("`{}`: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| fault(&error))?;
    let parsed = match path.extension().is_some_and(|extension| extension == "gz") {
        true => {
            let unpacked = std::io::read_to_string(GzDecoder::new(bytes.as_slice()))?;
            serde_json::from_str(&unpacked)
        }
        false => serde_json::from_slice(&bytes),
    };
    Ok(parsed.map_err(|error| fault(&error))?)
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, Fault> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}
