//! Photos with numbered boxes, as the pages from mails show them.

use std::collections::HashMap;

use entity::{damage_case::DisputePhoto, derivative, photo};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter};
use serde::Serialize;
use uuid::Uuid;
use view::rental::Region;

/// A photo, or what stands in its place.
#[derive(Serialize)]
pub(crate) struct Picture {
    address: Option<String>,
    full: Option<String>,
    width: i32,
    height: i32,
    alt: String,
    caption: String,
    absent: &'static str,
    boxes: Vec<Mark>,
}

/// What a box says: its number, the `novelty` that gives it its colour, and what it is drawn around.
pub(crate) struct Boxed<'a> {
    pub(crate) number: i32,
    pub(crate) novelty: &'a str,
    pub(crate) what: String,
    pub(crate) region: Region,
}

/// A photo in words.
pub(crate) struct Words {
    pub(crate) caption: String,
    /// For those who do not see it, who then hear of every box.
    pub(crate) shows: String,
    /// What they hear where there is no box.
    pub(crate) bare: &'static str,
}

/// A numbered box in the pixels of the large copy.
#[derive(Serialize)]
struct Mark {
    number: i32,
    novelty: String,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    tag_x: f64,
    tag_y: f64,
    tag_scale: f64,
}

/// The large copies of these photos, by photo; those that are made already.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn copies(
    db: &DatabaseConnection,
    photos: &[photo::Model],
) -> Result<HashMap<Uuid, derivative::Model>, DbErr> {
    let ids = photos.iter().map(|photo| photo.id);
    let large = derivative::Entity::find()
        .filter(derivative::Column::PhotoId.is_in(ids))
        .filter(derivative::Column::Variant.eq("1600"));
    Ok(large.all(db).await?.into_iter().map(|copy| (copy.photo_id, copy)).collect())
}

impl Picture {
    /// A side of which there is no photo.
    pub(crate) fn none(caption: &str) -> Self {
        Self {
            address: None,
            full: None,
            width: 0,
            height: 0,
            alt: String::new(),
            caption: caption.to_owned(),
            absent: "There is no photo.",
            boxes: Vec::new(),
        }
    }

    /// A photo that came with a dispute; its copy is there as soon as the photo is.
    pub(crate) fn sent(photo: &DisputePhoto, number: usize, page: &str) -> Self {
        let caption = format!("Photo {number}");
        Self {
            address: Some(format!("{page}/photo/{}/1600", photo.id)),
            full: Some(format!("{page}/photo/{}/original", photo.id)),
            width: i32::try_from(photo.width).unwrap_or_default(),
            height: i32::try_from(photo.height).unwrap_or_default(),
            alt: format!("{caption} of those sent with the dispute"),
            ..Self::none(&caption)
        }
    }

    /// A photo by its large copy; `page` is the address under which its pictures are served.
    pub(crate) fn of(
        photo: &photo::Model,
        copy: Option<&derivative::Model>,
        page: &str,
        Words { caption, shows, bare }: Words,
        boxes: &[Boxed<'_>],
    ) -> Self {
        let marks: Vec<_> = boxes.iter().map(|boxed| format!("{} {}", boxed.number, boxed.what)).collect();
        let marks = if marks.is_empty() { bare.to_owned() } else { format!("marked: {}", marks.join("; ")) };
        let (width, height) = copy.map_or((0, 0), |copy| (copy.width, copy.height));
        Self {
            address: copy.map(|_| format!("{page}/photo/{}/1600", photo.id)),
            full: Some(format!("{page}/photo/{}/original", photo.id)),
            width,
            height,
            alt: format!("{shows}: {marks}"),
            caption,
            absent: "The large copy is not made yet; open the full picture.",
            boxes: boxes.iter().map(|boxed| mark(boxed, f64::from(width), f64::from(height))).collect(),
        }
    }
}

/// Of the picture's width: how large a number stands beside its box.
const TAG: f64 = 0.0022;

fn mark(boxed: &Boxed<'_>, width: f64, height: f64) -> Mark {
    let whole = |length: f64| length.round();
    let (x, y) = (whole(boxed.region.x * width), whole(boxed.region.y * height));
    let radius = 15.0 * TAG * width;
    Mark {
        number: boxed.number,
        novelty: boxed.novelty.to_owned(),
        x,
        y,
        width: whole(boxed.region.width * width),
        height: whole(boxed.region.height * height),
        // Above the corner, but never outside of the picture.
        tag_x: x.clamp(radius, (width - radius).max(radius)),
        tag_y: (y - radius).clamp(radius, (height - radius).max(radius)),
        tag_scale: TAG * width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_inside_its_picture() {
        for (x, y) in [(0.0, 0.0), (0.99, 0.99), (0.5, 0.5)] {
            let region = Region { x, y, width: 0.1, height: 0.1 };
            let boxed = Boxed { number: 1, novelty: "new", what: "dent".to_owned(), region };
            let mark = mark(&boxed, 1600.0, 1200.0);
            let radius = 14.0 * mark.tag_scale;
            assert!(mark.tag_x >= radius && mark.tag_x <= 1600.0 - radius);
            assert!(mark.tag_y >= radius && mark.tag_y <= 1200.0 - radius);
        }
    }
}
