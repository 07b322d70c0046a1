//! What the document allows.

use serde_json::Value;

/// A document with what refers to other parts of it.
pub(super) struct Document(pub(super) Value);

impl Document {
    /// The schema itself, where this is a reference to one, alone or with words of its own.
    pub(super) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = schema["allOf"].get(0).unwrap_or(schema);
        match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => &self.0["components"]["schemas"][name],
            None => schema,
        }
    }

    /// What a value has that its schema does not allow.
    pub(super) fn against(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        if value.is_null() && schema["nullable"] == true {
            return Vec::new();
        }
        let schema = self.resolved(schema);
        if let Some(ways) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            let fits = ways.iter().any(|way| self.against(way, value, place).is_empty());
            return if fits { Vec::new() } else { vec![format!("{place} is none of several")] };
        }
        let is_right = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        let is_known = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        if !is_right || !is_known {
            return vec![format!("{place} is {value}")];
        }
        let mut wrong = Vec::new();
        if let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            wrong.extend(
                required.filter(|name| !members.contains_key(*name)).map(|name| format!("{place}/{name} is missing")),
            );
            for (name, value) in members {
                match known.get(name) {
                    Some(schema) => wrong.extend(self.against(schema, value, &format!("{place}/{name}"))),
                    None => wrong.push(format!("{place}/{name} is not in the document")),
                }
            }
        }
        let items = value.as_array().into_iter().flatten().enumerate();
        wrong.extend(items.flat_map(|(at, item)| self.against(&schema["items"], item, &format!("{place}/{at}"))));
        wrong
    }
}
