use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rules::damage::{Class, Detection, Region, Side};
use serde::Deserialize;

/// A photo and what people drew on it.
pub(crate) struct Photo {
    pub(crate) path: PathBuf,
    pub(crate) marks: Vec<Detection>,
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    width: f64,
    height: f64,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// The photos that carry at least one box.
pub(crate) fn read(folder: &Path) -> Result<Vec<Photo>> {
    let path = folder.join("annotations.json");
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File = serde_json::from_slice(&text).context("annotations.json is not COCO")?;
    let classes: BTreeMap<i64, Class> = file.categories.iter().map(|it| (it.id, class(&it.name))).collect();
    let mut photos = Vec::new();
    for image in &file.images {
        let own = file.annotations.iter().filter(|annotation| annotation.image_id == image.id);
        let marks: Vec<_> = own.filter_map(|annotation| mark(annotation, image, &classes)).collect();
        if !marks.is_empty() {
            photos.push(Photo { path: folder.join("images").join(&image.file_name), marks });
        }
    }
    Ok(photos)
}

/// The words of a data set's own vocabulary that mean something to us; a part of a car is taken for a dent.
fn class(name: &str) -> Class {
    match name {
        name if name.contains("scratch") => Class::Scratch,
        name if name.contains("broken") => Class::Broken,
        _ => Class::Dent,
    }
}

fn mark(annotation: &Annotation, image: &Image, classes: &BTreeMap<i64, Class>) -> Option<Detection> {
    let [x, y, width, height] = annotation.bbox;
    let (left, top) = ((x / image.width).max(0.0), (y / image.height).max(0.0));
    let (right, bottom) = (((x + width) / image.width).min(1.0), ((y + height) / image.height).min(1.0));
    let region = Region::new(left, top, right - left, bottom - top).ok()?;
    let class = *classes.get(&annotation.category_id)?;
    Some(Detection { side: Side::Left, class, score: 1.0, region, panel: None })
}

/// Whether two files are copies of one photo, as their names tell: `NAME.rf.HASH.jpg`.
pub(crate) fn same_origin(one: &Photo, other: &Photo) -> bool {
    let name = |photo: &Photo| photo.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = |photo: &Photo| name(photo).split(".rf.").next().map(str::to_owned);
    stem(one) == stem(other)
}
