//! The operations of the document.

use reqwest::Method;
use serde_json::Value;

#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) operation: Value,
}

impl Operation {
    pub(crate) fn id(&self) -> &str {
        self.operation["operationId"].as_str().unwrap_or_default()
    }

    /// Whether it asks for a token.
    pub(crate) fn is_secured(&self) -> bool {
        self.operation["security"].as_array().is_some_and(|all| !all.is_empty())
    }

    /// What it is about: the first part of its address.
    pub(super) fn subject(&self) -> &str {
        let below = self.path.trim_start_matches("/api/v1/").trim_start_matches("admin/");
        below.split('/').next().unwrap_or_default()
    }
}

pub(crate) fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(|(method, operation)| Operation {
            path: path.clone(),
            method: method.to_uppercase().parse().unwrap(),
            operation: operation.clone(),
        })
    });
    operations.collect()
}
