//! Annotations in COCO's format.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Component, Path},
};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::Truth;

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

/// One photo of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotated {
    pub id: u64,
    pub file_name: String,
    pub truths: Vec<Truth>,
    /// Something is marked on it that the model has no class for.
    pub unmapped: bool,
}

/// All photos of a file, in the order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotations {
    pub photos: Vec<Annotated>,
    /// Categories that the model has no class for; their boxes are left out.
    pub unmapped: BTreeSet<String>,
}

/// The classes of a model and the names that annotations use for them.
pub struct Classes<'a> {
    pub names: &'a [String],
    /// The card's `categories`.
    pub categories: &'a BTreeMap<String, String>,
}

impl Classes<'_> {
    /// By the card's table, else by the class's own name; upper and lower case are the same.
    fn find(&self, category: &str) -> Option<usize> {
        let wanted = category.trim().to_lowercase();
        let mapped = self.categories.iter().find(|(name, _)| name.to_lowercase() == wanted);
        let class = mapped.map_or(wanted.as_str(), |(_, class)| class);
        self.names.iter().position(|name| name.to_lowercase() == class.to_lowercase())
    }
}

/// Reads a COCO file.
///
/// # Errors
/// When it cannot be read, names a photo twice or outside the folder, or marks something on a photo
/// that is not there.
pub fn read(path: &Path, classes: &Classes<'_>) -> anyhow::Result<Annotations> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let file: File = serde_json::from_slice(&bytes).with_context(|| format!("{} is not COCO JSON", path.display()))?;
    arrange(file, classes).with_context(|| path.display().to_string())
}

fn arrange(file: File, classes: &Classes<'_>) -> anyhow::Result<Annotations> {
    let names: HashMap<u64, String> = file.categories.into_iter().map(|one| (one.id, one.name)).collect();
    let mut photos = BTreeMap::new();
    for Image { id, file_name } in file.images {
        if Path::new(&file_name).components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            bail!("the photo {file_name} is not inside the folder");
        }
        if photos.insert(id, Annotated { id, file_name, truths: Vec::new(), unmapped: false }).is_some() {
            bail!("two photos have the id {id}");
        }
    }
    let mut unmapped = BTreeSet::new();
    for Annotation { image_id, category_id, bbox, iscrowd } in file.annotations {
        let photo = photos.get_mut(&image_id).with_context(|| format!("there is no photo with the id {image_id}"))?;
        let name =
            names.get(&category_id).with_context(|| format!("there is no category with the id {category_id}"))?;
        match classes.find(name) {
            Some(class) => photo.truths.push(Truth { class, region: bbox, crowd: iscrowd != 0 }),
            None => {
                photo.unmapped = true;
                unmapped.insert(name.clone());
            }
        }
    }
    Ok(Annotations { photos: photos.into_values().collect(), unmapped })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arranged(file_name: &str) -> anyhow::Result<Annotations> {
        let file = json!({
            "images": [{ "id": 9, "file_name": file_name }, { "id": 2, "file_name": "b.jpg" }],
            "annotations": [
                { "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4] },
                { "image_id": 9, "category_id": 2, "bbox": [1, 2, 3, 4], "iscrowd": 1 },
                { "image_id": 2, "category_id": 3, "bbox": [1, 2, 3, 4] },
            ],
            "categories": [{ "id": 1, "name": "Minor-Scratch" }, { "id": 2, "name": "dent" }, { "id": 3, "name": "rust" }],
        });
        let names = ["scratch".to_owned(), "dent".to_owned()];
        let categories = BTreeMap::from([("minor-scratch".to_owned(), "scratch".to_owned())]);
        arrange(serde_json::from_value(file).unwrap(), &Classes { names: &names, categories: &categories })
    }

    #[test]
    fn categories_become_classes_by_the_cards_table_or_by_name() {
        let read = arranged("a.jpg").unwrap();
        assert_eq!(read.photos.iter().map(|photo| photo.id).collect::<Vec<_>>(), [2, 9]);
        let region = [1.0, 2.0, 3.0, 4.0];
        let truths = [Truth { class: 0, region, crowd: false }, Truth { class: 1, region, crowd: true }];
        assert_eq!(read.photos[1].truths, truths);
        assert_eq!(read.photos.iter().map(|photo| photo.unmapped).collect::<Vec<_>>(), [true, false]);
        assert_eq!(read.unmapped, BTreeSet::from(["rust".to_owned()]));
    }

    #[test]
    fn a_photo_outside_the_folder_is_refused() {
        for outside in ["../a.jpg", "/etc/passwd", "x/../../a.jpg"] {
            assert!(arranged(outside).is_err(), "{outside}");
        }
    }
}
